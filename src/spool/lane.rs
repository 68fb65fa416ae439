//! A lane's handle on the spool: claim, ack, dead letter.

use std::sync::Arc;

use rusqlite::{Connection, Row, ToSql};
use tokio::sync::{oneshot, watch};

use super::jobs::{DeadJob, Job, Jobs};
use super::lanes::{Lane, Plan};
use super::record::{self, Found, Reading};
use super::{Feed, Lag, Record, Shared, SpoolError, seek};

/// What a page may weigh, whatever the limit.
const PAGE_BYTES: usize = 8 << 20;

/// The code of dead letters whose record's checksum did not match.
pub(super) const DAMAGED: &str = "damaged";

/// One sink's handle. Clones are the same lane.
#[derive(Clone)]
pub struct LaneHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) lane: Arc<Lane>,
    pub(super) jobs: Jobs,
}

/// What one look at the tables found, each record as it was taken.
struct Page<T> {
    records: Vec<T>,
    damaged: Vec<u64>,
    /// Ranges in which there is no record: deleted, or lost with a damaged log; or none that is wanted.
    gaps: Vec<(u64, u64)>,
    /// Only some records are wanted.
    filtered: bool,
}

impl LaneHandle {
    /// The sink's name.
    pub fn name(&self) -> &str {
        &self.lane.name
    }

    /// The next records of a feed: in ascending order, above `after`, not yet acknowledged, at most `limit`, and at
    /// most 8 MiB of them. Empty when there are none now, or when claims would reach too far past a record that is
    /// still open. Reads off the runtime's threads.
    ///
    /// On `Requeued` numbers may come that are lower than those before: a lane whose feed is new, or that has
    /// nothing in flight on it, starts again at 0.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub async fn claim(&self, feed: Feed, after: u64, limit: usize) -> Result<Vec<Record>, SpoolError> {
        let lane = self.clone();
        let claimed = tokio::task::spawn_blocking(move || lane.claim_blocking(feed, after, limit)).await;
        claimed.unwrap_or(Err(SpoolError::Closed))
    }

    /// As [`claim`](Self::claim), on this thread; not from within a runtime.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn claim_blocking(&self, feed: Feed, after: u64, limit: usize) -> Result<Vec<Record>, SpoolError> {
        self.claim_each(feed, after, limit, Record::clone)
    }

    /// As [`claim_blocking`](Self::claim_blocking), but shows each record to `take` as it is read, so that no more than
    /// one of them is in memory at once.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn claim_each<T>(
        &self,
        feed: Feed,
        after: u64,
        limit: usize,
        mut take: impl FnMut(&Record) -> T,
    ) -> Result<Vec<T>, SpoolError> {
        let mut after = after;
        loop {
            let page = match feed {
                Feed::Requeued => self.requeued_page(after, limit, &mut take)?,
                Feed::Live | Feed::Replay(_) => {
                    let tip = *self.shared.tip.borrow();
                    let Some(plan) = self.lane.plan(feed, after, tip) else { return Ok(Vec::new()) };
                    self.shared.readers.with(|conn| page(conn, &plan, limit, &mut take))?
                }
            };
            for (first, last) in &page.gaps {
                if !page.filtered {
                    tracing::info!(sink = %self.lane.name, first, last, "the spool has no records of these numbers: the sink passes over them");
                }
                self.lane.ack_gap(feed, *first, *last);
                self.jobs.wake(&self.shared);
            }
            for sequence in page.damaged {
                self.bury_damaged(feed, sequence)?;
            }
            match page.gaps.last() {
                // Nothing of what is wanted in all of that range: on to the next, or a replay would wait for each.
                Some((_, last)) if page.filtered && page.records.is_empty() => after = after.max(*last),
                _ => return Ok(page.records),
            }
        }
    }

    /// Acknowledges records: they are published. Saved with a later commit; losing that publishes them again under
    /// the same ids.
    ///
    /// # Errors
    /// When the spool is closed.
    pub async fn ack(&self, feed: Feed, sequences: Vec<u64>) -> Result<(), SpoolError> {
        self.ack_now(feed, &sequences)
    }

    /// As [`ack`](Self::ack), without a future: it never waits.
    ///
    /// # Errors
    /// When the spool is closed.
    pub fn ack_now(&self, feed: Feed, sequences: &[u64]) -> Result<(), SpoolError> {
        if self.jobs.is_closed() {
            return Err(SpoolError::Closed);
        }
        let tip = *self.shared.tip.borrow();
        if self.lane.ack(feed, sequences, tip) {
            self.jobs.wake(&self.shared);
        }
        Ok(())
    }

    /// Makes a record a dead letter of this sink: it is kept, and the lane goes on. Durable when this returns.
    ///
    /// # Errors
    /// When it could not be written: the record stays open.
    pub async fn dead(
        &self,
        feed: Feed,
        sequence: u64,
        code: &'static str,
        reason: String,
    ) -> Result<(), SpoolError> {
        let (job, answer) = self.dead_job(feed, sequence, code, reason);
        self.jobs.send(job).await?;
        answer.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// What there is to read: always `Live`; `Requeued` while there are requeued dead letters; a `Replay` until it
    /// is finished.
    pub fn feeds(&self) -> watch::Receiver<Arc<Vec<Feed>>> {
        self.lane.feeds()
    }

    /// How far the live feed is behind. Cheap.
    pub fn lag(&self) -> Lag {
        let tip = *self.shared.tip.borrow();
        self.lane
            .lag(tip, |from| self.shared.readers.with(|conn| seek::first_from(conn, from)).ok().flatten())
    }

    /// How many dead letters wait for a decision.
    pub fn dead_letters(&self) -> u64 {
        self.lane.read(|state| state.dead)
    }

    fn dead_job(
        &self,
        feed: Feed,
        sequence: u64,
        code: &'static str,
        reason: String,
    ) -> (Job, oneshot::Receiver<Result<(), SpoolError>>) {
        let (reply, answer) = oneshot::channel();
        let reason = reason.chars().take(1000).collect();
        (Job::Dead(DeadJob { lane: self.lane.clone(), feed, sequence, code, reason, reply }), answer)
    }

    fn bury_damaged(&self, feed: Feed, sequence: u64) -> Result<(), SpoolError> {
        tracing::error!(sink = %self.lane.name, sequence, "a record's checksum does not match: it is not published but made a dead letter; check the disk");
        self.shared.metrics.spool_damaged_records.inc();
        let reason = "the checksum of the stored record does not match".to_owned();
        let (job, answer) = self.dead_job(feed, sequence, DAMAGED, reason);
        self.jobs.send_blocking(job)?;
        answer.blocking_recv().unwrap_or(Err(SpoolError::Closed))
    }

    fn requeued_page<T>(
        &self,
        after: u64,
        limit: usize,
        mut take: impl FnMut(&Record) -> T,
    ) -> Result<Page<T>, SpoolError> {
        let done = self.lane.read(|state| state.requeued_done.clone());
        self.shared.readers.with(|conn| {
            let mut numbers = conn.prepare_cached(
                "SELECT sequence FROM requeued WHERE sink = ?1 AND sequence > ?2 ORDER BY sequence",
            )?;
            let mut one = conn.prepare_cached(&format!(
                "SELECT {} FROM records r WHERE r.sequence = ?1",
                record::COLUMNS
            ))?;
            let mut page = Page::new();
            let mut reading = Reading::default();
            let mut weight = 0;
            let mut rows = numbers.query((&self.lane.name, after))?;
            while page.records.len() < limit && weight < PAGE_BYTES {
                let Some(row) = rows.next()? else { break };
                let sequence: u64 = row.get(0)?;
                if done.contains(&sequence) {
                    continue;
                }
                let mut found = one.query([sequence])?;
                match found.next()? {
                    Some(row) => weight += page.take(&mut reading, row, &mut take)?,
                    None => page.gaps.push((sequence, sequence)),
                }
            }
            Ok(page)
        })
    }
}

