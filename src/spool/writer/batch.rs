//! A batch of callbacks and dead letters: one transaction, one fsync, then all answers.

use rusqlite::Connection;

use super::super::error::{Severity, severity};
use super::super::high_water::Mark;
use super::super::jobs::{AppendJob, DeadJob, tell_all};
use super::super::state::State;
use super::super::store::{self, Stored};
use super::super::{AppendError, Feed, Outcome, SpoolError};
use super::Writer;
use super::disk::Need;

/// What a batch of appends will take of the disk, about: the bodies, and the pages of the keyed tables.
pub(super) fn need(appends: &[AppendJob]) -> Need {
    let of = |append: &AppendJob| append.callback.request.body.len() + append.callback.request.target.len();
    let bytes: u64 = appends.iter().map(|append| of(append) as u64).sum();
    Need::of(bytes, appends.len() as u64)
}

impl Writer {
    /// Writes appends and dead letters, and answers them.
    pub(super) fn write(&mut self, appends: Vec<AppendJob>, deads: Vec<DeadJob>) {
        match self.try_write(&appends, &deads) {
            Ok((stored, new)) => {
                self.committed(&stored);
                answer_all(appends, stored);
                for (dead, new) in deads.into_iter().zip(new) {
                    // In memory after the commit: losing the acknowledgement only brings the record again.
                    dead.lane.bury(dead.feed, dead.sequence, new);
                    let _ = dead.reply.send(Ok(()));
                }
            }
            Err(error) => self.failed(&error, appends, deads),
        }
    }

    fn try_write(
        &mut self,
        appends: &[AppendJob],
        deads: &[DeadJob],
    ) -> rusqlite::Result<(Vec<Stored>, Vec<bool>)> {
        let shared = self.shared.clone();
        self.transact(|tx, state, index| {
            let new = deads.iter().map(|dead| bury(tx, state, dead)).collect::<rusqlite::Result<_>>()?;
            let mut stored = Vec::with_capacity(appends.len());
            for append in appends {
                stored.push(store::append(tx, state, index, &shared.config, &append.callback)?);
            }
            Ok((stored, new))
        })
    }

    /// What follows a commit, before anyone is answered.
    fn committed(&mut self, stored: &[Stored]) {
        let metrics = &self.shared.metrics;
        if !stored.is_empty() {
            metrics.group_size.observe(stored.len() as f64);
        }
        for one in stored {
            match one.outcome {
                Outcome::Duplicate { after_change: true, .. } => metrics.duplicates_after_change.inc(),
                Outcome::Quarantined { kept: false, .. } => metrics.quarantine_overflow.inc(),
                _ => {}
            }
        }
        self.publish_tip(stored.iter().rev().find_map(|one| one.checksum));
        self.set_gauges();
    }

    /// Marks and tells the new tip, if there is one.
    pub(super) fn publish_tip(&mut self, checksum: Option<u32>) {
        let Some(checksum) = checksum else { return };
        let sequence = self.state.tip();
        if let Err(error) = self.high_water.write(Mark { sequence, checksum }) {
            tracing::debug!(%error, "the high-water mark cannot be written");
        }
        self.shared.tip.send_replace(sequence);
    }

    fn failed(&mut self, error: &rusqlite::Error, appends: Vec<AppendJob>, deads: Vec<DeadJob>) {
        let severity = severity(error);
        self.meet(severity, error);
        if severity == Severity::Statement && appends.len() + deads.len() > 1 {
            // One of them is the cause: the others shall not suffer for it.
            for append in appends {
                self.write(vec![append], Vec::new());
            }
            for dead in deads {
                self.write(Vec::new(), vec![dead]);
            }
            return;
        }
        let refusal = match severity {
            Severity::DiskFull => AppendError::DiskFull,
            Severity::Poison | Severity::Busy | Severity::Statement => AppendError::Io(error.to_string()),
        };
        tell_all(appends.into_iter().map(|append| (append.reply, Err(refusal.clone()))));
        for dead in deads {
            let refusal = match severity {
                Severity::Poison => SpoolError::Poisoned,
                _ => SpoolError::Refused(format!("the dead letter could not be written: {error}")),
            };
            let _ = dead.reply.send(Err(refusal));
        }
    }
}

fn answer_all(appends: Vec<AppendJob>, stored: Vec<Stored>) {
    let outcomes = stored.into_iter().map(|stored| Ok(stored.outcome));
    tell_all(appends.into_iter().map(|append| append.reply).zip(outcomes));
}

/// Writes a dead letter; whether there was none of this record yet (a replay may have brought it again).
fn bury(tx: &Connection, state: &State, dead: &DeadJob) -> rusqlite::Result<bool> {
    let (sink, at) = (&dead.lane.name, state.clock.as_millis());
    let updated = tx
        .prepare_cached("UPDATE dead SET code = ?3, reason = ?4, at = ?5 WHERE sink = ?1 AND sequence = ?2")?
        .execute((sink, dead.sequence, dead.code, &dead.reason, at))?;
    if updated == 0 {
        tx.prepare_cached("INSERT INTO dead VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
            sink,
            dead.sequence,
            dead.code,
            &dead.reason,
            at,
        ))?;
    }
    if dead.feed == Feed::Requeued {
        tx.prepare_cached("DELETE FROM requeued WHERE sink = ?1 AND sequence = ?2")?
            .execute((sink, dead.sequence))?;
    }
    Ok(updated == 0)
}
