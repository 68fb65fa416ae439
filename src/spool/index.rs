//! The three keyed look-ups that decide: signature ledger, fingerprints, entity states.
//!
//! The plain form: SQL with cached statements, in the transaction of the batch, so that two equal requests in one
//! batch see each other.

use rusqlite::{Connection, OptionalExtension};

use super::decide::{Hash, Known, Seen, Standing};
use super::state::State;
use crate::event::{Status, Timestamp};

/// Whose entity: auth id, endpoint, id.
pub(super) type EntityKey<'a> = (&'a str, &'a str, &'a str);

/// The look-ups within a transaction.
pub(super) struct Index<'t> {
    conn: &'t Connection,
}

impl<'t> Index<'t> {
    /// Within the transaction that `conn` is in.
    pub(super) fn new(conn: &'t Connection) -> Self {
        Index { conn }
    }

    /// What a signature came with first.
    pub(super) fn signature(&self, hash: &Hash) -> rusqlite::Result<Option<Known>> {
        self.conn
            .prepare_cached("SELECT fingerprint, occurrence FROM signatures WHERE hash = ?1")?
            .query_row([hash], |row| Ok(Known { fingerprint: row.get(0)?, occurrence: row.get(1)? }))
            .optional()
    }

    /// Enters signatures that are not in the ledger yet; known ones keep what they came with first.
    pub(super) fn enter_signatures(
        &self,
        state: &mut State,
        signatures: &[(Hash, Option<Known>)],
        first: Known,
    ) -> rusqlite::Result<()> {
        let mut insert = self
            .conn
            .prepare_cached("INSERT INTO signatures VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?;
        for (hash, _) in signatures.iter().filter(|(_, known)| known.is_none()) {
            // One request may name a signature twice: only the first enters.
            let rows =
                insert.execute((hash, first.fingerprint, first.occurrence, state.clock.as_millis()))?;
            state.signatures += rows as u64;
        }
        Ok(())
    }

    /// The latest occurrence of a content.
    pub(super) fn fingerprint(&self, fingerprint: &Hash) -> rusqlite::Result<Option<Seen>> {
        self.conn
            .prepare_cached("SELECT occurrence, accepted_at FROM fingerprints WHERE fingerprint = ?1")?
            .query_row([fingerprint], |row| {
                Ok(Seen { occurrence: row.get(0)?, accepted_at: Timestamp::from_millis(row.get(1)?) })
            })
            .optional()
    }

    /// Notes a new occurrence, accepted now as the record `sequence`.
    pub(super) fn set_fingerprint(
        &self,
        state: &mut State,
        fingerprint: &Hash,
        occurrence: u32,
        sequence: u64,
    ) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached(
                "INSERT INTO fingerprints VALUES (?1, ?2, ?3, ?4) ON CONFLICT (fingerprint) DO UPDATE SET \
                 occurrence = excluded.occurrence, accepted_at = excluded.accepted_at, \
                 sequence = excluded.sequence",
            )?
            .execute((fingerprint, occurrence, state.clock.as_millis(), sequence))?;
        state.fingerprints += u64::from(occurrence == 0);
        Ok(())
    }

    /// Where an entity stands.
    pub(super) fn standing(&self, entity: EntityKey<'_>) -> rusqlite::Result<Option<Standing>> {
        let row = self
            .conn
            .prepare_cached(
                "SELECT status, at FROM entities WHERE account = ?1 AND endpoint = ?2 AND entity = ?3",
            )?
            .query_row(entity, |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        // A word of a later version counts as a status outside the table.
        Ok(row.map(|(status, at)| Standing {
            status: status.parse().unwrap_or(Status::Unknown),
            at: Timestamp::from_millis(at),
        }))
    }

    /// Notes where an entity stands now; `known` says whether it had a row.
    pub(super) fn set_standing(
        &self,
        state: &mut State,
        entity: EntityKey<'_>,
        standing: Standing,
        sequence: u64,
        known: bool,
    ) -> rusqlite::Result<()> {
        let (account, endpoint, id) = entity;
        self.conn
            .prepare_cached(
                "INSERT INTO entities VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (account, endpoint, entity) \
                 DO UPDATE SET status = excluded.status, at = excluded.at, sequence = excluded.sequence",
            )?
            .execute((account, endpoint, id, standing.status.as_str(), standing.at.as_millis(), sequence))?;
        state.entities += u64::from(!known);
        Ok(())
    }
}
