//! What operators change: requeue, replay, release, forget.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};

use super::cursor::Cursor;
use super::index::Index;
use super::lanes::{Lane, Replay};
use super::state::State;
use super::store::{self, Arrival, Content};
use super::{Change, ChangeDone, ReplayFrom, Shared, SpoolConfig, SpoolError, record, seek};
use crate::callback::{Request, Verdict};
use crate::normalize::Facts;

/// How many replays one sink may have at a time.
const REPLAYS: usize = 16;

/// What has to follow in memory when the change is committed.
pub(super) enum After {
    /// Nothing.
    Nothing,
    /// Dead letters of this sink were sent back.
    Requeued { sink: String, dead: u64, requeued: u64 },
    /// A replay of this sink began.
    Replay { sink: String, number: u64, replay: Replay },
    /// Records were added; the checksum of the last one.
    Appended { checksum: Option<u32> },
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
        Change::Requeue { sink, sequences } => requeue(tx, shared, sink, sequences.as_deref()),
        Change::Replay { sink, from, to } => replay(tx, state, shared, sink, *from, *to),
        Change::Release { held } => release(tx, state, index, &shared.config, held),
        Change::Forget { sink } => forget(tx, shared, sink),
    }
}

/// Draws the consequences in memory.
pub(super) fn follow(shared: &Shared, after: &After) {
    let lane = |sink: &str| shared.lanes.iter().find(|lane| lane.name == sink);
    match after {
        After::Nothing | After::Appended { .. } => {}
        After::Requeued { sink, dead, requeued } => {
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

fn requeue(
    tx: &Connection,
    shared: &Shared,
    sink: &str,
    sequences: Option<&[u64]>,
) -> Result<(ChangeDone, After), SpoolError> {
    let lane = known(shared, sink)?;
    let done = lane.read(|state| state.requeued_done.clone());
    let numbers = match sequences {
        Some(sequences) => sequences.to_vec(),
        None => {
            let mut all = tx.prepare("SELECT sequence FROM dead WHERE sink = ?1")?;
            let rows = all.query_map([sink], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<_>>()?
        }
    };
    let mut count = 0;
    for sequence in numbers {
        if done.contains(&sequence) {
            return Err(SpoolError::Refused(format!(
                "record {sequence} was requeued and published a moment ago: try again"
            )));
        }
        let rows = tx
            .prepare_cached("DELETE FROM dead WHERE sink = ?1 AND sequence = ?2")?
            .execute((sink, sequence))?;
        if rows > 0 {
            tx.prepare_cached("INSERT OR IGNORE INTO requeued VALUES (?1, ?2)")?.execute((sink, sequence))?;
            count += 1;
        }
    }
    let rows_of = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table} WHERE sink = ?1");
        tx.query_row(&sql, [sink], |row| row.get::<_, u64>(0))
    };
    let after =
        After::Requeued { sink: sink.to_owned(), dead: rows_of("dead")?, requeued: rows_of("requeued")? };
    Ok((ChangeDone::Requeued { sink: sink.to_owned(), count }, after))
}

fn replay(
    tx: &Connection,
    state: &State,
    shared: &Shared,
    sink: &str,
    from: ReplayFrom,
    to: Option<u64>,
) -> Result<(ChangeDone, After), SpoolError> {
    let lane = known(shared, sink)?;
    if lane.read(|state| state.replays.len()) >= REPLAYS {
        return Err(SpoolError::Refused(format!(
            "sink {sink} has {REPLAYS} unfinished replays already: wait for one to end"
        )));
    }
    let last = to.unwrap_or(u64::MAX).min(state.tip());
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
        "INSERT INTO replays (sink, first, last, low, above, started_at) VALUES (?1, ?2, ?3, ?4, x'', ?5)",
        (sink, first, last, first - 1, state.clock.as_millis()),
    )?;
    let number = u64::try_from(tx.last_insert_rowid()).unwrap_or_default();
    let replay = Replay { cursor: Cursor::at(first - 1), last };
    let done = ChangeDone::ReplayStarted { sink: sink.to_owned(), replay: number, from: first, to: last };
    Ok((done, After::Replay { sink: sink.to_owned(), number, replay }))
}

fn release(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    config: &SpoolConfig,
    held: &[u64],
) -> Result<(ChangeDone, After), SpoolError> {
    if held.len() > config.group_max {
        return Err(SpoolError::Refused(format!("release at most {} at a time", config.group_max)));
    }
    let (mut count, mut last) = (0, None);
    for number in held {
        let Some(callback) = held_back(tx, *number)? else { continue };
        let content = Content {
            request: &callback.request,
            verdict: &callback.verdict,
            facts: &callback.facts,
            fingerprint: &callback.fingerprint,
        };
        let seen = index.fingerprint(tx, content.fingerprint)?;
        let entity = content.entity();
        let standing = entity.as_deref().map(|entity| index.standing(tx, entity)).transpose()?.flatten();
        let occurrence = seen.map_or(0, |seen| seen.occurrence.saturating_add(1));
        let arrival = Arrival { occurrence, entity, standing, signatures: Vec::new() };
        last = store::accept(tx, state, index, &content, arrival)?.checksum;
        tx.execute("DELETE FROM held WHERE number = ?1", [number])?;
        state.held = state.held.saturating_sub(1);
        count += 1;
    }
    Ok((ChangeDone::Released { count }, After::Appended { checksum: last }))
}

/// A held-back duplicate, whole.
struct Held {
    request: Request,
    verdict: Verdict,
    facts: Facts,
    fingerprint: [u8; 32],
}

fn held_back(conn: &Connection, number: u64) -> Result<Option<Held>, SpoolError> {
    let sql = "SELECT method, target, content_type, content_encoding, verdict, facts, body, fingerprint \
        FROM held WHERE number = ?1";
    let found = conn
        .query_row(sql, [number], |row| {
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
            Ok(Some(Held { request, verdict, facts, fingerprint: row.get(7)? }))
        })
        .optional()?;
    match found {
        Some(None) => {
            Err(SpoolError::Refused(format!("held-back record {number} is damaged and cannot be released")))
        }
        Some(held) => Ok(held),
        None => Ok(None),
    }
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
