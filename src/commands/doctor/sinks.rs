//! Each sink, by a look at its broker.

use std::sync::Arc;
use std::time::Duration;

use super::look::Look;
use crate::finding::Finding;
use crate::metrics::Metrics;
use crate::sink::{Sink, SinkConfig, Wants};

/// How long a broker is given for all questions together.
const PATIENCE: Duration = Duration::from_secs(30);

/// Begins to look at a sink.
pub(super) fn start(name: &str, config: &SinkConfig, wants: Arc<Wants>) -> Look {
    let (name, config) = (name.to_owned(), config.clone());
    Look::start(format!("sink {name}"), move || match look(&name, &config, &wants) {
        Ok(found) => found,
        Err(problem) => vec![Finding::error(problem, "correct its configuration")],
    })
}

fn look(name: &str, config: &SinkConfig, wants: &Wants) -> Result<Vec<Finding>, String> {
    let metrics = Metrics::new().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let found = runtime.block_on(async {
        let sink = Sink::new(name, config, &metrics).map_err(|error| error.to_string())?;
        let found = tokio::time::timeout(PATIENCE, sink.examine(wants)).await;
        Ok(found.unwrap_or_else(|_| vec![too_slow(config)]))
    });
    // A question that hangs is left behind.
    runtime.shutdown_background();
    found
}

fn too_slow(config: &SinkConfig) -> Finding {
    Finding::error(
        format!("{} did not answer every question within {} seconds", config.kind(), PATIENCE.as_secs()),
        "see what is wrong with it, or with the network in between",
    )
}
