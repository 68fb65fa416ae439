//! The spool at a glance: format, marks of trouble, what waits for a decision. `spool verify` reads all of it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::config::Config;
use crate::event::Timestamp;
use crate::finding::{Finding, Level};
use crate::spool::{
    HighWaterFound, MissingRange, OpenError, SinkCursor, SpoolConfig, SpoolReader, SpoolStatus,
};
use crate::units::{Size, Span};

/// The wall clock may be behind the spool's by this much: the clock is read before a commit, and shown after it.
const BEHIND: i64 = 5_000;

/// Looks at it beside a relay that may be running.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let spool = &config.spool;
    let looked = match SpoolReader::open(&spool.path) {
        Ok(reader) => reader.status().and_then(|status| Ok((status, reader.mark()?))),
        Err(OpenError::Missing { .. }) => {
            let found =
                format!("there is none at {} yet: the relay makes it when it starts", spool.path.display());
            return vec![Finding::note(found)];
        }
        Err(error) => return vec![unusable(&error)],
    };
    let mut found = match looked {
        Ok((status, mark)) => {
            let mut found = judge(&status, spool, Timestamp::now());
            found.extend(marked(mark));
            found
        }
        Err(error) => vec![unusable(&error)],
    };
    found.extend(files(spool));
    found
}

fn unusable(error: &impl std::fmt::Display) -> Finding {
    Finding::error(error.to_string(), "see docs/runbook.md#damaged-records-or-a-damaged-log")
}

fn judge(status: &SpoolStatus, spool: &SpoolConfig, now: Timestamp) -> Vec<Finding> {
    let mut found = vec![Finding::ok(format!(
        "format {} (readable from {}), records: {}, the latest is {}",
        status.format, status.min_reader, status.records, status.tip
    ))];
    found.push(filling(status));
    found.extend(stepped_back(status.clock, now));
    found.extend(status.missing.iter().map(|missing| lost(missing, spool, now)));
    found.extend(waiting(status));
    found.extend(status.sinks.iter().filter_map(left_over));
    found
}

fn filling(status: &SpoolStatus) -> Finding {
    let percent = status.bytes.saturating_mul(100) / status.cap.max(1);
    let found = format!("{} of {} are in use ({percent} %)", Size(status.bytes).rounded(), Size(status.cap));
    // What is published goes by itself at the cap, so that only what is not can fill it.
    let unpublished = status.sinks.iter().filter(|sink| sink.configured).map(|sink| sink.depth).max();
    let is_held = unpublished.unwrap_or_default() > status.records / 2;
    if percent >= 80 && is_held {
        let next = "mend the sink that lags: see docs/runbook.md#the-spool-is-nearly-full";
        return Finding::warning(format!("{found}, most of it not published"), next);
    }
    Finding::ok(found)
}

fn stepped_back(clock: Timestamp, now: Timestamp) -> Option<Finding> {
    let ahead = clock.millis_since(now);
    (ahead > BEHIND).then(|| {
        Finding::warning(
            format!(
                "the latest commit is {} in the future: this machine's clock was set back, and new records get that time until it is reached",
                Span::from_secs(ahead.unsigned_abs() / 1_000)
            ),
            "correct the clock: see docs/runbook.md#the-clock-was-stepped",
        )
    })
}

/// The mark of what was acknowledged. A relay that starts goes on above it, and says what is missing.
fn marked(mark: HighWaterFound) -> Option<Finding> {
    let next = "see docs/runbook.md#damaged-records-or-a-damaged-log";
    match mark {
        HighWaterFound::Good => None,
        HighWaterFound::None => Some(
            Finding::note(
                "there is no mark of what was acknowledged: damage of the latest commits could go unnoticed",
            )
            .with_next("none after a copy is no error: the relay writes one with its next commit"),
        ),
        HighWaterFound::Ahead { acknowledged, tip } => Some(Finding::warning(
            format!("records up to {acknowledged} were acknowledged, and the latest there is {tip}"),
            next,
        )),
        HighWaterFound::OtherRecord { sequence } => Some(Finding::warning(
            format!(
                "record {sequence} is not the one that was acknowledged: was the spool restored from a copy?"
            ),
            next,
        )),
    }
}

