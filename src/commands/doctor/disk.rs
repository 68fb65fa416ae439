//! The spool's disk: what it is, how long it takes to sync, and how much room it has.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::mount::Mount;
use crate::config::Config;
use crate::finding::Finding;
use crate::spool::SpoolConfig;
use crate::units::Size;

/// How many syncs are measured, and for how long at most.
const SYNCS: usize = 64;
const MEASURED_FOR: Duration = Duration::from_secs(2);

/// A commit is one sync of the disk, and a callback waits for one or two commits. Slower than this is told.
const SLOW: Duration = Duration::from_millis(10);
const TOO_SLOW: Duration = Duration::from_millis(50);

/// Less than this is a full disk.
const LEAST: u64 = 32 << 20;

/// Looks at the directory of the spool, or the one that it will be made in.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let path = &config.spool.path;
    let Some(dir) = existing(path) else {
        let next = "correct spool.path";
        return vec![Finding::error(format!("nothing above {} exists", path.display()), next)];
    };
    let mut found = Vec::new();
    found.push(match Mount::of(&dir) {
        Some(mount) => mount.judge(),
        None => Finding::note(format!("what {} lies on cannot be known here", dir.display())),
    });
    found.push(syncing(&dir));
    found.extend(room(&dir, &config.spool));
    found
}

fn existing(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.ancestors().find(|path| path.is_dir()).map(Path::to_owned)
}

fn syncing(dir: &Path) -> Finding {
    match measured(dir) {
        Ok(times) => judge_times(&times),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let next = "run this as the relay's user";
            Finding::note(format!(
                "how long a sync takes cannot be known: {} may not be written",
                dir.display()
            ))
            .with_next(next)
        }
        Err(error) => Finding::error(
            format!("nothing can be written to {}: {error}", dir.display()),
            "make room, or see the kernel's log for what is wrong with the disk",
        ),
    }
}

/// The times of syncs of a small file in this directory, which nobody sees and which is gone afterwards, in ascending
/// order.
fn measured(dir: &Path) -> io::Result<Vec<Duration>> {
    let mut file = tempfile::tempfile_in(dir)?;
    let page = [0xa5_u8; 4096];
    let begun = Instant::now();
    let mut times = Vec::with_capacity(SYNCS);
    while times.len() < SYNCS && (times.is_empty() || begun.elapsed() < MEASURED_FOR) {
        file.write_all(&page)?;
        let before = Instant::now();
        file.sync_data()?;
        times.push(before.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn judge_times(times: &[Duration]) -> Finding {
    let (Some(longest), Some(median)) = (times.last(), times.get(times.len() / 2)) else {
        return Finding::note("no sync was measured");
    };
    let found =
        format!("a sync takes {} (median of {}), {} at most", millis(*median), times.len(), millis(*longest));
    if *median >= TOO_SLOW {
        let next =
            "use a disk with a faster flush: each callback waits for one; see docs/runbook.md#fsync-is-slow";
        return Finding::warning(found, next);
    }
    if *median >= SLOW {
        return Finding::note(found).with_next("a local SSD takes a millisecond or less");
    }
    Finding::ok(found)
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}

fn room(dir: &Path, spool: &SpoolConfig) -> Vec<Finding> {
    let Ok(disk) = rustix::fs::statvfs(dir) else {
        return vec![Finding::note("how much room the disk has cannot be known")];
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let mut found = vec![judge_room(free, in_use(&spool.path), spool)];
    if disk.f_files > 0 && disk.f_favail == 0 {
        found.push(Finding::error("the disk has no inode left", "remove files that nobody needs"));
    }
    found
}

/// Bytes of what is in the spool's directory.
fn in_use(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let files =
        entries.flatten().filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file);
    files.map(|metadata| metadata.len()).sum()
}

/// Whether the spool gets to its cap before the disk is full.
fn judge_room(free: u64, in_use: u64, spool: &SpoolConfig) -> Finding {
    let whole = spool.max_size.bytes().saturating_add(spool.reserve.bytes());
    let growth = whole.saturating_sub(in_use);
    let found = format!("{} are free", Size(free).rounded());
    if free < LEAST {
        return Finding::error(
            format!("{found}: the disk is full, and callbacks are answered 503"),
            "make room; the relay goes on by itself (docs/runbook.md#the-spool-is-nearly-full)",
        );
    }
    let (cap, reserve) = (spool.max_size, spool.reserve);
    if free < growth {
        // A tenth for the file system and whoever else writes there.
        let fits = free.saturating_add(in_use).saturating_sub(reserve.bytes()) / 10 * 9;
        let fits = Size::from_mib(fits >> 20);
        return Finding::warning(
            format!(
                "{found}, and the spool may grow by {} to max_size {cap} and reserve {reserve}: the disk is full first",
                Size(growth).rounded()
            ),
            format!("make room, or set spool.max_size to {fits} so that published records make room in time"),
        );
    }
    Finding::ok(format!("{found}, enough for max_size {cap} and reserve {reserve}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn syncs_are_judged_by_their_median() {
        let of = |millis: &[u64]| {
            let times: Vec<Duration> = millis.iter().map(|millis| Duration::from_millis(*millis)).collect();
            judge_times(&times)
        };
        assert_eq!(of(&[1, 1, 900]).level(), Level::Ok);
        assert!(of(&[1, 2, 900]).found().contains("2.00 ms (median of 3), 900.00 ms at most"));
        assert_eq!(of(&[1, 20, 30]).level(), Level::Note);
        assert_eq!(of(&[60]).level(), Level::Warning);
        assert_eq!(of(&[]).level(), Level::Note);
    }

    #[test]
    fn what_was_measured_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let times = measured(dir.path()).unwrap();
        assert!(!times.is_empty() && times.is_sorted());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(measured(&dir.path().join("none")).is_err());
    }

    #[test]
    fn room_is_held_against_what_the_spool_may_grow_to() {
        const GIB: u64 = 1 << 30;
        let spool = SpoolConfig::default();
        for (free, in_use, level) in [
            (20 * GIB, 0, Level::Ok),
            (5 * GIB, 0, Level::Warning),
            (5 * GIB, 6 * GIB, Level::Ok),
            (1 << 20, 9 * GIB, Level::Error),
        ] {
            assert_eq!(judge_room(free, in_use, &spool).level(), level, "{free} {in_use}");
        }
        let next = judge_room(5 * GIB, 0, &spool).next().map(str::to_owned).unwrap();
        assert!(next.contains("4593MiB"), "{next}");
    }

    #[test]
    fn a_spool_that_is_still_to_be_made_is_measured_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(existing(&dir.path().join("a/b")).as_deref(), Some(dir.path()));
        std::fs::write(dir.path().join("a"), [0; 100]).unwrap();
        assert_eq!(in_use(dir.path()), 100);
        assert_eq!(in_use(&dir.path().join("none")), 0);
    }
}
