//! What the writer does between batches: save acknowledgements, restart the log, delete what is old.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::checkpoint::Fold;
use super::super::error::severity;
use super::super::health::Trouble;
use super::super::open::CLOCK_JUMP_MS;
use super::super::space::{self, Swept};
use super::super::{cursors, gauge};
use super::{SAVE_WITHIN, Writer};
use crate::event::Timestamp;

/// How often old records are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// How long retention waits after the clock jumped.
const JUMP_WAIT: Duration = Duration::from_secs(86_400);

/// How many steps of deletion one batch waits for.
const STEPS: usize = 8;

/// When to look for old records, and how far it came.
pub(super) struct Tend {
    retention_at: Instant,
    pub(super) swept: Swept,
    /// The wall clock at the last look, and the moment of it on a clock that nobody sets.
    seen: (Timestamp, Instant),
}

impl Tend {
    /// The first look is soon after the start, or a day later when the clock cannot be trusted.
    pub(super) fn new(clock_jumped: bool, wall: Timestamp, now: Instant) -> Self {
        let first = now + Duration::from_secs(1);
        let mut tend = Tend { retention_at: first, swept: Swept::default(), seen: (wall, now) };
        if clock_jumped {
            tend.distrust(now);
        }
        tend
    }

    /// Looks at the clocks; whether the wall clock has run ahead of the other one, by more than an hour since the last
    /// look. Then nothing is deleted for its age before a day has passed.
    fn jumps(&mut self, wall: Timestamp, now: Instant) -> bool {
        let (then, at) = std::mem::replace(&mut self.seen, (wall, now));
        let passed = i64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(i64::MAX);
        let jumped = wall.millis_since(then).saturating_sub(passed) > CLOCK_JUMP_MS;
        if jumped {
            self.distrust(now);
        }
        jumped
    }

    fn distrust(&mut self, now: Instant) {
        self.retention_at = now + JUMP_WAIT;
        tracing::warn!(
            "the clock has jumped ahead by more than an hour: nothing is deleted for its age before a day of running"
        );
    }
}

