//! Giving free space back to the file system: the database is written anew without it, by SQLite's `VACUUM`.
//!
//! That is one transaction: what is written goes to the log, and a crash before its commit leaves the spool as it was.
//! Nothing else can be written meanwhile, so beside callbacks only a small spool is compacted. Records keep their numbers;
//! mark, cursors and cap mean what they meant.

use std::path::Path;
use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::super::checkpoint::Fold;
use super::super::error::severity;
use super::super::space;
use super::super::{ChangeDone, Compacted, Mode, Order, SpoolError, audit};
use super::Writer;
use crate::units::Size;

/// The most that is written anew while callbacks wait: some tenths of a second.
const BESIDE_CALLBACKS: u64 = 64 << 20;

/// So much is left free on the disk beside what it takes.
const MARGIN: u64 = 16 << 20;

impl Writer {
    /// Compacts the spool, or says what it would come to.
    pub(super) fn compact(&mut self, order: &Order, serving: bool) -> Result<ChangeDone, SpoolError> {
        let Some(conn) = &self.conn else { return Err(SpoolError::Poisoned) };
        let pages = space::pages(conn)?;
        let (before, used) = (pages.total_bytes(), pages.used_bytes());
        self.may_compact(used, serving)?;
        if order.mode == Mode::Rehearse {
            return Ok(ChangeDone::Compacted(Compacted { before, after: used, folded: false }));
        }
        if let Err(error) = vacuum(conn, &self.shared.paths.dir) {
            self.meet(severity(&error), &error);
            return Err(error.into());
        }
        let after = space::pages(conn)?.total_bytes();
        let tries = if serving { 2 } else { 20 };
        let folded = (0..tries).any(|_| self.checkpoints.fold(Fold::Truncate));
        if folded {
            self.log_frames.store(0, Ordering::Relaxed);
        } else {
            tracing::warn!(
                "the spool is compacted, but its log is not folded yet: another process reads it, or it takes long"
            );
        }
        let done = ChangeDone::Compacted(Compacted { before, after, folded });
        // The row tells what has been done: nothing is lost with it but the row.
        let row = self.transact(|tx, state, _| audit::write(tx, state.clock, order, &done))?;
        self.used();
        self.shared.metrics.operator_changes.with_label_values(&[order.change.kind()]).inc();
        tracing::info!(by = %order.by, before, after, audit = row, "the spool was compacted by command");
        Ok(done)
    }

    fn may_compact(&self, used: u64, serving: bool) -> Result<(), SpoolError> {
        if serving && used > BESIDE_CALLBACKS {
            return Err(SpoolError::Refused(format!(
                "the spool holds {}, and callbacks would have to wait while it is written anew: above {} stop the \
                 relay, and compact the spool before it starts again",
                Size::from_bytes(used),
                Size::from_bytes(BESIDE_CALLBACKS),
            )));
        }
        // Once as a file of SQLite's own, and once in the log.
        let (needed, available) = (2 * used + MARGIN, self.shared.available());
        if available < needed {
            return Err(SpoolError::Refused(format!(
                "compacting takes {needed} bytes of the spool's disk for a while, and there are {available}"
            )));
        }
        Ok(())
    }
}

/// SQLite's own copy goes to the spool's disk: in memory it would take as much of it as the spool has bytes, and
/// elsewhere there may be no room, or other readers.
fn vacuum(conn: &Connection, dir: &Path) -> rusqlite::Result<()> {
    conn.pragma_update(None, "temp_store", "FILE")?;
    conn.pragma_update(None, "temp_store_directory", dir.to_string_lossy())?;
    let done = conn.execute_batch("VACUUM");
    conn.pragma_update(None, "temp_store_directory", "")?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    done
}
