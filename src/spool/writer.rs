//! The writer: one thread that drains what is queued, applies it in one transaction, commits with one fsync, and
//! then answers all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::Checkpoints;
use super::files::{self, Lock};
use super::health::Trouble;
use super::high_water::HighWater;
use super::index::Index;
use super::jobs::{AppendJob, Changed, DeadJob, Job, Jobs, tell_all};
use super::open::Opened;
use super::state::State;
use super::{OpenError, Order, Shared, SpoolError, cursors, gauge, space};

mod batch;
mod change;
mod compact;
mod disk;
mod mend;
mod tend;

/// How long acknowledgements may wait for a commit.
const SAVE_WITHIN: Duration = Duration::from_millis(200);

/// Starts the writer and the checkpoint thread.
pub(super) fn start(shared: Arc<Shared>, opened: Opened) -> Result<Jobs, OpenError> {
    let path = shared.paths.dir.clone();
    let failed = || OpenError::file(&path);
    let (jobs, queue) = mpsc::channel(shared.config.queue.max(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed())?;
    let high_water = Arc::new(opened.high_water);
    let checkpoints =
        Checkpoints::start(shared.clone(), high_water.clone(), jobs.downgrade()).map_err(failed())?;
    let mut writer = Writer {
        state: opened.state,
        index: opened.index,
        tend: tend::Tend::new(opened.clock_jumped, shared.now(), Instant::now()),
        log_frames: Arc::new(AtomicU64::new(0)),
        pages: None,
        restart_from: 0,
        save_by: None,
        retry_at: None,
        refused: disk::Need::default(),
        conn: None,
        lock: opened.lock,
        shared,
        high_water,
        checkpoints,
    };
    if let Some(scan) = writer.index.scan(&writer.state) {
        scan.on_thread(writer.shared.clone());
    }
    writer.adopt(opened.conn).map_err(|source| OpenError::sqlite(&path, source))?;
    writer.check_ballast();
    writer.used();
    writer.set_gauges();
    writer.shared.metrics.spool_file_bytes.set(gauge(writer.shared.paths.file_bytes()));
    thread::Builder::new()
        .name("spool-writer".to_owned())
        .spawn(move || writer.run(&runtime, queue))
        .map_err(failed())?;
    Ok(Jobs(jobs))
}

/// The thread's state.
struct Writer {
    shared: Arc<Shared>,
    /// `None` while poisoned.
    conn: Option<Connection>,
    /// As of the last commit.
    state: State,
    index: Index,
    high_water: Arc<HighWater>,
    checkpoints: Checkpoints,
    /// Frames in the log after the last commit.
    log_frames: Arc<AtomicU64>,
    /// The database's pages after the last commit: to ask for them outside of one takes locks.
    pages: Option<space::Pages>,
    /// Frames above which the writer waits for the log to be restarted, after it was tried in vain.
    restart_from: u64,
    /// When acknowledgements have to be saved.
    save_by: Option<Instant>,
    /// What the last batch needed: it did not fit if the spool is full.
    refused: disk::Need,
    /// When trouble is looked at again.
    retry_at: Option<Instant>,
    tend: tend::Tend,
    lock: Lock,
}

/// What is done together.
#[derive(Default)]
struct Group {
    appends: Vec<AppendJob>,
    deads: Vec<DeadJob>,
    changes: Vec<(Box<Order>, oneshot::Sender<Changed>)>,
    close: Option<oneshot::Sender<()>>,
}

impl Group {
    fn take(&mut self, job: Job) {
        match job {
            Job::Append(append) => self.appends.push(append),
            Job::Dead(dead) => self.deads.push(dead),
            Job::Change(order, reply) => self.changes.push((order, reply)),
            Job::Wake => {}
            Job::Close(reply) => self.close = Some(reply),
        }
    }

    fn len(&self) -> usize {
        self.appends.len() + self.deads.len() + self.changes.len()
    }
}

/// What the queue brought.
enum Next {
    Job(Job),
    Nothing,
    Closed,
}

impl Writer {
    fn run(mut self, runtime: &Runtime, mut queue: mpsc::Receiver<Job>) {
        let group_max = self.shared.config.group_max.max(1);
        loop {
            let mut group = Group::default();
            match next(runtime, &mut queue, self.wait()) {
                Next::Job(job) => group.take(job),
                Next::Nothing => {}
                Next::Closed => break,
            }
            while group.len() < group_max && group.close.is_none() {
                let Ok(job) = queue.try_recv() else { break };
                group.take(job);
            }
            let close = group.close.take();
            self.work(group);
            if let Some(reply) = close {
                queue.close();
                self.finish();
                drop(queue);
                // An error means that nobody waits for it.
                let _ = reply.send(());
                return;
            }
            self.tend();
        }
        self.finish();
    }

    fn work(&mut self, group: Group) {
        match self.shared.health.take_reported() {
            Some(Trouble::Poisoned(reason)) => self.poison(&reason),
            Some(Trouble::DiskFull) if self.conn.is_some() => self.disk_full(),
            _ => {}
        }
        let Group { appends, deads, changes, .. } = group;
        let appends = self.admit(appends);
        if self.conn.is_none() {
            for dead in deads {
                let _ = dead.reply.send(Err(SpoolError::Poisoned));
            }
        } else if !(appends.is_empty() && deads.is_empty()) {
            self.write(appends, deads);
        }
        for (order, reply) in changes {
            let _ = reply.send(self.change(&order));
        }
    }

    /// Refuses appends while something stands in their way.
    fn admit(&mut self, appends: Vec<AppendJob>) -> Vec<AppendJob> {
        if appends.is_empty() {
            return appends;
        }
        if self.shared.health.trouble().is_none() {
            let need = batch::need(&appends);
            self.refused = need;
            if !self.make_room(need.in_pages) {
                self.trouble(Trouble::Full);
            } else if !self.disk_has_room(need) {
                self.trouble(Trouble::DiskFull);
            }
        }
        let Some(trouble) = self.shared.health.trouble() else { return appends };
        tell_all(appends.into_iter().map(|append| (append.reply, Err(trouble.refusal()))));
        Vec::new()
    }

    /// Runs `work` in a transaction that also saves what lanes acknowledged. It stands or falls whole: after an
    /// error nothing of it is left, neither on disk nor in memory.
    fn transact<T, E: From<rusqlite::Error>>(
        &mut self,
        work: impl FnOnce(&Connection, &mut State, &mut Index) -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(conn) = &mut self.conn else {
            return Err(E::from(lost("the spool has no connection after a disk error")));
        };
        self.shared.woken.store(false, Ordering::Release);
        self.save_by = None;
        let lanes = &self.shared.lanes;
        let unsaved: Vec<_> = lanes.iter().filter_map(|lane| Some((lane, lane.take_unsaved()?))).collect();
        let mut state = self.state;
        state.clock = state.clock.max(self.shared.now());
        let index = &mut self.index;
        let attempt = || {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (lane, unsaved) in &unsaved {
                cursors::save(&tx, &lane.name, unsaved)?;
            }
            let result = work(&tx, &mut state, index)?;
            index.save(&tx, &state)?;
            state.save(&tx)?;
            // SQLite may have rolled back by itself: then each further statement would commit alone.
            if tx.is_autocommit() {
                return Err(E::from(lost("SQLite rolled the batch back by itself")));
            }
            let pages = space::pages(&tx)?;
            let begun = Instant::now();
            tx.commit()?;
            self.shared.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
            Ok((result, pages))
        };
        let result = attempt();
        match &result {
            Ok((_, pages)) => {
                self.pages = Some(*pages);
                self.state = state;
                if let Some(scan) = self.index.committed(&self.state) {
                    scan.on_thread(self.shared.clone());
                }
                for (lane, unsaved) in &unsaved {
                    lane.saved(unsaved);
                }
            }
            Err(_) => {
                for (lane, _) in &unsaved {
                    lane.not_saved();
                }
                self.shared.woken.fetch_or(!unsaved.is_empty(), Ordering::AcqRel);
                self.reload();
            }
        }
        if result.is_ok() {
            self.checkpoints.note_commit();
        }
        result.map(|(result, _)| result)
    }

    /// Saves everything, folds the log into the database and lets go of the lock.
    fn finish(mut self) {
        if self.conn.is_some()
            && let Err(error) = self.transact(|_, _, _| Ok::<_, rusqlite::Error>(()))
        {
            tracing::warn!(%error, "acknowledgements could not be saved: records will be published again");
        }
        self.shared.health.set(Some(Trouble::Closed));
        self.shared.readers.close();
        self.checkpoints.quit();
        if let Some(conn) = self.conn.take() {
            close_connection(conn);
        }
        drop(self.lock);
    }
}

/// As an error of SQLite that poisons.
fn lost(what: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
    rusqlite::Error::SqliteFailure(code, Some(what.to_owned()))
}

/// The last one folds the log and removes it.
fn close_connection(conn: Connection) {
    use rusqlite::config::DbConfig;
    let folded = super::checkpoint::checkpoint(&conn, "TRUNCATE");
    if !matches!(folded, Ok(true)) {
        tracing::warn!(result = ?folded, "the log could not be folded into the database at the end: it is at the next start");
        return;
    }
    let result = conn
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
        .and_then(|_| conn.close().map_err(|(_, error)| error));
    if let Err(error) = result {
        tracing::warn!(%error, "the spool's database did not close cleanly");
    }
}

/// The next job, or nothing within `wait`.
fn next(runtime: &Runtime, queue: &mut mpsc::Receiver<Job>, wait: Option<Duration>) -> Next {
    match queue.try_recv() {
        Ok(job) => return Next::Job(job),
        Err(mpsc::error::TryRecvError::Disconnected) => return Next::Closed,
        Err(mpsc::error::TryRecvError::Empty) => {}
    }
    let Some(wait) = wait else {
        return queue.blocking_recv().map_or(Next::Closed, Next::Job);
    };
    match runtime.block_on(async { tokio::time::timeout(wait, queue.recv()).await }) {
        Ok(Some(job)) => Next::Job(job),
        Ok(None) => Next::Closed,
        Err(_) => Next::Nothing,
    }
}

impl Writer {
    /// Takes a connection into use.
    fn adopt(&mut self, mut conn: Connection) -> rusqlite::Result<()> {
        let frames = self.log_frames.clone();
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            frames.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        };
        conn.wal_hook(Some(hook))?;
        self.pages = None;
        self.conn = Some(conn);
        Ok(())
    }

    /// The ballast has to be there before callbacks are taken.
    fn check_ballast(&mut self) {
        if let Err(error) = files::make_ballast(&self.shared.paths, self.shared.config.reserve.bytes()) {
            tracing::error!(%error, "no room on the disk for the spool's reserve");
            self.trouble(Trouble::DiskFull);
        }
    }
}
