//! Room for as many open files as there may be connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the rest of the relay needs: spool, brokers, admin listener, files of the file sink.
const OTHERS: u64 = 256;

/// How many files the relay may have open with so many connections.
pub(crate) const fn needed(connections: usize) -> u64 {
    connections as u64 + OTHERS
}

/// Raises the soft limit on open files as far as it is allowed, and says when that is not enough.
pub(crate) fn make_room_for(connections: usize) {
    let needed = needed(connections);
    let limit = getrlimit(Resource::Nofile);
    let Some(soft) = limit.current.filter(|soft| *soft < needed) else { return };
    let raised = limit.maximum.map_or(needed, |hard| hard.min(needed));
    if raised > soft && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
        tracing::debug!(from = soft, to = raised, "raised the limit on open files");
    }
    let reached = getrlimit(Resource::Nofile).current;
    if reached.is_some_and(|reached| reached < needed) {
        tracing::warn!(
            limit = reached,
            needed,
            "the limit on open files is below what limits.connections needs; raise it (ulimit -n, LimitNOFILE) or lower limits.connections"
        );
    }
}
