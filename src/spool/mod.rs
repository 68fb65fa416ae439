//! The spool: where a callback becomes durable, and where lanes read what they publish.
//!
//! # Files
//!
//! One directory, mode 0700, used by one process at a time (`lock`): the SQLite database `spool.db` with its log
//! `spool.db-wal`, the mark `high-water`, and the ballast `reserve`. All are mode 0600.
//!
//! # Invariants
//!
//! - An append is answered after the commit that holds it has reached the disk (`synchronous=FULL`), never before.
//! - One thread writes. A batch stands or falls whole; after an error in it, memory is read again from disk.
//! - Records are numbered from 1 without gaps in order of commit. The next number is stored.
//! - A record is deleted only when every configured sink has published it, or, for sinks that are not required,
//!   skipped it. A sink that is not configured any more holds nothing back; its cursor is reported until forgotten.
//! - Ledger, fingerprints and entity states outlive records. What was learned last is in memory and, durably, in the
//!   table `notes`; it reaches the three tables later, in the order of their keys (see `index`).
//! - The row of a record is made when it enters this spool, also when it comes from another one or is normalized again:
//!   `received_at` never runs backwards with numbers. When its callback came is in its facts then.
//! - What is imported is written together with the cursors of the sinks that are done with it: none gets it again.
//! - Cursors in memory may be ahead of those on disk, never behind. Losing the difference publishes records again.
//! - `high-water` is never newer than what is durable.
//!
//! # After a crash
//!
//! SQLite recovers its log up to the last intact commit. What was answered lies before that, unless the disk lost
//! it. That would go unnoticed by SQLite, so the log is checked before SQLite opens it and compared with the mark
//! after: a damaged log is copied aside, numbering goes on above the mark, and the missing range is logged at error
//! and kept in the table `missing`.
//!
//! # After a disk error
//!
//! The writer is poisoned: appends are refused until every connection was opened anew and a checkpoint of the whole
//! log succeeded.
//!
//! A full disk is another thing. Before each batch the room left is compared with what the log has still to write to
//! the database, so that appends end before the disk does. Should SQLite run out of room all the same, the ballast
//! is given back so that acknowledgements can be written. Either way appends go on by themselves: when the disk has
//! room, or when deleted records left enough inside the spool's own files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tokio::sync::{oneshot, watch};

mod adopt;
mod audit;
mod changes;
mod checkpoint;
mod config;
mod cursor;
mod cursors;
mod decide;
mod error;
pub mod exchange;
mod files;
mod health;
mod high_water;
mod index;
mod jobs;
mod lane;
mod lanes;
mod only;
mod open;
mod order;
mod purge;
mod reader;
mod readers;
mod record;
mod recover;
mod schema;
mod seek;
mod space;
mod state;
mod store;
#[doc(hidden)]
pub mod stored;
mod types;
mod varint;
mod wal;
mod writer;

#[cfg(test)]
mod tests;

pub use adopt::Adopted;
pub use audit::Audited;
pub use config::{LaneSpec, SpoolConfig, Start};
pub use error::{AppendError, OpenError, SpoolError};
pub use lane::LaneHandle;
pub use only::Only;
pub use order::{Mode, Operator, Order};
pub use purge::{Purge, PurgeRows, PurgeStep, Purged, Whose};
pub use reader::{
    BackupError, DeadLetter, EventFilter, ExportError, Exported, HeldBack, HighWaterFound, MissingRange,
    PurgePlan, Quarantined, QuarantinedCallback, Range, Rehearsal, ReplayStatus, SinkCursor, SpoolReader,
    SpoolStatus, Verified,
};
pub use record::Record;
pub use types::{
    Change, ChangeDone, Compacted, Feed, ImportStep, Lag, Outcome, ReplayFrom, ReplayTo, Revision,
    SpoolHealth,
};

use crate::event::{EventId, Timestamp};
use crate::metrics::Metrics;
use crate::normalize::NormalizedCallback;
use crate::sabotage;
use files::Paths;
pub(crate) use files::sync_directory;
use health::Health;
use jobs::{Job, Jobs, Told};
use lanes::Lane;
use readers::Readers;

/// What the spool asks of the world, or what a test puts in its place.
#[derive(Clone)]
struct World {
    /// The wall clock.
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Bytes of the disk that may still be used.
    available: Arc<dyn Fn(&Path) -> u64 + Send + Sync>,
}

/// What the writer, the checkpoint thread and the handles share.
struct Shared {
    paths: Paths,
    config: SpoolConfig,
    metrics: Metrics,
    world: World,
    lanes: Vec<Arc<Lane>>,
    /// The highest committed sequence.
    tip: watch::Sender<u64>,
    readers: Readers,
    health: Health,
    /// Whether the writer was told that there is something to save.
    woken: AtomicBool,
}

impl Shared {
    /// The wall clock.
    fn now(&self) -> Timestamp {
        (self.world.clock)()
    }

    /// Bytes of the disk that may still be used.
    fn available(&self) -> u64 {
        (self.world.available)(&self.paths.dir)
    }
}

/// The spool. Clones are the same one; when the last clone and lane handle is gone, it closes by itself.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
    jobs: Jobs,
}

impl Spool {
    /// Takes the lock, opens or makes the spool, recovers it and starts its threads. Needs no runtime.
    ///
    /// # Errors
    /// Says which file is in the way and what to do. A file that is not a good spool is never changed.
    pub fn open(config: &SpoolConfig, lanes: &[LaneSpec], metrics: Metrics) -> Result<Spool, OpenError> {
        let world = World { clock: Arc::new(Timestamp::now), available: Arc::new(files::available) };
        Spool::open_in(world, config, lanes, metrics)
    }

