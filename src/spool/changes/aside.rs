//! What was kept aside, held back or in quarantine: made events of its own, or deleted.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use super::super::index::Index;
use super::super::state::State;
use super::super::store::{self, Arrival, Content};
use super::super::{SpoolConfig, SpoolError, record};
use super::After;
use crate::callback::{Request, Verdict};
use crate::event::EventId;
use crate::normalize::Facts;

/// Where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// Duplicates that came with a signature not seen before.
    Held,
    /// Callbacks whose signature had come with other content before.
    Quarantine,
}

/// A callback kept aside, whole.
struct Kept {
    request: Request,
    verdict: Verdict,
    facts: Facts,
    fingerprint: [u8; 32],
}

impl Aside {
    const fn table(self) -> &'static str {
        match self {
            Aside::Held => "held",
            Aside::Quarantine => "quarantine",
        }
    }

    fn count(self, state: &mut State) -> &mut u64 {
        match self {
            Aside::Held => &mut state.held,
            Aside::Quarantine => &mut state.quarantine,
        }
    }

    fn delete(self, tx: &Connection, state: &mut State, number: u64) -> rusqlite::Result<()> {
        let sql = format!("DELETE FROM {} WHERE number = ?1", self.table());
        let gone = tx.prepare_cached(&sql)?.execute([number])? as u64;
        *self.count(state) = self.count(state).saturating_sub(gone);
        Ok(())
    }
}

/// Makes events of those that are there; their ids. Each gets the next occurrence of its own content, and with it an id
/// that no other content can have. The ledger stays as it is: a signature in quarantine goes on to stand for what it
/// came with first, so that releasing one callback lets in no other.
pub(super) fn release(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    config: &SpoolConfig,
    from: Aside,
    numbers: &[u64],
) -> Result<(Vec<EventId>, After), SpoolError> {
    if numbers.len() > config.group_max {
        return Err(SpoolError::Refused(format!("release at most {} at a time", config.group_max)));
    }
    let (mut ids, mut checksum) = (Vec::new(), None);
    for number in numbers {
        let Some(kept) = kept(tx, from, *number)? else { continue };
        let content = Content {
            request: &kept.request,
            verdict: &kept.verdict,
            facts: &kept.facts,
            fingerprint: &kept.fingerprint,
        };
        let seen = index.fingerprint(tx, content.fingerprint)?;
        let entity = content.entity();
        let standing = entity.as_deref().map(|entity| index.standing(tx, entity)).transpose()?.flatten();
        let occurrence = seen.map_or(0, |seen| seen.occurrence.saturating_add(1));
        let arrival = Arrival { occurrence, entity, standing, signatures: Vec::new() };
        checksum = store::accept(tx, state, index, &content, arrival)?.checksum;
        from.delete(tx, state, *number)?;
        ids.push(EventId::new(&kept.fingerprint, occurrence));
    }
    Ok((ids, After::Appended { checksum }))
}

/// Deletes them: these, each of which has to be there, or all. How many.
pub(super) fn discard(
    tx: &Connection,
    state: &mut State,
    from: Aside,
    numbers: Option<&[u64]>,
) -> Result<u64, SpoolError> {
    let Some(numbers) = numbers else {
        let gone = tx.execute(&format!("DELETE FROM {}", from.table()), [])? as u64;
        *from.count(state) = 0;
        return Ok(gone);
    };
    all_there(tx, from, numbers)?;
    for number in numbers {
        from.delete(tx, state, *number)?;
    }
    Ok(numbers.len() as u64)
}

/// Refuses numbers that are not there or that are named twice.
pub(super) fn all_there(tx: &Connection, from: Aside, numbers: &[u64]) -> Result<(), SpoolError> {
    let sql = format!("SELECT count(*) FROM {} WHERE number = ?1", from.table());
    let mut look = tx.prepare_cached(&sql)?;
    for (place, number) in numbers.iter().enumerate() {
        let found: u64 = look.query_row([number], |row| row.get(0))?;
        if found == 0 || numbers[..place].contains(number) {
            let table = from.table();
            let what = if found == 0 { "is not there" } else { "is named twice" };
            return Err(SpoolError::Refused(format!(
                "number {number} of `{table} list` {what}: nothing was done"
            )));
        }
    }
    Ok(())
}

fn kept(conn: &Connection, from: Aside, number: u64) -> Result<Option<Kept>, SpoolError> {
    let sql = format!(
        "SELECT method, target, content_type, content_encoding, verdict, facts, body, fingerprint FROM {} \
         WHERE number = ?1",
        from.table()
    );
    let found = conn
        .query_row(&sql, [number], |row| {
            let (method, verdict, facts): (String, String, String) = (row.get(0)?, row.get(4)?, row.get(5)?);
            let parsed =
                (record::method(&method), serde_json::from_str(&verdict), serde_json::from_str(&facts));
            let (Some(method), Ok(verdict), Ok(facts)) = parsed else { return Ok(None) };
            let request = Request {
                method,
                target: row.get(1)?,
                content_type: row.get(2)?,
                content_encoding: row.get(3)?,
                body: Bytes::from(row.get::<_, Vec<u8>>(6)?),
            };
            Ok(Some(Kept { request, verdict, facts, fingerprint: row.get(7)? }))
        })
        .optional()?;
    match found {
        Some(None) => Err(SpoolError::Refused(format!(
            "number {number} of `{} list` is damaged and cannot be released",
            from.table()
        ))),
        Some(kept) => Ok(kept),
        None => Ok(None),
    }
}
