//! A part of a purge.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use super::super::cursor::Cursor;
use super::super::index::{self, Index};
use super::super::lanes::Lane;
use super::super::purge::{self, Purge, PurgeRows, PurgeStep, Purged, Whose};
use super::super::state::State;
use super::super::{ChangeDone, Only, Shared, SpoolError, cursors};
use super::After;

/// Takes a step of a purge.
pub(super) fn purge(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    shared: &Shared,
    (purge, step): (&Purge, &PurgeStep),
) -> Result<(ChangeDone, After), SpoolError> {
    let purged = match step {
        PurgeStep::Begin => {
            end_replays(tx, purge)?;
            Purged::default()
        }
        PurgeStep::Rows(rows) => take_rows(tx, state, index, shared, (purge, rows))?,
        PurgeStep::Notes(numbers) => {
            index::forget_in_notes(tx, numbers, |name, at, sequence| purge.takes(name, at, sequence))?;
            Purged::default()
        }
        PurgeStep::End(audit, purged) => {
            audit.iter().try_for_each(|number| forget_in_audit(tx, *number))?;
            *purged
        }
    };
    Ok((ChangeDone::Purged(purged), After::Reread { checksum: None }))
}

fn take_rows(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    shared: &Shared,
    (purge, rows): (&Purge, &PurgeRows),
) -> Result<Purged, SpoolError> {
    let mut purged = Purged::default();
    let mut passing: Vec<(&Arc<Lane>, Cursor)> =
        shared.lanes.iter().map(|lane| (lane, lane.read(|at| at.live.clone()))).collect();
    for sequence in rows.records.iter().filter(|sequence| **sequence <= purge.until) {
        if !purge.unpublished {
            is_everywhere(tx, &shared.lanes, *sequence)?;
        }
        // What is gone is nothing to be published, nor was it lost.
        passing.iter_mut().for_each(|(_, cursor)| cursor.ack_range(*sequence, *sequence));
        for table in ["dead", "requeued", "superseded"] {
            tx.prepare_cached(&format!("DELETE FROM {table} WHERE sequence = ?1"))?.execute([sequence])?;
        }
        let delete = tx.prepare_cached("DELETE FROM records WHERE sequence = ?1")?.execute([sequence])?;
        purged.records += delete as u64;
    }
    for (lane, cursor) in passing {
        cursors::save_live(tx, &lane.name, &cursor)?;
    }
    purged.held = take_aside(tx, "held", &rows.held)?;
    purged.quarantined = take_aside(tx, "quarantine", &rows.quarantined)?;
    for [account, endpoint, id] in &rows.entities {
        let name = index::entity_name(account, endpoint, id);
        purged.entities += u64::from(index.forget_standing(tx, state, &name, purge.until)?);
    }
    state.records = state.records.saturating_sub(purged.records);
    state.held = state.held.saturating_sub(purged.held);
    state.quarantine = state.quarantine.saturating_sub(purged.quarantined);
    Ok(purged)
}

/// Refuses a record that some sink has still to get.
fn is_everywhere(tx: &Connection, lanes: &[Arc<Lane>], sequence: u64) -> Result<(), SpoolError> {
    let mut waits = tx.prepare_cached(
        "SELECT count(*) FROM (SELECT sink, sequence FROM dead UNION ALL SELECT sink, sequence FROM requeued) \
         WHERE sink = ?1 AND sequence = ?2",
    )?;
    for lane in lanes {
        let aside: u64 = waits.query_row((&lane.name, sequence), |row| row.get(0))?;
        if aside > 0 || lane.read(|state| state.waits_for(sequence)) {
            return Err(SpoolError::Refused(format!(
                "record {sequence} has still to be published on {}: wait for it, or add --unpublished",
                lane.name
            )));
        }
    }
    Ok(())
}

fn take_aside(tx: &Connection, table: &str, numbers: &[u64]) -> rusqlite::Result<u64> {
    let mut delete = tx.prepare_cached(&format!("DELETE FROM {table} WHERE number = ?1"))?;
    let mut gone = 0;
    for number in numbers {
        gone += delete.execute([number])? as u64;
    }
    Ok(gone)
}

/// A replay that is about the one entity whose callbacks go has nothing left, and would go on naming it.
fn end_replays(tx: &Connection, purge: &Purge) -> Result<(), SpoolError> {
    let Whose::Entity(entity) = &purge.whose else { return Ok(()) };
    let mut statement = tx.prepare("SELECT number, filter FROM replays WHERE filter IS NOT NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let replays: Vec<(u64, String)> = rows.collect::<rusqlite::Result<_>>()?;
    for (number, filter) in replays {
        if Only::from_stored(Some(&filter)).entity.as_ref() != Some(entity) {
            continue;
        }
        if !purge.unpublished {
            return Err(SpoolError::Refused(format!(
                "replay {number} is about this entity and not finished: wait for it, or add --unpublished"
            )));
        }
        tx.execute("DELETE FROM replays WHERE number = ?1", [number])?;
    }
    Ok(())
}

/// Puts a hash where a row of the audit names an entity.
fn forget_in_audit(tx: &Connection, number: u64) -> Result<(), SpoolError> {
    let found = tx
        .query_row("SELECT change, done FROM audit WHERE number = ?1", [number], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let Some((change, done)) = found else { return Ok(()) };
    tx.execute(
        "UPDATE audit SET change = ?2, done = ?3 WHERE number = ?1",
        (number, without_entity(&change), without_entity(&done)),
    )?;
    Ok(())
}

/// The same JSON with a hash for the entity of each filter.
fn without_entity(text: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return "null".to_owned() };
    for told in value.as_object_mut().into_iter().flat_map(|kinds| kinds.values_mut()) {
        if let Some(entity) = told.pointer_mut("/only/entity")
            && let Some(id) = entity.as_str().filter(|id| !id.starts_with("sha256:"))
        {
            *entity = purge::hashed(id).into();
        }
    }
    value.to_string()
}