/// Once all that could be asked for again is past its retention, nothing is left to be done.
fn lost(missing: &MissingRange, spool: &SpoolConfig, now: Timestamp) -> Finding {
    let MissingRange { first, last, found_at, .. } = missing;
    let found = format!(
        "records {first} to {last} were acknowledged, and lost by the disk (found {})",
        found_at.to_rfc3339()
    );
    let next = "see docs/runbook.md#damaged-records-or-a-damaged-log";
    let age = u64::try_from(now.millis_since(*found_at)).unwrap_or_default();
    if age > spool.retention.as_millis() {
        return Finding::note(found).with_next(next);
    }
    Finding::warning(found, next)
}

/// What waits for an operator.
fn waiting(status: &SpoolStatus) -> Vec<Finding> {
    let mut found = Vec::new();
    for sink in status.sinks.iter().filter(|sink| sink.dead_letters > 0) {
        found.push(Finding::warning(
            format!("sink {} refused events for good: {}", sink.sink, sink.dead_letters),
            format!("tendlc-relay dead list --sink {}", sink.sink),
        ));
    }
    if status.quarantine > 0 {
        let found_there = format!("callbacks in quarantine: {}", status.quarantine);
        found.push(Finding::warning(found_there, "tendlc-relay quarantine list"));
    }
    if status.held > 0 {
        let held = Finding::note(format!("duplicates held back: {}", status.held));
        found.push(held.with_next("tendlc-relay held list"));
    }
    found
}

fn left_over(sink: &SinkCursor) -> Option<Finding> {
    (!sink.configured).then(|| {
        Finding::note(format!("sink {} is no longer configured, and its cursor is kept", sink.sink))
            .with_next(format!("tendlc-relay sinks forget {}", sink.sink))
    })
}

