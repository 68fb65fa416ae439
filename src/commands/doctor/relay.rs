//! Whether a relay runs on this spool, and how it is doing.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::look::within;
use crate::commands::healthcheck;
use crate::config::Config;
use crate::control::{Answer, Request, ask};
use crate::finding::Finding;

/// How long the relay may take to say how its lanes are.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the relay, if there is one.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let dir = config.spool.path.clone();
    let holder = holder(&dir).map(|pid| format!(" (process {pid})")).unwrap_or_default();
    match within(PATIENCE, move || ask(&dir, &Request::Lanes)) {
        Some(Ok(Some(Answer::Lanes(lanes)))) => {
            let mut found = vec![Finding::ok(format!("a relay runs{holder}"))];
            found.extend(ready(config.admin.listen));
            found.extend(lanes.as_array().into_iter().flatten().filter_map(down));
            found
        }
        Some(Ok(None)) if holder.is_empty() => vec![Finding::note("no relay runs on this spool")],
        Some(Ok(None)) => vec![Finding::warning(
            format!("the spool is locked{holder}, by something that does not answer at its control socket"),
            "a relay that is starting or stopping does so for a moment; else see what that process is",
        )],
        Some(Ok(Some(_))) => {
            vec![Finding::warning("the relay gave another answer", "is it another version?")]
        }
        Some(Err(error)) => {
            vec![Finding::note(error.to_string()).with_next("run this as the relay's user")]
        }
        None => vec![Finding::error(
            format!("a relay runs{holder} and does not answer within {} seconds", PATIENCE.as_secs()),
            "see its log, and whether the machine has processor time left",
        )],
    }
}

/// What the relay itself says of its readiness. A port of the system's choice cannot be known.
fn ready(listen: SocketAddr) -> Option<Finding> {
    if listen.port() == 0 {
        return None;
    }
    let address = healthcheck::reachable(listen);
    let next = "see docs/runbook.md#the-relay-is-not-ready";
    Some(match healthcheck::ask(address) {
        Ok(answer) if answer.split_whitespace().nth(1) == Some("200") => Finding::ok("it is ready"),
        Ok(answer) => Finding::error(format!("it is not ready: {}", reasons(&answer)), next),
        Err(error) => Finding::warning(
            format!("its admin listener does not answer at {address}: {error}"),
            "does another process have the port, or is admin.listen another one since the relay's start?",
        ),
    })
}

fn reasons(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: Value = serde_json::from_str(body.trim()).unwrap_or_default();
    let checks = body["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bad = checks.iter().filter(|check| check["ok"] == false);
    let bad: Vec<String> =
        bad.map(|check| format!("{}: {}", word(&check["name"]), word(&check["reason"]))).collect();
    if bad.is_empty() { "it does not say why".to_owned() } else { bad.join("; ") }
}

fn down(lane: &Value) -> Option<Finding> {
    (lane["up"] == false).then(|| {
        let error = lane["last_error"].as_str().unwrap_or("it has not been reached yet");
        Finding::warning(
            format!("its sink {} is down: {error}", word(&lane["sink"])),
            "callbacks are kept and published later; see docs/runbook.md#a-sink-is-down",
        )
    })
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// The process that has the spool's lock, as the kernel tells it. The lock itself is not touched: a relay that starts at
/// that moment would be refused it.
pub(super) fn holder(dir: &Path) -> Option<u32> {
    let lock = std::fs::metadata(dir.join("lock")).ok()?;
    holder_of(&std::fs::read_to_string("/proc/locks").ok()?, lock.ino(), |pid| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim() == "tendlc-relay")
    })
}

/// Of a line such as `1: FLOCK  ADVISORY  WRITE 13993 fe:00:5406728 0 EOF`. The device's number there is not always that
/// of the file, so that it is the process that has to fit.
fn holder_of(locks: &str, inode: u64, is_relay: impl Fn(u32) -> bool) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != "FLOCK").skip(3);
        let pid: u32 = words.next()?.parse().ok()?;
        let locked: u64 = words.next()?.rsplit(':').next()?.parse().ok()?;
        (locked == inode && is_relay(pid)).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn the_process_with_the_lock_is_found() {
        let locks = "1: POSIX  ADVISORY  WRITE 5 fe:00:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 6 fe:00:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 7 fe:00:78 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 8 fe:00:78 0 EOF\n";
        assert_eq!(holder_of(locks, 77, |_| true), Some(6));
        assert_eq!(holder_of(locks, 78, |_| true), Some(7));
        assert_eq!(holder_of(locks, 78, |pid| pid == 6), None);
        assert_eq!(holder_of(locks, 79, |_| true), None);
    }

    #[test]
    fn what_keeps_it_from_being_ready_is_told() {
        let body = r#"{"ready":false,"checks":[{"name":"spool","ok":false,"reason":"disk full"},{"name":"accounts","ok":true}]}"#;
        assert_eq!(reasons(&format!("HTTP/1.1 503 x\r\nA: b\r\n\r\n{body}")), "spool: disk full");
        assert_eq!(reasons("nonsense"), "it does not say why");
    }

    #[test]
    fn a_lane_that_is_down_is_told_with_its_error() {
        let lane = |up: bool| serde_json::json!({ "sink": "kafka", "up": up, "last_error": "refused" });
        assert_eq!(down(&lane(true)), None);
        let found = down(&lane(false)).unwrap();
        assert!(
            found.level() == Level::Warning && found.found().contains("kafka is down: refused"),
            "{found:?}"
        );
    }
}
