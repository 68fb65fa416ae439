//! Finding the place to begin at, without a look at all that lies before.

use rusqlite::{Connection, OptionalExtension};

use crate::event::Timestamp;

/// The first record from a sequence on, and when it was received.
pub(super) fn first_from(conn: &Connection, from: u64) -> rusqlite::Result<Option<(u64, Timestamp)>> {
    conn.prepare_cached(
        "SELECT sequence, received_at FROM records WHERE sequence >= ?1 ORDER BY sequence LIMIT 1",
    )?
    .query_row([from], |row| Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?))))
    .optional()
}

/// The first record received at `since` or later, by bisection: times never run backwards with sequences.
pub(super) fn first_since(conn: &Connection, since: Timestamp, tip: u64) -> rusqlite::Result<Option<u64>> {
    let (mut low, mut high) = (1, tip + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match first_from(conn, middle)? {
            Some((sequence, at)) if at < since => low = sequence + 1,
            _ => high = middle,
        }
    }
    Ok(first_from(conn, low)?.map(|(sequence, _)| sequence))
}
