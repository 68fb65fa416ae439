//! The one row that is written with each batch: the next number, the clock, and how many rows there are.

use rusqlite::Connection;

use crate::event::Timestamp;

/// The row, as it stands after the last commit or in the batch being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// The number of the next record.
    pub(super) next: u64,
    /// The spool's clock: never runs backwards.
    pub(super) clock: Timestamp,
    pub(super) records: u64,
    pub(super) signatures: u64,
    pub(super) fingerprints: u64,
    pub(super) entities: u64,
    pub(super) held: u64,
    pub(super) quarantine: u64,
}

impl State {
    /// Reads it.
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        conn.query_row(
            "SELECT next, clock, records, signatures, fingerprints, entities, held, quarantine FROM state",
            [],
            |row| {
                Ok(State {
                    next: row.get(0)?,
                    clock: Timestamp::from_millis(row.get(1)?),
                    records: row.get(2)?,
                    signatures: row.get(3)?,
                    fingerprints: row.get(4)?,
                    entities: row.get(5)?,
                    held: row.get(6)?,
                    quarantine: row.get(7)?,
                })
            },
        )
    }

    /// Writes it.
    pub(super) fn save(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "UPDATE state SET next = ?1, clock = ?2, records = ?3, signatures = ?4, fingerprints = ?5, \
             entities = ?6, held = ?7, quarantine = ?8",
        )?
        .execute((
            self.next,
            self.clock.as_millis(),
            self.records,
            self.signatures,
            self.fingerprints,
            self.entities,
            self.held,
            self.quarantine,
        ))?;
        Ok(())
    }

    /// The highest number that was given.
    pub(super) fn tip(&self) -> u64 {
        self.next - 1
    }
}