impl Writer {
    /// How long there is nothing to do but wait for jobs; `None` is for ever.
    pub(super) fn wait(&self) -> Option<Duration> {
        let deadlines =
            [self.save_by, self.retry_at, (self.state.records > 0).then_some(self.tend.retention_at)];
        let next = deadlines.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// After each batch, and when a deadline has passed.
    pub(super) fn tend(&mut self) {
        self.retry();
        if matches!(self.shared.health.trouble(), Some(Trouble::Poisoned(_))) {
            return;
        }
        self.save_acknowledgements();
        self.restart_log();
        self.delete_old();
    }

    fn save_acknowledgements(&mut self) {
        let now = Instant::now();
        if self.save_by.is_none() && self.shared.woken.load(Ordering::Acquire) {
            self.save_by = Some(now + SAVE_WITHIN);
        }
        if self.save_by.is_some_and(|by| by <= now)
            && let Err(error) = self.transact(|_, _, _| Ok::<_, rusqlite::Error>(()))
        {
            self.meet(severity(&error), &error);
            self.save_by = Some(now + Duration::from_secs(1));
        }
    }

    /// Above its limit, the log is restarted before more is written; from three quarters of it on, as soon as that takes
    /// hardly longer than a commit.
    fn restart_log(&mut self) {
        let frames = self.log_frames.load(Ordering::Relaxed);
        let limit = self.shared.config.wal_limit_frames();
        if frames < limit - limit / 4 {
            self.restart_from = 0;
            return;
        }
        let near = self.checkpoints.approach();
        if (near || frames >= limit) && frames >= self.restart_from {
            // After a vain attempt (a reader holds an old snapshot) it may grow by a quarter before the next.
            self.restart_from = if self.checkpoints.fold(Fold::Restart) { 0 } else { frames + limit / 4 };
            if self.restart_from == 0 {
                self.log_frames.store(0, Ordering::Relaxed);
            } else {
                tracing::warn!(frames, "the spool's log could not be restarted: another process reads it");
            }
        }
    }

    /// One step of deleting what is published and older than retention.
    fn delete_old(&mut self) {
        let now = Instant::now();
        if self.tend.retention_at > now {
            return;
        }
        let wall = self.shared.now();
        if self.tend.jumps(wall, now) {
            return;
        }
        let age = i64::try_from(self.shared.config.retention.as_millis()).unwrap_or(i64::MAX);
        // Not by the spool's clock: it stays ahead after the wall clock was ahead for a moment.
        let before = Timestamp::from_millis(wall.as_millis().saturating_sub(age));
        let tip = self.state.tip();
        let due = self.conn.as_ref().map(|conn| space::is_due(conn, &self.shared.lanes, tip, before));
        // An error is met by the deletion itself.
        let step = if matches!(due, Some(Ok(false)) | None) { None } else { self.delete(Some(before)) };
        let more = step.is_some_and(|step| step.more);
        if let Some(step) = step {
            self.shared.metrics.spool_deleted.with_label_values(&["retention"]).inc_by(step.records);
            self.set_gauges();
        }
        if !more {
            self.remake_ballast();
            self.tend.swept = Swept::default();
            self.tend.retention_at = now + RETENTION_EVERY;
        }
    }

    /// Makes sure that `need` more bytes fit below the cap; whether they do.
    pub(super) fn make_room(&mut self, need: u64) -> bool {
        let cap = self.shared.config.max_size.bytes();
        let slack = (cap / 32).min(64 << 20);
        if self.used() + need <= cap - slack / 2 {
            return true;
        }
        if self.shared.paths.wal_bytes() > slack {
            self.checkpoints.fold(Fold::Truncate);
        }
        for _ in 0..STEPS {
            if self.used() + need <= cap - slack {
                return true;
            }
            if self.delete_for_space() == 0 && !self.skip_for_space() {
                break;
            }
        }
        if self.shared.paths.wal_bytes() > slack {
            self.checkpoints.fold(Fold::Truncate);
        }
        // Records that dead letters held may be free by the next look.
        self.tend.swept = Swept::default();
        self.used() + need <= cap
    }

    /// One step of deleting what every configured sink has published, whatever its age; how many records.
    pub(super) fn delete_for_space(&mut self) -> u64 {
        let records = self.delete(None).map_or(0, |step| step.records);
        self.shared.metrics.spool_deleted.with_label_values(&["space"]).inc_by(records);
        records
    }

    /// Makes sinks that are not required pass over the oldest records; whether there were any.
    fn skip_for_space(&mut self) -> bool {
        let (shared, tip) = (self.shared.clone(), self.state.tip());
        let (until, dropped) = match self.transact(|tx, _, _| space::unhold(tx, &shared.lanes, tip)) {
            Ok(Some(unheld)) => unheld,
            Ok(None) => return false,
            Err(error) => {
                self.meet(severity(&error), &error);
                return false;
            }
        };
        let mut skipped = dropped;
        for lane in shared.lanes.iter().filter(|lane| !lane.required) {
            let passed = lane.skip(until);
            if passed > 0 {
                tracing::warn!(sink = %lane.name, records = passed, "the spool is full: a sink that is not required passes over its oldest records");
            }
            skipped += passed;
        }
        if dropped > 0 {
            self.reread_lanes();
        }
        shared.metrics.spool_deleted.with_label_values(&["skipped"]).inc_by(skipped);
        self.tend.swept = Swept::default();
        skipped > 0
    }

    /// What is known in memory of cursors and dead letters is read again: they were changed on disk.
    pub(super) fn reread_lanes(&mut self) {
        let Some(conn) = &self.conn else { return };
        for lane in &self.shared.lanes {
            if let Err(error) = cursors::merge_from_disk(conn, lane, &self.state) {
                tracing::warn!(%error, "cursors and dead letters could not be read: a sink may get again what it has");
            }
        }
    }

    fn delete(&mut self, before: Option<Timestamp>) -> Option<space::Step> {
        let shared = self.shared.clone();
        let tip = self.state.tip();
        let mut swept = self.tend.swept;
        let result = self
            .transact(|tx, state, _| space::delete_step(tx, state, &shared.lanes, tip, before, &mut swept));
        match result {
            Ok(step) => {
                self.tend.swept = swept;
                Some(step)
            }
            Err(error) => {
                self.meet(severity(&error), &error);
                None
            }
        }
    }

    /// Bytes in use: pages and log.
    pub(super) fn used(&self) -> u64 {
        let pages = self.pages.or_else(|| self.conn.as_ref().and_then(|conn| space::pages(conn).ok()));
        let used = pages.map_or(0, |pages| pages.used_bytes()) + self.shared.paths.wal_bytes();
        self.shared.health.set_bytes(used);
        self.shared.metrics.spool_bytes.set(gauge(used));
        used
    }

    /// Shows the counts.
    pub(super) fn set_gauges(&self) {
        let (metrics, state) = (&self.shared.metrics, &self.state);
        metrics.spool_cap_bytes.set(gauge(self.shared.config.max_size.bytes()));
        metrics.spool_records.set(gauge(state.records));
        metrics.held_rows.set(gauge(state.held));
        metrics.quarantine_rows.set(gauge(state.quarantine));
        metrics.spool_damaged_notes.set(gauge(self.index.damaged_notes()));
        let rows = [
            ("signatures", state.signatures),
            ("fingerprints", state.fingerprints),
            ("entities", state.entities),
        ];
        for (table, count) in rows {
            metrics.ledger_rows.with_label_values(&[table]).set(gauge(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_is_not_trusted_for_a_day() {
        let (begun, start) = (Instant::now(), 1_800_000_000_000);
        let at = |wall_ms: i64, passed: u64| {
            (Timestamp::from_millis(start + wall_ms), begun + Duration::from_secs(passed))
        };
        let new = |jumped| Tend::new(jumped, at(0, 0).0, begun);
        for (wall_ms, passed, jumps) in [
            (60_000, 60, false),
            (60_000 + CLOCK_JUMP_MS, 60, false),
            (60_001 + CLOCK_JUMP_MS, 60, true),
            // Time that has passed is no jump, and neither is a step back.
            (7 * 86_400_000, 7 * 86_400, false),
            (-5 * CLOCK_JUMP_MS, 60, false),
        ] {
            let mut tend = new(false);
            let (wall, now) = at(wall_ms, passed);
            assert_eq!(tend.jumps(wall, now), jumps, "{wall_ms} ms of the wall clock in {passed} s");
            assert_eq!(tend.retention_at == now + JUMP_WAIT, jumps);
        }
        assert_eq!(new(true).retention_at, begun + JUMP_WAIT);
    }
}
