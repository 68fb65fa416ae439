//! After a crash: is all there that was acknowledged?

use rusqlite::{Connection, OptionalExtension};

use super::high_water::Mark;
use super::state::State;
use super::wal::Log;

/// Compares the database with the mark of what was acknowledged, and says loudly what is missing. Numbering goes on
/// above it, so that no number is ever given twice.
pub(super) fn recover(
    conn: &mut Connection,
    state: &mut State,
    mark: Option<Mark>,
    log: Log,
    log_copy: Option<&str>,
) -> rusqlite::Result<()> {
    match mark {
        Some(mark) if mark.sequence > state.tip() => note_loss(conn, state, mark.sequence, log_copy)?,
        Some(mark) => {
            if other_record(conn, mark)? {
                tracing::error!(
                    sequence = mark.sequence,
                    "a record is not the one that was acknowledged under its number: was the spool restored from a copy?"
                );
            } else if log.is_damaged() {
                tracing::error!(
                    copy = log_copy,
                    "the spool's log was damaged, but every acknowledged record is there"
                );
            }
        }
        None if log.is_damaged() => {
            tracing::error!(
                copy = log_copy,
                "the spool's log was damaged and there is no mark of what was acknowledged: records may be missing"
            );
        }
        None => {}
    }
    Ok(())
}

/// Notes that what lies between the database's tip and `until` was acknowledged and is not there.
pub(super) fn note_loss(
    conn: &mut Connection,
    state: &mut State,
    until: u64,
    log_copy: Option<&str>,
) -> rusqlite::Result<()> {
    let first = state.next;
    tracing::error!(
        first,
        last = until,
        copy = log_copy,
        "acknowledged records are missing: the disk lost them; numbering goes on above them, see `spool status`"
    );
    let mut next = *state;
    next.next = until + 1;
    let tx = conn.transaction()?;
    tx.execute(
        "INSERT INTO missing VALUES (?1, ?2, ?3, ?4)",
        (first, until, state.clock.as_millis(), log_copy),
    )?;
    next.save(&tx)?;
    tx.commit()?;
    *state = next;
    Ok(())
}

/// Whether the record of the mark is there and is another one.
fn other_record(conn: &Connection, mark: Mark) -> rusqlite::Result<bool> {
    let found: Option<u32> = conn
        .query_row("SELECT checksum FROM records WHERE sequence = ?1", [mark.sequence], |row| row.get(0))
        .optional()?;
    Ok(found.is_some_and(|checksum| checksum != mark.checksum))
}
