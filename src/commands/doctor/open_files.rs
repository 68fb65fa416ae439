//! The limit on open files, against the connections that may be open at once.

use rustix::process::{Resource, getrlimit};

use super::relay::holder;
use crate::config::Config;
use crate::finding::Finding;
use crate::ingress::open_files_needed;

/// The running relay's own limit where it can be read, else that of this shell: `serve` raises the soft one to the hard
/// one by itself.
pub(super) fn look(config: &Config) -> Vec<Finding> {
    let connections = config.ingress.limits.connections;
    let of_relay = holder(&config.spool.path)
        .and_then(|pid| soft_limit(&std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?));
    vec![match of_relay {
        Some(limit) => judge(limit, connections, "the running relay"),
        None => judge(
            getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX),
            connections,
            "a relay started from here",
        ),
    }]
}

fn judge(limit: u64, connections: usize, whose: &str) -> Finding {
    let needed = open_files_needed(connections);
    if limit >= needed {
        return Finding::ok(format!(
            "{whose} may open {limit} files; {connections} connections need {needed}"
        ));
    }
    Finding::warning(
        format!("{whose} may open {limit} files; limits.connections = {connections} needs {needed}"),
        "raise the limit (ulimit -n, LimitNOFILE= in systemd), or lower ingress.limits.connections",
    )
}

/// The soft limit in the text of `/proc/PID/limits`, in which `unlimited` is possible.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn the_limit_is_held_against_the_connections() {
        assert_eq!(judge(4_352, 4_096, "x").level(), Level::Ok);
        let short = judge(1_024, 4_096, "x");
        assert!(short.level() == Level::Warning && short.found().contains("4352"), "{short:?}");
    }

    #[test]
    fn a_processs_own_limit_is_read() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax processes  7  8  processes\nMax open files            1024                 524288               files\n";
        assert_eq!(soft_limit(text), Some(1_024));
        assert_eq!(soft_limit("Max open files  unlimited  unlimited  files"), Some(u64::MAX));
        assert_eq!(soft_limit(""), None);
        let own = soft_limit(&std::fs::read_to_string("/proc/self/limits").unwrap());
        assert_eq!(own, Some(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)));
    }
}