impl<T> Page<T> {
    fn new() -> Self {
        Page { records: Vec::new(), damaged: Vec::new(), gaps: Vec::new(), filtered: false }
    }

    /// Takes in a row; what it weighs.
    fn take(
        &mut self,
        reading: &mut Reading,
        row: &Row<'_>,
        take: &mut impl FnMut(&Record) -> T,
    ) -> rusqlite::Result<usize> {
        Ok(match reading.read(row)? {
            Found::Good(record) => {
                let weight = record.weight();
                self.records.push(take(&record));
                reading.take_back(record);
                weight
            }
            Found::Damaged { sequence } => {
                self.damaged.push(sequence);
                0
            }
        })
    }
}

/// Reads one page in one snapshot, which ends with it. What the snapshot does not reach yet is no gap: a record
/// that it cannot see must never pass for one that is not there.
fn page<T>(
    conn: &Connection,
    plan: &Plan,
    limit: usize,
    take: impl FnMut(&Record) -> T,
) -> rusqlite::Result<Page<T>> {
    let snapshot = conn.unchecked_transaction()?;
    let tip: u64 = conn.prepare_cached("SELECT next - 1 FROM state")?.query_row([], |row| row.get(0))?;
    let page = page_until(conn, plan, plan.until.min(tip), limit, take)?;
    snapshot.commit()?;
    Ok(page)
}

fn page_until<T>(
    conn: &Connection,
    plan: &Plan,
    until: u64,
    limit: usize,
    mut take: impl FnMut(&Record) -> T,
) -> rusqlite::Result<Page<T>> {
    let (conditions, wanted) = plan.only.conditions(3);
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {} FROM records r WHERE r.sequence > ?1 AND r.sequence <= ?2{conditions} ORDER BY r.sequence",
        record::COLUMNS
    ))?;
    let mut parameters: Vec<&dyn ToSql> = vec![&plan.after, &until];
    parameters.extend(wanted);
    let mut rows = statement.query(parameters.as_slice())?;
    let mut page = Page { filtered: !plan.only.is_all(), ..Page::new() };
    let mut reading = Reading::default();
    let mut weight = 0;
    let mut seen = plan.after;
    while page.records.len() < limit && weight < PAGE_BYTES {
        let Some(row) = rows.next()? else {
            // The end of the plan: whatever number was not seen does not exist.
            gap(&mut page, seen, until + 1);
            break;
        };
        let sequence: u64 = row.get(0)?;
        gap(&mut page, seen, sequence);
        seen = sequence;
        if !plan.acked.contains(sequence) {
            weight += page.take(&mut reading, row, &mut take)?;
        }
    }
    Ok(page)
}

/// Notes the numbers between `seen` and `next`, if there are any.
fn gap<T>(page: &mut Page<T>, seen: u64, next: u64) {
    if next > seen + 1 {
        page.gaps.push((seen + 1, next - 1));
    }
}
