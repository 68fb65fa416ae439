//! The ingress over real sockets.

mod answers;
mod connections;
mod crowd;
mod drain;
mod relay;
mod wire;

use crate::metrics::Metrics;
use crate::spool::Spool;

/// A spool in a directory that goes with it.
fn spool(_metrics: &Metrics) -> (Spool, tempfile::TempDir) {
    (Spool::default(), tempfile::tempdir().unwrap())
}