/// The files of the directory: who may read them, and the marks of trouble among them.
fn files(spool: &SpoolConfig) -> Vec<Finding> {
    let dir = &spool.path;
    let mut found: Vec<Finding> = [owner(dir), modes(dir), reserve(spool)].into_iter().flatten().collect();
    let names = names(dir);
    found.extend(names.iter().filter(|name| name.contains("-wal.damaged-")).map(|name| {
        Finding::note(format!("a damaged log was put aside: {}", dir.join(name).display()))
            .with_next("see docs/runbook.md#damaged-records-or-a-damaged-log")
    }));
    if !found.iter().any(|finding| finding.level() > Level::Note) {
        found.push(Finding::ok("only its owner may read it"));
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn owner(dir: &Path) -> Option<Finding> {
    let owner = std::fs::metadata(dir).ok()?.uid();
    let own = rustix::process::geteuid();
    (owner != own.as_raw() && !own.is_root()).then(|| {
        Finding::note(format!("it belongs to user {owner}, and this runs as {}", own.as_raw()))
            .with_next("run this as the relay's user: what it may read and write is what counts")
    })
}

fn modes(dir: &Path) -> Option<Finding> {
    let mode = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777);
    let open: Vec<String> = std::iter::once(dir.to_owned())
        .chain(names(dir).into_iter().map(|name| dir.join(name)))
        .filter_map(|path| Some((mode(&path).ok().filter(|mode| mode & 0o077 != 0)?, path)))
        .map(|(mode, path)| format!("{} ({mode:o})", path.display()))
        .collect();
    (!open.is_empty()).then(|| {
        Finding::warning(
            format!("others may read what callbacks said: {}", open.join(", ")),
            format!("chmod -R go= {}", dir.display()),
        )
    })
}

fn reserve(spool: &SpoolConfig) -> Option<Finding> {
    let wanted = spool.reserve.bytes();
    let there = std::fs::metadata(spool.path.join("reserve")).map_or(0, |metadata| metadata.len());
    (there < wanted).then(|| {
        Finding::note(format!("the reserve of {} is not there in full", spool.reserve))
            .with_next("the relay makes it when it starts and has room; it gives it back on a full disk")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> SpoolStatus {
        SpoolStatus {
            path: "spool".to_owned(),
            format: 5,
            min_reader: 2,
            bytes: 1 << 20,
            cap: 10 << 20,
            file_bytes: 2 << 20,
            records: 100,
            first: Some(1),
            tip: 100,
            clock: Timestamp::from_millis(1_000_000_000),
            signatures: 100,
            fingerprints: 100,
            entities: 100,
            held: 0,
            quarantine: 0,
            missing: Vec::new(),
            sinks: vec![sink("kafka")],
        }
    }

    fn sink(name: &str) -> SinkCursor {
        SinkCursor {
            sink: name.to_owned(),
            configured: true,
            required: true,
            cursor: 100,
            depth: 0,
            oldest: None,
            dead_letters: 0,
            requeued: 0,
            replays: Vec::new(),
        }
    }

    /// What is worse than good, and the worst of it.
    fn judged(change: impl FnOnce(&mut SpoolStatus)) -> (Level, String) {
        let mut status = status();
        let now = Timestamp::from_millis(1_000_000_000);
        change(&mut status);
        let found = judge(&status, &SpoolConfig::default(), now);
        let told: Vec<&str> = found.iter().filter(|it| it.level() != Level::Ok).map(Finding::found).collect();
        (found.iter().map(Finding::level).max().unwrap(), told.join("; "))
    }

    #[test]
    fn what_waits_or_was_lost_is_told() {
        let lost = |days: i64| MissingRange {
            first: 3,
            last: 7,
            found_at: Timestamp::from_millis(1_000_000_000 - days * 86_400_000),
            log_copy: None,
        };
        let full = |depth: u64| {
            move |status: &mut SpoolStatus| {
                status.bytes = 9 << 20;
                status.sinks[0].depth = depth;
            }
        };
        assert_eq!(judged(|_| {}), (Level::Ok, String::new()));
        for ((level, text), wanted, part) in [
            (
                judged(|status| status.sinks[0].dead_letters = 2),
                Level::Warning,
                "kafka refused events for good: 2",
            ),
            (judged(|status| status.quarantine = 1), Level::Warning, "quarantine: 1"),
            (judged(|status| status.held = 4), Level::Note, "held back: 4"),
            (judged(|status| status.sinks[0].configured = false), Level::Note, "no longer configured"),
            (judged(|status| status.missing = vec![lost(1)]), Level::Warning, "3 to 7"),
            (judged(|status| status.missing = vec![lost(31)]), Level::Note, "3 to 7"),
            (
                judged(|status| status.clock = Timestamp::from_millis(1_003_600_000)),
                Level::Warning,
                "1h in the future",
            ),
            (judged(full(90)), Level::Warning, "90 %"),
            (judged(full(3)), Level::Ok, ""),
        ] {
            assert!(level == wanted && text.contains(part), "{part}: {level:?} {text}");
        }
    }

    #[test]
    fn the_files_tell_who_may_read_them() {
        let dir = tempfile::tempdir().unwrap();
        let spool = SpoolConfig { path: dir.path().to_owned(), reserve: Size(8), ..SpoolConfig::default() };
        let mode = |name: &str, mode: u32| {
            let path = dir.path().join(name);
            std::fs::write(&path, [0; 8]).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        mode("reserve", 0o600);
        let told =
            || files(&spool).iter().map(|it| format!("{:?} {}", it.level(), it.found())).collect::<String>();
        assert_eq!(told(), "Ok only its owner may read it");
        mode("spool.db", 0o644);
        assert!(
            told().starts_with("Warning others may read") && told().contains("spool.db (644)"),
            "{}",
            told()
        );
        mode("spool.db-wal.damaged-17", 0o600);
        assert!(told().contains("Note a damaged log was put aside"), "{}", told());
        std::fs::remove_file(dir.path().join("reserve")).unwrap();
        assert!(told().contains("Note the reserve of 8B is not there in full"), "{}", told());
    }
}
