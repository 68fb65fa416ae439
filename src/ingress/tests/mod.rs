//! The ingress over real sockets.

mod answers;
mod connections;
mod crowd;
mod drain;
mod relay;
mod wire;

use crate::metrics::Metrics;
use crate::spool::{LaneSpec, Spool, SpoolConfig, Start};

/// A spool in a directory that goes with it.
fn spool(metrics: &Metrics) -> (Spool, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let config = SpoolConfig { path: directory.path().join("spool"), ..SpoolConfig::default() };
    let lane = LaneSpec { name: "files".to_owned(), required: true, start: Start::Oldest };
    (Spool::open(&config, &[lane], metrics.clone()).unwrap(), directory)
}
