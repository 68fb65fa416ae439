//! The checkpoint thread: folds the log into the database away from commits, and syncs the high-water mark.
//!
//! It sleeps while nothing is written.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::mpsc::WeakSender;

use super::error::{Severity, severity};
use super::health::Trouble;
use super::high_water::HighWater;
use super::jobs::Job;
use super::{Shared, gauge, open};

/// How long after a commit log and mark are tidied.
const TIDY_AFTER: Duration = Duration::from_secs(1);

/// How many frames at least the log grows by before it is folded without waiting.
const PASSIVE_FRAMES: u64 = 1000;

/// The longest that the writer waits for a checkpoint that restarts the log.
const RESTART_WAIT: Duration = Duration::from_secs(3);

/// How long a checkpoint waits for a reader's snapshot: the writer may be waiting for it.
const READER_WAIT: Duration = Duration::from_millis(500);

/// Which checkpoint the writer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// The next commit begins at the log's start.
    Restart,
    /// The log's file is cut to nothing.
    Truncate,
}

enum Order {
    Tidy,
    Passive,
    Fold(Fold, SyncSender<bool>),
    Release(SyncSender<()>),
}

/// The writer's end of the thread.
pub(super) struct Checkpoints {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
    /// Frames in the log when it was last asked to fold.
    asked_at: u64,
    /// Frames at which the writer waits until the log is restarted.
    limit: u64,
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn start(
        shared: Arc<Shared>,
        high_water: Arc<HighWater>,
        jobs: WeakSender<Job>,
    ) -> std::io::Result<Self> {
        let (orders, taken) = sync_channel(8);
        let limit = shared.config.wal_limit_frames();
        let folder = Folder { shared, high_water, jobs, conn: None, mark_failed: false };
        let thread =
            thread::Builder::new().name("checkpoint".to_owned()).spawn(move || folder.run(&taken))?;
        Ok(Checkpoints { orders, thread: Some(thread), asked_at: 0, limit })
    }

    /// After a commit, with so many frames in the log.
    pub(super) fn note_commit(&mut self, frames: u64) {
        if frames < self.asked_at {
            self.asked_at = 0;
        }
        let order = if frames >= self.asked_at + self.step(frames) {
            self.asked_at = frames;
            Order::Passive
        } else {
            Order::Tidy
        };
        // When the thread is busy, it has orders enough.
        if let Err(TrySendError::Disconnected(_)) = self.orders.try_send(order) {
            tracing::debug!("the checkpoint thread has ended");
        }
    }

    /// How much the log grows between folds. Long steps are cheap, since a page that was written many times in between is
    /// folded once (a fifth of the processor time of an append went into folding each thousand frames); the last ones
    /// before the limit are short, so that little is left to fold when the writer waits.
    fn step(&self, frames: u64) -> u64 {
        let long = self.limit / 4;
        if frames + long > self.limit { PASSIVE_FRAMES } else { long.max(PASSIVE_FRAMES) }
    }

    /// Waits for a checkpoint of the whole log; whether it succeeded.
    pub(super) fn fold(&self, fold: Fold) -> bool {
        let (reply, answer) = sync_channel(1);
        self.orders.send(Order::Fold(fold, reply)).is_ok()
            && answer.recv_timeout(RESTART_WAIT).unwrap_or(false)
    }

    /// Waits until the thread's connection is closed; whether it is.
    pub(super) fn release(&self) -> bool {
        let (reply, answer) = sync_channel(1);
        self.orders.send(Order::Release(reply)).is_ok() && answer.recv_timeout(RESTART_WAIT).is_ok()
    }

    /// Ends the thread.
    pub(super) fn quit(self) {
        drop(self.orders);
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

struct Folder {
    shared: Arc<Shared>,
    high_water: Arc<HighWater>,
    jobs: WeakSender<Job>,
    conn: Option<Connection>,
    mark_failed: bool,
}

impl Folder {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut tidy_at: Option<Instant> = None;
        loop {
            let order = match tidy_at {
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => orders.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match order {
                Ok(Order::Tidy) => {
                    tidy_at.get_or_insert_with(|| Instant::now() + TIDY_AFTER);
                }
                Ok(Order::Passive) => {
                    tidy_at.get_or_insert_with(|| Instant::now() + TIDY_AFTER);
                    self.checkpoint("PASSIVE");
                }
                Ok(Order::Fold(fold, reply)) => {
                    let mode = if fold == Fold::Restart { "RESTART" } else { "TRUNCATE" };
                    // An error means that the writer has given up waiting.
                    let _ = reply.send(self.checkpoint(mode));
                }
                Ok(Order::Release(reply)) => {
                    self.conn = None;
                    let _ = reply.send(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    tidy_at = None;
                    self.tidy();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.sync_mark();
    }

    fn tidy(&mut self) {
        self.checkpoint("PASSIVE");
        self.sync_mark();
        let bytes = self.shared.paths.file_bytes();
        self.shared.metrics.spool_file_bytes.set(gauge(bytes));
    }

    fn sync_mark(&mut self) {
        let failed = self.high_water.sync();
        if let Err(error) = &failed
            && !self.mark_failed
        {
            tracing::warn!(%error, "the high-water mark cannot be synced: a damaged log may go unnoticed");
        }
        self.mark_failed = failed.is_err();
    }

    /// Whether the whole log is folded.
    fn checkpoint(&mut self, mode: &str) -> bool {
        match self.try_checkpoint(mode) {
            Ok(complete) => complete,
            Err(error) => {
                self.conn = None;
                match severity(&error) {
                    Severity::DiskFull => self.report(Trouble::DiskFull),
                    Severity::Poison => self.report(Trouble::Poisoned(format!("checkpoint: {error}"))),
                    Severity::Busy | Severity::Statement => tracing::debug!(%error, "no checkpoint now"),
                }
                false
            }
        }
    }

    /// Tells the writer, who draws the consequence and says it.
    fn report(&self, trouble: Trouble) {
        self.shared.health.report_trouble(trouble);
        if let Some(jobs) = self.jobs.upgrade() {
            // A full queue means that the writer is awake and will see it.
            let _ = jobs.try_send(Job::Wake);
        }
    }

    fn try_checkpoint(&mut self, mode: &str) -> rusqlite::Result<bool> {
        let shared = &self.shared;
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => {
                let conn = open::open_for_writing(&shared.paths.db, &shared.config)?;
                conn.busy_timeout(READER_WAIT)?;
                none.insert(conn)
            }
        };
        checkpoint(conn, mode)
    }
}

/// Runs a checkpoint; whether it took in the whole log and nobody was in the way.
pub(super) fn checkpoint(conn: &Connection, mode: &str) -> rusqlite::Result<bool> {
    conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (busy, log, done): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && log == done)
    })
}
