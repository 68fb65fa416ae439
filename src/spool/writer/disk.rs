//! Room on the disk: looked at before SQLite runs out of it, and again when it did.
//!
//! What SQLite has in its log it still has to write to the database's file. Were the disk filled up to the last
//! byte, neither that nor an acknowledgement could be written, and nothing would ever give room again.

use std::fs;
use std::sync::atomic::Ordering;

use super::super::checkpoint::Fold;
use super::super::config::FRAME;
use super::super::health::Trouble;
use super::super::{files, space};
use super::Writer;

/// So much is left free for acknowledgements and deletions.
const MARGIN: u64 = 256 << 10;

/// With so much free, nothing else is looked at.
const PLENTY: u64 = 512 << 20;

/// How many steps of deletion one look at a full disk takes.
const STEPS: usize = 8;

/// What a batch will take, about.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Need {
    /// Of pages in the database.
    pub(super) in_pages: u64,
    /// Of frames in the log: the keyed tables are written in whole pages.
    pub(super) in_log: u64,
}

impl Need {
    /// Of so many bytes of bodies in so many rows.
    pub(super) fn of(bytes: u64, rows: u64) -> Self {
        Need { in_pages: bytes + rows * 4096, in_log: bytes + rows * 5 * FRAME }
    }
}

impl Writer {
    /// Whether the batch fits on the disk, and all that is in the log still as well.
    pub(super) fn disk_has_room(&self, need: Need) -> bool {
        let (paths, available) = (&self.shared.paths, self.shared.available());
        if available > PLENTY + 2 * need.in_log {
            return true;
        }
        let Some(Ok(pages)) = self.conn.as_ref().map(space::pages) else { return false };
        let on_disk = fs::metadata(&paths.db).map_or(0, |meta| meta.len());
        let unfolded = pages.total_bytes().saturating_sub(on_disk);
        let growth = need.in_pages.saturating_sub(pages.free_bytes());
        let in_log = self.log_frames.load(Ordering::Relaxed) * FRAME + need.in_log;
        available >= unfolded + growth + in_log.saturating_sub(paths.wal_bytes()) + MARGIN
    }

    /// SQLite ran out of room: the reserve is given back, so that acknowledgements can be written.
    pub(super) fn disk_full(&mut self) {
        files::drop_ballast(&self.shared.paths);
        self.trouble(Trouble::DiskFull);
    }

    /// Looks again at a full disk: whether appends can go on, with the reserve in place or in room that the spool
    /// has in its own files.
    pub(super) fn disk_has_room_again(&mut self) -> bool {
        let need =
            Need { in_pages: self.refused.in_pages.max(MARGIN), in_log: self.refused.in_log.max(4 * MARGIN) };
        self.fold_log();
        self.remake_ballast();
        for _ in 0..STEPS {
            if self.disk_has_room(need) {
                return true;
            }
            if self.delete_for_space() == 0 {
                break;
            }
            self.fold_log();
        }
        false
    }

    /// Makes the reserve again when there is more than enough room for it.
    pub(super) fn remake_ballast(&self) {
        let (paths, reserve) = (&self.shared.paths, self.shared.config.reserve.bytes());
        if !files::has_ballast(paths, reserve)
            && self.shared.available() > reserve + 4 * MARGIN
            && let Err(error) = files::make_ballast(paths, reserve)
        {
            tracing::debug!(%error, "no room on the disk for the spool's reserve yet");
        }
    }

    /// The next commit begins at the log's start, in room that the log has already.
    fn fold_log(&mut self) {
        if self.checkpoints.fold(Fold::Restart) {
            self.log_frames.store(0, Ordering::Relaxed);
        }
    }
}
