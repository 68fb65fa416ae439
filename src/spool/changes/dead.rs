//! Dead letters: sent to their sink again, or given up.

use rusqlite::Connection;

use super::super::{ChangeDone, Shared, SpoolError};
use super::{After, known};

/// Sends dead letters back: these, or all. Those that are none any more are passed over.
pub(super) fn requeue(
    tx: &Connection,
    shared: &Shared,
    sink: &str,
    sequences: Option<&[u64]>,
) -> Result<(ChangeDone, After), SpoolError> {
    let lane = known(shared, sink)?;
    let done = lane.read(|state| state.requeued_done.clone());
    let mut count = 0;
    for sequence in chosen(tx, sink, sequences)? {
        if done.contains(&sequence) {
            return Err(SpoolError::Refused(format!(
                "record {sequence} was requeued and published a moment ago: try again"
            )));
        }
        if take(tx, sink, sequence)? {
            tx.prepare_cached("INSERT OR IGNORE INTO requeued VALUES (?1, ?2)")?.execute((sink, sequence))?;
            count += 1;
        }
    }
    Ok((ChangeDone::Requeued { sink: sink.to_owned(), count }, counted(tx, sink)?))
}

/// Gives up dead letters: these, each of which has to be one, or all.
pub(super) fn discard(
    tx: &Connection,
    shared: &Shared,
    sink: &str,
    sequences: Option<&[u64]>,
) -> Result<(ChangeDone, After), SpoolError> {
    known(shared, sink)?;
    let mut count = 0;
    for sequence in chosen(tx, sink, sequences)? {
        if !take(tx, sink, sequence)? {
            let what =
                format!("record {sequence} is no dead letter of {sink}: nothing was done; see `dead list`");
            return Err(SpoolError::Refused(what));
        }
        count += 1;
    }
    Ok((ChangeDone::DiscardedDead { sink: sink.to_owned(), count }, counted(tx, sink)?))
}

fn chosen(tx: &Connection, sink: &str, sequences: Option<&[u64]>) -> rusqlite::Result<Vec<u64>> {
    if let Some(sequences) = sequences {
        return Ok(sequences.to_vec());
    }
    let mut all = tx.prepare("SELECT sequence FROM dead WHERE sink = ?1")?;
    let rows = all.query_map([sink], |row| row.get(0))?;
    rows.collect()
}

/// Takes a record from the dead letters; whether it was one.
fn take(tx: &Connection, sink: &str, sequence: u64) -> rusqlite::Result<bool> {
    let mut delete = tx.prepare_cached("DELETE FROM dead WHERE sink = ?1 AND sequence = ?2")?;
    Ok(delete.execute((sink, sequence))? > 0)
}

fn counted(tx: &Connection, sink: &str) -> rusqlite::Result<After> {
    let rows_of = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table} WHERE sink = ?1");
        tx.query_row(&sql, [sink], |row| row.get::<_, u64>(0))
    };
    Ok(After::Dead { sink: sink.to_owned(), dead: rows_of("dead")?, requeued: rows_of("requeued")? })
}
