//! What operators change.

use rusqlite::Connection;

use super::cursor::Cursor;
use super::index::Index;
use super::lanes::{Lane, Replay};
use super::state::State;
use super::{Change, ChangeDone, ImportStep, Only, ReplayFrom, ReplayTo, Shared, SpoolError, seek};

mod adopt;
mod aside;
mod dead;
mod purge;
mod revise;

use aside::Aside;

/// How many replays one sink may have at a time.
const REPLAYS: usize = 16;

/// What has to follow in memory when the change is committed.
pub(super) enum After {
    /// Nothing.
    Nothing,
    /// Dead letters of this sink were sent back or given up: how many there are now.
    Dead { sink: String, dead: u64, requeued: u64 },
    /// A replay of this sink began.
    Replay { sink: String, number: u64, replay: Replay },
    /// Records were added; the checksum of the last one.
    Appended { checksum: Option<u32> },
    /// What lanes are done with was written as well: it has to be read again before they look at new records.
    Reread { checksum: Option<u32> },
}

/// Applies a change within a transaction.
pub(super) fn apply(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    shared: &Shared,
    change: &Change,
) -> Result<(ChangeDone, After), SpoolError> {
    match change {
        Change::Requeue { sink, sequences } => dead::requeue(tx, shared, sink, sequences.as_deref()),
        Change::DiscardDead { sink, sequences } => dead::discard(tx, shared, sink, sequences.as_deref()),
        Change::Replay { sink, from, to, only } => replay(tx, state, shared, sink, (*from, *to), only),
        Change::Release { held } => {
            let (ids, after) = aside::release(tx, state, index, &shared.config, Aside::Held, held)?;
            Ok((ChangeDone::Released { count: ids.len() as u64 }, after))
        }
        Change::ReleaseQuarantined { numbers } => {
            aside::all_there(tx, Aside::Quarantine, numbers)?;
            let (ids, after) = aside::release(tx, state, index, &shared.config, Aside::Quarantine, numbers)?;
            Ok((ChangeDone::ReleasedQuarantined { ids }, after))
        }
        Change::DiscardQuarantined { numbers } => {
            let count = aside::discard(tx, state, Aside::Quarantine, numbers.as_deref())?;
            Ok((ChangeDone::DiscardedQuarantined { count }, After::Nothing))
        }
        Change::Renormalize { revisions } => revise::revise(tx, state, index, &shared.config, revisions),
        Change::Forget { sink } => forget(tx, shared, sink),
        Change::Import { step: ImportStep::Lines(lines), .. } => {
            adopt::adopt(tx, state, index, shared, lines)
        }
        Change::Purge { purge, step } => purge::purge(tx, state, index, shared, (purge, step)),
        // The writer's own: it is no transaction.
        Change::Compact { .. } => Err(SpoolError::Refused("the spool is compacted alone".to_owned())),
        Change::Import { step, .. } => Ok((ChangeDone::Imported(step.so_far()), After::Nothing)),
    }
}

/// Draws the consequences in memory.
pub(super) fn follow(shared: &Shared, after: &After) {
    let lane = |sink: &str| shared.lanes.iter().find(|lane| lane.name == sink);
    match after {
        After::Nothing | After::Appended { .. } | After::Reread { .. } => {}
        After::Dead { sink, dead, requeued } => {
            if let Some(lane) = lane(sink) {
                lane.update(|state| {
                    state.dead = *dead;
                    // Counted on disk: those done and not yet deleted are among them.
                    state.requeued = *requeued;
                });
            }
        }
        After::Replay { sink, number, replay } => {
            if let Some(lane) = lane(sink) {
                lane.update(|state| state.replays.insert(*number, replay.clone()));
            }
        }
    }
}

fn replay(
    tx: &Connection,
    state: &State,
    shared: &Shared,
    sink: &str,
    (from, to): (ReplayFrom, Option<ReplayTo>),
    only: &Only,
) -> Result<(ChangeDone, After), SpoolError> {
    let lane = known(shared, sink)?;
    if lane.read(|state| state.replays.len()) >= REPLAYS {
        return Err(SpoolError::Refused(format!(
            "sink {sink} has {REPLAYS} unfinished replays already: wait for one to end"
        )));
    }
    let last = match to {
        None => state.tip(),
        Some(ReplayTo::Sequence(sequence)) => sequence.min(state.tip()),
        Some(ReplayTo::Time(time)) => {
            seek::first_since(tx, time, state.tip())?.map_or(state.tip(), |after| after - 1)
        }
    };
    let first = match from {
        ReplayFrom::Sequence(sequence) => {
            seek::first_from(tx, sequence.max(1))?.map(|(sequence, _)| sequence)
        }
        ReplayFrom::Time(time) => seek::first_since(tx, time, state.tip())?,
    };
    let Some(first) = first.filter(|first| *first <= last) else {
        return Err(SpoolError::Refused(
            "the spool holds no record of that range: `spool status` shows what there is".to_owned(),
        ));
    };
    tx.execute(
        "INSERT INTO replays (sink, first, last, low, above, started_at, filter) \
         VALUES (?1, ?2, ?3, ?4, x'', ?5, ?6)",
        (sink, first, last, first - 1, state.clock.as_millis(), only.to_stored()),
    )?;
    let number = u64::try_from(tx.last_insert_rowid()).unwrap_or_default();
    let replay = Replay { cursor: Cursor::at(first - 1), last, only: only.clone() };
    let (sink, only) = (sink.to_owned(), only.clone());
    let done = ChangeDone::ReplayStarted { sink: sink.clone(), replay: number, from: first, to: last, only };
    Ok((done, After::Replay { sink, number, replay }))
}

fn forget(tx: &Connection, shared: &Shared, sink: &str) -> Result<(ChangeDone, After), SpoolError> {
    if shared.lanes.iter().any(|lane| lane.name == sink) {
        return Err(SpoolError::Refused(format!(
            "sink {sink} is configured: remove it from the configuration and restart before it is forgotten"
        )));
    }
    if tx.execute("DELETE FROM cursors WHERE sink = ?1", [sink])? == 0 {
        return Err(unknown(shared, sink));
    }
    let dead_letters = tx.execute("DELETE FROM dead WHERE sink = ?1", [sink])? as u64;
    tx.execute("DELETE FROM requeued WHERE sink = ?1", [sink])?;
    tx.execute("DELETE FROM replays WHERE sink = ?1", [sink])?;
    Ok((ChangeDone::Forgotten { sink: sink.to_owned(), dead_letters }, After::Nothing))
}

fn known<'s>(shared: &'s Shared, sink: &str) -> Result<&'s Lane, SpoolError> {
    let lane = shared.lanes.iter().find(|lane| lane.name == sink);
    lane.map(AsRef::as_ref).ok_or_else(|| unknown(shared, sink))
}

fn unknown(shared: &Shared, sink: &str) -> SpoolError {
    let known: Vec<&str> = shared.lanes.iter().map(|lane| lane.name.as_str()).collect();
    SpoolError::UnknownSink { name: sink.to_owned(), known: known.join(", ") }
}
