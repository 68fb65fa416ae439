//! A change that an operator orders: rehearsed, or done and written down, in one transaction.

use super::super::changes::{self, After};
use super::super::checkpoint::Fold;
use super::super::error::severity;
use super::super::{Change, ChangeDone, Mode, Order, PurgeStep, SpoolError, audit};
use super::Writer;
use super::disk::Need;

/// A change that was committed.
struct Changed {
    done: ChangeDone,
    after: After,
    /// Its row in the audit, where it leaves one.
    row: Option<i64>,
}

impl Writer {
    /// Does what is ordered; what it came to.
    pub(super) fn change(&mut self, order: &Order) -> Result<ChangeDone, SpoolError> {
        if self.conn.is_none() {
            return Err(SpoolError::Poisoned);
        }
        if let Change::Compact { serving } = order.change {
            return self.compact(order, serving);
        }
        if let Some((bytes, rows)) = order.change.brings() {
            self.admit_change(bytes, rows)?;
        }
        let purges = matches!(order.change, Change::Purge { .. });
        if purges {
            self.overwrite_deleted(true)?;
        }
        let result = self.commit(order);
        if purges && self.conn.is_some() {
            self.overwrite_deleted(false)?;
        }
        match result {
            Ok(changed) => Ok(self.follow(order, changed)),
            Err(Undone::Rehearsed(done)) => Ok(done),
            Err(Undone::Failed(SpoolError::Sqlite(error))) => {
                self.meet(severity(&error), &error);
                Err(error.into())
            }
            Err(Undone::Failed(refused)) => Err(refused),
        }
    }

    fn commit(&mut self, order: &Order) -> Result<Changed, Undone> {
        let shared = self.shared.clone();
        self.transact(|tx, state, index| {
            let (done, after) = changes::apply(tx, state, index, &shared, &order.change)?;
            match &order.mode {
                // The way back leaves nothing of it: what it would come to is found by doing it.
                Mode::Rehearse => return Err(Undone::Rehearsed(done)),
                Mode::Agreed(agreed) if *agreed != done => return Err(other_than_agreed().into()),
                Mode::Agreed(_) | Mode::Unseen => {}
            }
            let row = audit::write(tx, state.clock, order, &done)?;
            Ok(Changed { done, after, row })
        })
    }

    /// What follows from a change for what is known in memory, and for those who watch.
    fn follow(&mut self, order: &Order, changed: Changed) -> ChangeDone {
        let Changed { done, after, row } = changed;
        changes::follow(&self.shared, &after);
        match after {
            After::Appended { checksum } => self.publish_tip(checksum),
            After::Reread { checksum } => {
                self.reread_lanes();
                self.publish_tip(checksum);
            }
            After::Nothing | After::Dead { .. } | After::Replay { .. } => {}
        }
        if matches!(order.change, Change::Purge { step: PurgeStep::End(..), .. }) {
            // Or else the log has what was purged until it is written over.
            self.checkpoints.fold(Fold::Truncate);
        }
        self.set_gauges();
        if let Some(row) = row {
            self.shared.metrics.operator_changes.with_label_values(&[order.change.kind()]).inc();
            // Which entities it was about is for the audit alone.
            tracing::info!(by = %order.by, change = order.change.kind(), audit = row, "the spool was changed by command: see `spool audit`");
        }
        done
    }

    /// Whether what is deleted is overwritten with zeros at once, or only let go of, which takes less writing.
    fn overwrite_deleted(&self, on: bool) -> Result<(), SpoolError> {
        let Some(conn) = &self.conn else { return Err(SpoolError::Poisoned) };
        Ok(conn.pragma_update(None, "secure_delete", on)?)
    }

    /// What an operator brings gets no more room than callbacks get.
    fn admit_change(&mut self, bytes: u64, rows: u64) -> Result<(), SpoolError> {
        let need = Need::of(bytes, rows);
        let fits = self.shared.health.trouble().is_none()
            && self.make_room(need.in_pages)
            && self.disk_has_room(need);
        if fits {
            return Ok(());
        }
        let what =
            "the spool has no room for this: raise spool.max_size or make room on its disk, and begin again";
        Err(SpoolError::Refused(what.to_owned()))
    }
}

/// Why a change was rolled back.
enum Undone {
    /// It was only to be seen what it comes to.
    Rehearsed(ChangeDone),
    Failed(SpoolError),
}

impl From<SpoolError> for Undone {
    fn from(error: SpoolError) -> Self {
        Undone::Failed(error)
    }
}

impl From<rusqlite::Error> for Undone {
    fn from(error: rusqlite::Error) -> Self {
        Undone::Failed(error.into())
    }
}

fn other_than_agreed() -> SpoolError {
    SpoolError::Refused(
        "the spool has changed since it was asked, and so has what this would do: nothing was done; look again"
            .to_owned(),
    )
}