    fn open_in(
        world: World,
        config: &SpoolConfig,
        lanes: &[LaneSpec],
        metrics: Metrics,
    ) -> Result<Spool, OpenError> {
        let opened = open::open(config, lanes, (world.clock)())?;
        let shared = Arc::new(Shared {
            readers: Readers::new(&opened.paths.db),
            health: Health::new(config.max_size.bytes()),
            tip: watch::Sender::new(opened.state.tip()),
            lanes: opened.lanes.to_vec(),
            paths: opened.paths.clone(),
            config: config.clone(),
            woken: AtomicBool::new(false),
            metrics,
            world,
        });
        let jobs = writer::start(shared.clone(), opened)?;
        Ok(Spool { shared, jobs })
    }

    /// Makes a callback durable, or says what it repeats. When it returns `Ok`, the disk has it.
    ///
    /// # Errors
    /// It is not durable, and the caller has to be told so.
    pub async fn append(&self, callback: NormalizedCallback) -> Result<Outcome, AppendError> {
        if sabotage::skips_spool() {
            let id = EventId::new(&callback.fingerprint, 0);
            return Ok(Outcome::Accepted { id, sequence: 0, occurrence: 0 });
        }
        let begun = Instant::now();
        let result = match self.jobs.append(callback) {
            Ok(answer) => answer.await.map_or(Err(AppendError::Closed), Told::pass_on),
            Err(error) => Err(error),
        };
        self.observe_append(begun, result)
    }

    /// As [`append`](Self::append), on this thread; not from within a runtime.
    ///
    /// # Errors
    /// It is not durable.
    pub fn append_blocking(&self, callback: NormalizedCallback) -> Result<Outcome, AppendError> {
        let begun = Instant::now();
        let result = match self.jobs.append(callback) {
            Ok(answer) => answer.blocking_recv().map_or(Err(AppendError::Closed), Told::pass_on),
            Err(error) => Err(error),
        };
        self.observe_append(begun, result)
    }

    /// The highest committed sequence, and a wake-up when it grows.
    pub fn tip(&self) -> watch::Receiver<u64> {
        self.shared.tip.subscribe()
    }

    /// Whether a callback can be made durable now. Cheap: no disk is touched.
    pub fn health(&self) -> SpoolHealth {
        let health = self.shared.health.report();
        if health.writable && self.jobs.is_closed() {
            let reason = Some("the spool is closed".to_owned());
            return SpoolHealth { writable: false, reason, ..health };
        }
        health
    }

    /// The handle of a configured sink.
    pub fn lane(&self, sink: &str) -> Option<LaneHandle> {
        let lane = self.shared.lanes.iter().find(|lane| lane.name == sink)?.clone();
        Some(LaneHandle { shared: self.shared.clone(), lane, jobs: self.jobs.clone() })
    }

    /// Does what an operator asked for, or only says what it would come to. Durable when it returns, with a row in
    /// the audit.
    ///
    /// # Errors
    /// When it makes no sense as things stand, is not what was agreed to, or cannot be written: nothing is changed.
    pub async fn change(&self, order: Order) -> Result<ChangeDone, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Change(Box::new(order), reply)).await?;
        answer.await.unwrap_or(Err(SpoolError::Closed))
    }

    /// As [`change`](Self::change), on this thread; not from within a runtime.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub fn change_blocking(&self, order: Order) -> Result<ChangeDone, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send_blocking(Job::Change(Box::new(order), reply))?;
        answer.blocking_recv().unwrap_or(Err(SpoolError::Closed))
    }

    /// Sets the gauges that change with time or by lanes: depth, lag and dead letters. To be called before metrics
    /// are read.
    pub fn observe(&self) {
        let now = self.shared.now();
        for lane in &self.shared.lanes {
            let handle =
                LaneHandle { shared: self.shared.clone(), lane: lane.clone(), jobs: self.jobs.clone() };
            let lag = handle.lag();
            let age = lag.oldest.map_or(0.0, |oldest| now.millis_since(oldest).max(0) as f64 / 1000.0);
            let metrics = &self.shared.metrics;
            metrics.depth.with_label_values(&[&lane.name]).set(gauge(lag.depth));
            metrics.lag_seconds.with_label_values(&[&lane.name]).set(age);
            metrics.dead_letters.with_label_values(&[&lane.name]).set(gauge(handle.dead_letters()));
        }
    }

    /// Saves acknowledgements, folds the log into the database and lets go of the lock. Later appends are refused.
    pub async fn close(self) {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).await.is_ok() {
            // An error means that the writer has ended already.
            let _ = answer.await;
        }
    }

    /// As [`close`](Self::close), on this thread; not from within a runtime.
    pub fn close_blocking(self) {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send_blocking(Job::Close(reply)).is_ok() {
            let _ = answer.blocking_recv();
        }
    }

    fn observe_append(
        &self,
        begun: Instant,
        result: Result<Outcome, AppendError>,
    ) -> Result<Outcome, AppendError> {
        match &result {
            Ok(_) => self.shared.metrics.append_seconds.observe(begun.elapsed().as_secs_f64()),
            Err(error) => {
                self.shared.metrics.append_failures.with_label_values(&[error.code()]).inc();
            }
        }
        result
    }
}

/// A count as the value of a gauge.
fn gauge(count: u64) -> i64 {
    signed(count)
}

/// For SQLite and gauges, whose integers are signed.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
