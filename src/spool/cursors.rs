//! Cursors on disk. At start those of configured sinks are loaded, those of others are kept and reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::cursor::Cursor;
use super::lanes::{Lane, LaneState, Replay, Unsaved};
use super::state::State;
use super::{LaneSpec, Only, Start};

/// Loads the lanes of `specs`, making cursors for sinks not seen before.
pub(super) fn load(
    conn: &mut Connection,
    specs: &[LaneSpec],
    state: &State,
) -> rusqlite::Result<Vec<Arc<Lane>>> {
    let tx = conn.transaction()?;
    tx.execute("UPDATE cursors SET configured = 0", [])?;
    let first: Option<u64> = tx.query_row("SELECT min(sequence) FROM records", [], |row| row.get(0))?;
    let first = first.unwrap_or(state.next);
    let mut lanes = Vec::with_capacity(specs.len());
    for spec in specs {
        let live = match load_cursor(&tx, &spec.name)? {
            Some(Some(cursor)) => settle(&tx, spec, cursor, first, state)?,
            Some(None) => damaged(&spec.name, first),
            None => Cursor::at(match spec.start {
                Start::Now => state.tip(),
                Start::Oldest => first - 1,
            }),
        };
        tx.execute(
            "INSERT INTO cursors VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT (sink) DO UPDATE SET low = excluded.low, \
             above = excluded.above, required = excluded.required, configured = 1",
            (&spec.name, live.low(), live.encode_above(), spec.required),
        )?;
        let loaded = load_rest(&tx, &spec.name, live, state)?;
        lanes.push(Arc::new(Lane::new(spec.name.clone(), spec.required, loaded)));
    }
    report_removed(&tx)?;
    tx.commit()?;
    Ok(lanes)
}

/// Reads the cursors again after a disk error, keeping the acknowledgements that were not saved: the sinks have
/// those records, whatever the disk says.
pub(super) fn merge_from_disk(conn: &Connection, lane: &Lane, state: &State) -> rusqlite::Result<()> {
    // What memory knows stands; a damaged cursor adds nothing to it.
    let live = load_cursor(conn, &lane.name)?.flatten().unwrap_or_default();
    let disk = load_rest(conn, &lane.name, live, state)?;
    lane.update(|memory| {
        memory.live.merge(&disk.live);
        memory.live.clamp(state.tip());
        memory.requeued = disk.requeued;
        memory.dead = disk.dead;
        let mut replays = disk.replays;
        for (number, replay) in &mut replays {
            if let Some(known) = memory.replays.get(number) {
                replay.cursor.merge(&known.cursor);
            }
        }
        memory.replays = replays;
    });
    lane.not_saved();
    Ok(())
}

/// Writes what a lane has to save.
pub(super) fn save(conn: &Connection, sink: &str, unsaved: &Unsaved) -> rusqlite::Result<()> {
    save_live(conn, sink, &unsaved.live)?;
    for (number, replay) in &unsaved.replays {
        if replay.finished() {
            conn.execute("DELETE FROM replays WHERE number = ?1", [number])?;
            tracing::info!(sink, replay = number, "the replay is finished");
            continue;
        }
        conn.prepare_cached("UPDATE replays SET low = ?2, above = ?3 WHERE number = ?1")?.execute((
            number,
            replay.cursor.low(),
            replay.cursor.encode_above(),
        ))?;
    }
    for sequence in &unsaved.requeued_done {
        conn.prepare_cached("DELETE FROM requeued WHERE sink = ?1 AND sequence = ?2")?
            .execute((sink, sequence))?;
    }
    Ok(())
}

/// Writes how far the live feed of a lane has come.
pub(super) fn save_live(conn: &Connection, sink: &str, live: &Cursor) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE cursors SET low = ?2, above = ?3 WHERE sink = ?1")?.execute((
        sink,
        live.low(),
        live.encode_above(),
    ))?;
    Ok(())
}

/// The stored cursor, if there is one; and if so, whether it can be trusted.
fn load_cursor(conn: &Connection, sink: &str) -> rusqlite::Result<Option<Option<Cursor>>> {
    conn.query_row("SELECT low, above FROM cursors WHERE sink = ?1", [sink], |row| {
        Ok(Cursor::decode(row.get(0)?, &row.get::<_, Vec<u8>>(1)?))
    })
    .optional()
}

/// Where a cursor begins anew that cannot be trusted: to publish twice is better than to pass over a record.
fn damaged(sink: &str, first: u64) -> Cursor {
    tracing::error!(
        sink,
        first,
        "what a sink has published cannot be read: all that the spool holds from this record on is published again, under the same ids; check the disk"
    );
    Cursor::at(first.saturating_sub(1))
}

/// Brings a stored cursor in line with what the spool holds.
fn settle(
    conn: &Connection,
    spec: &LaneSpec,
    mut cursor: Cursor,
    first: u64,
    state: &State,
) -> rusqlite::Result<Cursor> {
    cursor.clamp(state.tip());
    let mut missing = conn.prepare("SELECT first, last FROM missing")?;
    let mut rows = missing.query([])?;
    while let Some(row) = rows.next()? {
        cursor.ack_range(row.get(0)?, row.get(1)?);
    }
    let gone = cursor.open_until(first - 1);
    cursor.ack_range(1, first - 1);
    if gone > 0 {
        tracing::warn!(sink = %spec.name, records = gone, "records were deleted while this sink was not configured: it does not get them");
    }
    Ok(cursor)
}

fn load_rest(conn: &Connection, sink: &str, live: Cursor, state: &State) -> rusqlite::Result<LaneState> {
    let count = |sql: &str| conn.query_row(sql, [sink], |row| row.get::<_, u64>(0));
    let mut replays = BTreeMap::new();
    let mut statement =
        conn.prepare("SELECT number, last, low, above, filter, first FROM replays WHERE sink = ?1")?;
    let mut rows = statement.query([sink])?;
    while let Some(row) = rows.next()? {
        let cursor = match Cursor::decode(row.get(2)?, &row.get::<_, Vec<u8>>(3)?) {
            Some(cursor) => cursor,
            None => damaged(sink, row.get(5)?),
        };
        let only = Only::from_stored(row.get::<_, Option<String>>(4)?.as_deref());
        let last = row.get::<_, u64>(1)?.min(state.tip());
        replays.insert(row.get(0)?, Replay { cursor, last, only });
    }
    Ok(LaneState {
        live,
        replays,
        requeued: count("SELECT count(*) FROM requeued WHERE sink = ?1")?,
        dead: count("SELECT count(*) FROM dead WHERE sink = ?1")?,
        ..LaneState::default()
    })
}

fn report_removed(conn: &Connection) -> rusqlite::Result<()> {
    let mut statement = conn.prepare("SELECT sink, low FROM cursors WHERE configured = 0")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (sink, cursor): (String, u64) = (row.get(0)?, row.get(1)?);
        tracing::warn!(
            sink,
            cursor,
            "the spool has the cursor of a sink that is not configured: it holds no records back; `sinks forget` forgets it"
        );
    }
    Ok(())
}
