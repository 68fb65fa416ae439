//! The checkpoint thread: folds the log into the database away from commits, and syncs the high-water mark.
//!
//! It sleeps while nothing is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// How many commits the log grows by before it is folded. A fold takes about as long as these commits have pages, and
/// the writer shares processor and disk with it: of a few commits it is hardly felt. Folds of a thousand pages, and of
/// four thousand, made one callback in a hundred wait for 4 ms and for 7 ms, at half of what one processor can take.
const FOLD_EVERY: u32 = 25;

/// How often at most the log is folded anew on the way to a restart.
const ROUNDS: usize = 8;

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
    Approach,
    Fold(Fold, SyncSender<bool>),
    Release(SyncSender<()>),
}

/// The writer's end of the thread.
pub(super) struct Checkpoints {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
    /// Commits since it was last asked to fold.
    commits: u32,
    /// The thread is on its way to a restart, or has arrived.
    approaching: bool,
    told: Arc<Told>,
}

/// What the writer and the thread tell each other without an order.
#[derive(Default)]
struct Told {
    /// So little is left to fold that a restart makes the writer wait hardly longer than a commit.
    near: AtomicBool,
    /// The thread knows already that there is something to tidy: it is not woken for each commit.
    untidy: AtomicBool,
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn start(
        shared: Arc<Shared>,
        high_water: Arc<HighWater>,
        jobs: WeakSender<Job>,
    ) -> std::io::Result<Self> {
        let (orders, taken) = sync_channel(8);
        let told = Arc::new(Told::default());
        let folder = Folder { shared, high_water, jobs, conn: None, mark_failed: false, told: told.clone() };
        let thread =
            thread::Builder::new().name("checkpoint".to_owned()).spawn(move || folder.run(&taken))?;
        Ok(Checkpoints { orders, thread: Some(thread), commits: 0, approaching: false, told })
    }

    /// After a commit.
    pub(super) fn note_commit(&mut self) {
        self.commits += 1;
        let order = if self.commits >= FOLD_EVERY {
            self.commits = 0;
            Order::Passive
        } else if !self.told.untidy.swap(true, Ordering::AcqRel) {
            Order::Tidy
        } else {
            return;
        };
        match self.orders.try_send(order) {
            Ok(()) => {}
            // The thread has orders enough for now.
            Err(TrySendError::Full(_)) => self.told.untidy.store(false, Ordering::Release),
            Err(TrySendError::Disconnected(_)) => tracing::debug!("the checkpoint thread has ended"),
        }
    }

    /// Has the log folded, while the writer goes on, until a restart has little left to do. Whether it has come there.
    ///
    /// Without it the writer waited for a thousand frames and more at each restart: two of a hundred callbacks.
    pub(super) fn approach(&mut self) -> bool {
        if !self.approaching {
            // When the thread is busy, the next commit asks again.
            self.approaching = self.orders.try_send(Order::Approach).is_ok();
        }
        self.told.near.load(Ordering::Acquire)
    }

    /// Waits for a checkpoint of the whole log; whether it succeeded.
    pub(super) fn fold(&mut self, fold: Fold) -> bool {
        let (reply, answer) = sync_channel(1);
        let folded = self.orders.send(Order::Fold(fold, reply)).is_ok()
            && answer.recv_timeout(RESTART_WAIT).unwrap_or(false);
        self.told.near.store(false, Ordering::Release);
        self.approaching = false;
        folded
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
    told: Arc<Told>,
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
                Ok(Order::Approach) => self.approach(),
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
        self.told.untidy.store(false, Ordering::Release);
        self.checkpoint("PASSIVE");
        self.sync_mark();
        let bytes = self.shared.paths.file_bytes();
        self.shared.metrics.spool_file_bytes.set(gauge(bytes));
    }

    /// Each round has only to fold what was written during the one before, and so is shorter, until they shrink no more.
    fn approach(&mut self) {
        let mut before = Duration::MAX;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            self.checkpoint("PASSIVE");
            let took = begun.elapsed();
            if took >= before / 4 * 3 {
                break;
            }
            before = took;
        }
        self.told.near.store(true, Ordering::Release);
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
