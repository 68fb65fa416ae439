//! Trouble and the way out of it: poison after a disk error, a full disk, a full spool.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::checkpoint::checkpoint;
use super::super::error::{Severity, severity};
use super::super::health::Trouble;
use super::super::state::State;
use super::super::{cursors, files, open, recover, schema};
use super::Writer;

/// How often trouble is looked at again.
const RETRY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(1) };

/// Room below the cap that ends being full.
const ROOM_AGAIN: u64 = 16 << 10;

impl Writer {
    /// Draws the consequence of an error, after the rollback.
    pub(super) fn meet(&mut self, severity: Severity, error: &rusqlite::Error) {
        match severity {
            Severity::DiskFull => self.disk_full(),
            Severity::Poison => self.poison(&error.to_string()),
            Severity::Busy => {
                tracing::error!(%error, "another process holds the spool's write lock: nothing but the relay may write to it");
            }
            Severity::Statement => tracing::error!(%error, "the spool refused a write"),
        }
    }

    /// Notes what stands in the way of appends; said once.
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        self.retry_at = Some(Instant::now() + RETRY);
        let said = match &trouble {
            Trouble::Full => {
                "the spool is full: callbacks are refused until sinks publish or the cap is raised"
            }
            Trouble::DiskFull => "the spool's disk is full: callbacks are refused until there is room",
            Trouble::Poisoned(_) => {
                "the spool refuses callbacks after a disk error until its files prove good"
            }
            Trouble::Closed => "the spool is closed",
        };
        if self.shared.health.set(Some(trouble.clone())) {
            tracing::error!(trouble = ?trouble, "{said}");
        }
    }

    /// Nothing in memory or in the page cache can be trusted: refuse everything until the files prove good.
    pub(super) fn poison(&mut self, reason: &str) {
        self.shared.metrics.spool_poisoned.set(1);
        self.trouble(Trouble::Poisoned(reason.to_owned()));
        self.conn = None;
    }

    /// Reads memory again from disk, after an error.
    pub(super) fn reload(&mut self) {
        let Some(conn) = &self.conn else { return };
        if !conn.is_autocommit() {
            return self.poison("a failed transaction could not be rolled back");
        }
        let index = if self.index.is_changed() { self.index.reload(conn) } else { Ok(()) };
        match index.and_then(|()| State::load(conn)) {
            Ok(state) => self.state = State { clock: state.clock.max(self.state.clock), ..state },
            Err(error) => self.poison(&error.to_string()),
        }
    }

    /// Looks at trouble again, when it is time.
    pub(super) fn retry(&mut self) {
        if self.retry_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.retry_at = None;
        let trouble = self.shared.health.trouble();
        let mended = match &trouble {
            None | Some(Trouble::Closed) => return,
            Some(Trouble::Poisoned(_)) => self.prove_files(),
            Some(Trouble::DiskFull) => self.disk_has_room_again() && self.make_room(0),
            // Room for what did not fit: less would be full again with the next batch.
            Some(Trouble::Full) => self.make_room(self.refused.in_pages.max(ROOM_AGAIN)),
        };
        if mended {
            self.shared.health.set(None);
            tracing::info!("the spool takes callbacks again");
            if matches!(trouble, Some(Trouble::Poisoned(_))) {
                self.check_ballast();
            }
        } else {
            self.retry_at = Some(Instant::now() + RETRY);
        }
    }

    /// Every connection is opened anew, and all of the log folded into the database and synced: what is read after
    /// that is what the disk has. Then a commit of its own goes the whole way: a log that was empty proves nothing.
    fn prove_files(&mut self) -> bool {
        self.conn = None;
        let released = self.checkpoints.release();
        if self.shared.readers.suspend() > 0 || !released {
            tracing::warn!("the spool's files cannot be proven yet: readers are busy");
            return false;
        }
        match self.reopen() {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!("the spool's files cannot be proven yet: another process reads the log");
                self.conn = None;
                return false;
            }
            Err(error) => {
                tracing::warn!(%error, "the spool's files do not prove good yet");
                self.conn = None;
                if severity(&error) == Severity::DiskFull {
                    files::drop_ballast(&self.shared.paths);
                }
                return false;
            }
        }
        self.shared.readers.resume();
        self.shared.metrics.spool_poisoned.set(0);
        self.shared.metrics.spool_recoveries.inc();
        true
    }

    fn reopen(&mut self) -> rusqlite::Result<bool> {
        let mut conn = open::open_for_writing(&self.shared.paths.db, &self.shared.config)?;
        if !checkpoint(&conn, "TRUNCATE")? {
            return Ok(false);
        }
        let acknowledged = self.state.tip();
        let mut state = State::load(&conn)?;
        state.clock = state.clock.max(self.state.clock);
        if state.tip() < acknowledged {
            recover::note_loss(&mut conn, &mut state, acknowledged, None)?;
        }
        for lane in &self.shared.lanes {
            cursors::merge_from_disk(&conn, lane, &state)?;
        }
        probe(&mut conn)?;
        if !checkpoint(&conn, "TRUNCATE")? {
            return Ok(false);
        }
        self.index.reload(&conn)?;
        self.state = state;
        // A batch that was refused may have become durable all the same: its retries are duplicates, it is published.
        self.shared.tip.send_replace(state.tip());
        self.adopt(conn)?;
        Ok(true)
    }
}

/// Commits something. It has to be a change: SQLite does not write what is there already.
fn probe(conn: &mut Connection) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    let times: i64 = schema::meta(&tx, "mended")?.unwrap_or(0);
    schema::set_meta(&tx, "mended", times.wrapping_add(1))?;
    tx.commit()
}
