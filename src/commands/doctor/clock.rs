//! Whether somebody keeps this machine's clock right. What brokers say of the time stands with them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::finding::Finding;
use crate::units::Span;

/// systemd-timesyncd touches it whenever it has set the clock by a server.
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// Its longest interval is some 34 minutes.
const STALE: Duration = Duration::from_secs(6 * 3_600);

/// The kernel tells whether its clock is disciplined by a system call that safe Rust does not reach, so that only a file
/// can be looked at.
pub(super) fn look() -> Vec<Finding> {
    vec![synchronized(Path::new(TIMESYNCD), SystemTime::now())]
}

fn synchronized(file: &Path, now: SystemTime) -> Finding {
    let Ok(touched) = std::fs::metadata(file).and_then(|metadata| metadata.modified()) else {
        return Finding::note("whether NTP keeps the clock right cannot be known from here")
            .with_next("look yourself: timedatectl, or chronyc tracking");
    };
    match now.duration_since(touched) {
        Ok(age) if age > STALE => Finding::warning(
            format!("systemd-timesyncd last set the clock {} ago", Span::from_secs(age.as_secs())),
            "see whether its time servers can be reached (timedatectl timesync-status)",
        ),
        // One touched in the future was so before the clock was set back: by the same program.
        Ok(_) | Err(_) => Finding::ok("systemd-timesyncd keeps the clock right"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn what_cannot_be_known_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("synchronized");
        assert_eq!(synchronized(&file, SystemTime::now()).level(), Level::Note);
        std::fs::write(&file, "").unwrap();
        assert_eq!(synchronized(&file, SystemTime::now()).level(), Level::Ok);
        let later = SystemTime::now() + Duration::from_secs(7 * 3_600 + 1);
        let stale = synchronized(&file, later);
        assert!(stale.level() == Level::Warning && stale.found().contains("7h"), "{stale:?}");
    }
}
