//! Deleting: what every configured sink has published goes when it is old, or when its room is needed.
//!
//! Dead letters, requeued ones and the ranges of replays hold their records.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::lanes::Lane;
use super::state::State;
use crate::event::Timestamp;

/// How many records one step looks at.
const STEP: usize = 500;

/// How many pages of held records one step passes over.
const PAGES: usize = 200;

/// Below and at this, everything is deleted or held.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swept(u64);

/// What one step did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Records deleted.
    pub(super) records: u64,
    /// Whether another step may find more.
    pub(super) more: bool,
}

/// The pages of the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    count: u64,
    free: u64,
    size: u64,
}

impl Pages {
    /// Bytes in use.
    pub(super) fn used_bytes(&self) -> u64 {
        self.count.saturating_sub(self.free) * self.size
    }

    /// Bytes of the database, once all of the log is folded into it.
    pub(super) fn total_bytes(&self) -> u64 {
        self.count * self.size
    }

    /// Bytes that are free inside the file.
    pub(super) fn free_bytes(&self) -> u64 {
        self.free * self.size
    }
}

/// Counts the pages.
pub(super) fn pages(conn: &Connection) -> rusqlite::Result<Pages> {
    let value = |sql| conn.prepare_cached(sql)?.query_row([], |row| row.get(0));
    Ok(Pages {
        count: value("PRAGMA page_count")?,
        free: value("PRAGMA freelist_count")?,
        size: value("PRAGMA page_size")?,
    })
}

/// Deletes one step's worth of published records; with `before`, only those received before it, and what is kept
/// aside of that age as well.
pub(super) fn delete_step(
    tx: &Connection,
    state: &mut State,
    lanes: &[Arc<Lane>],
    tip: u64,
    before: Option<Timestamp>,
    swept: &mut Swept,
) -> rusqlite::Result<Step> {
    let floor = floor(lanes.iter(), tip);
    let mut records = 0;
    let mut more = true;
    // Where dead letters hold whole pages, go on until something could be deleted.
    for _ in 0..PAGES {
        let page = oldest(tx, swept.0, floor, before)?;
        records = delete_page(tx, lanes, &page)?;
        swept.0 = page.last().copied().unwrap_or(swept.0);
        more = page.len() == STEP;
        if records > 0 || !more {
            break;
        }
    }
    state.records = state.records.saturating_sub(records);
    if let Some(before) = before {
        let held = delete_aside(tx, "held", before)?;
        let quarantined = delete_aside(tx, "quarantine", before)?;
        state.held = state.held.saturating_sub(held);
        state.quarantine = state.quarantine.saturating_sub(quarantined);
        more |= held.max(quarantined) == STEP as u64;
    }
    Ok(Step { records, more })
}

/// Whether [`delete_step`] would find something of that age.
pub(super) fn is_due(
    conn: &Connection,
    lanes: &[Arc<Lane>],
    tip: u64,
    before: Timestamp,
) -> rusqlite::Result<bool> {
    if !oldest(conn, 0, floor(lanes.iter(), tip), Some(before))?.is_empty() {
        return Ok(true);
    }
    let first_is_old = |table: &str| {
        let sql = format!("SELECT received_at FROM {table} ORDER BY number LIMIT 1");
        let first: Option<i64> = conn.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()?;
        Ok::<_, rusqlite::Error>(first.is_some_and(|first| first < before.as_millis()))
    };
    Ok(first_is_old("held")? || first_is_old("quarantine")?)
}

/// Drops what sinks that are not required hold of the oldest records, for which the others do not wait. Returns the
/// sequence up to which they have to pass over records, and how many dead letters went.
pub(super) fn unhold(tx: &Connection, lanes: &[Arc<Lane>], tip: u64) -> rusqlite::Result<Option<(u64, u64)>> {
    if lanes.iter().all(|lane| lane.required) {
        return Ok(None);
    }
    let floor = floor(lanes.iter().filter(|lane| lane.required), tip);
    let Some(until) = oldest(tx, 0, floor, None)?.pop() else { return Ok(None) };
    let mut dropped = 0;
    for lane in lanes.iter().filter(|lane| !lane.required) {
        dropped += tx.execute("DELETE FROM dead WHERE sink = ?1 AND sequence <= ?2", (&lane.name, until))?;
        dropped +=
            tx.execute("DELETE FROM requeued WHERE sink = ?1 AND sequence <= ?2", (&lane.name, until))?;
    }
    Ok(Some((until, dropped as u64)))
}

/// Up to this, all of these lanes have published everything.
fn floor<'l>(lanes: impl Iterator<Item = &'l Arc<Lane>>, tip: u64) -> u64 {
    lanes.map(|lane| lane.read(|state| state.floor())).min().unwrap_or(tip)
}

fn delete_page(tx: &Connection, lanes: &[Arc<Lane>], page: &[u64]) -> rusqlite::Result<u64> {
    let (Some(&first), Some(&last)) = (page.first(), page.last()) else { return Ok(0) };
    let held = held_by_sinks(tx, lanes, first, last)?;
    let mut delete = tx.prepare_cached("DELETE FROM records WHERE sequence = ?1")?;
    let mut records = 0;
    for sequence in page.iter().filter(|sequence| !held.contains(sequence)) {
        records += delete.execute([sequence])? as u64;
    }
    Ok(records)
}

/// The oldest records above `after` and up to `floor`, in order.
fn oldest(
    conn: &Connection,
    after: u64,
    floor: u64,
    before: Option<Timestamp>,
) -> rusqlite::Result<Vec<u64>> {
    let mut statement = conn.prepare_cached(
        "SELECT sequence, received_at FROM records WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence",
    )?;
    let mut rows = statement.query((after, floor))?;
    let mut page = Vec::new();
    while page.len() < STEP {
        let Some(row) = rows.next()? else { break };
        let received_at = Timestamp::from_millis(row.get(1)?);
        // Times never run backwards with sequences: the first young one ends it.
        if before.is_some_and(|before| received_at >= before) {
            break;
        }
        page.push(row.get(0)?);
    }
    Ok(page)
}

fn held_by_sinks(
    tx: &Connection,
    lanes: &[Arc<Lane>],
    first: u64,
    last: u64,
) -> rusqlite::Result<BTreeSet<u64>> {
    let mut held = BTreeSet::new();
    for table in ["dead", "requeued"] {
        let mut statement = tx.prepare_cached(&format!(
            "SELECT sequence FROM {table} WHERE sink = ?1 AND sequence BETWEEN ?2 AND ?3"
        ))?;
        for lane in lanes {
            let rows = statement.query_map((&lane.name, first, last), |row| row.get::<_, u64>(0))?;
            for sequence in rows {
                held.insert(sequence?);
            }
        }
    }
    Ok(held)
}

fn delete_aside(tx: &Connection, table: &str, before: Timestamp) -> rusqlite::Result<u64> {
    let sql = format!(
        "DELETE FROM {table} WHERE received_at < ?1 AND number IN (SELECT number FROM {table} ORDER BY number LIMIT {STEP})"
    );
    Ok(tx.prepare_cached(&sql)?.execute([before.as_millis()])? as u64)
}
