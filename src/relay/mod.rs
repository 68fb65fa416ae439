//! The relay: one lane for each sink, from the spool to the broker's acknowledgement.
//!
//! ```text
//! spool.claim → Record → sink.publish → broker's ack → spool.ack | retry later | dead letter
//! ```
//!
//! - A lane has at most one unacknowledged record per entity, and at most W in all: that keeps an entity's order
//!   through retries.
//! - A record that fails alone is tried again after a pause of its own, for ever. When a topic takes nothing, one of its
//!   records tries, with pauses, for all. When no event gets through, the
//!   lane's gate closes, and one task asks the broker, with pauses, until it answers; then one event tries, then all.
//! - A lane never blocks another, never blocks the ingress, and never spins: it has threads of its own, one for its tasks
//!   and one that reads.

mod backoff;
mod config;
mod feed;
mod gate;
mod landing;
mod lane;
mod parked;
mod room;
mod source;
mod tend;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::gate::Gate;
use self::lane::{Lane, Measures};
use self::source::{Reader, SpoolSource};
use crate::event::Timestamp;
use crate::metrics::Metrics;
use crate::sink::Sink;
use crate::spool::{LaneHandle, Spool};
pub use config::RelayConfig;
pub use gate::LaneState;

/// All lanes, at work.
pub struct Relay {
    lanes: Vec<Running>,
    stop: CancellationToken,
    tasks: TaskTracker,
    metrics: Metrics,
}

/// What is kept of a lane to tell about it.
struct Running {
    sink: String,
    handle: LaneHandle,
    gate: Arc<Gate>,
}

/// How one lane is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneStatus {
    /// The sink's name.
    pub sink: String,
    /// Whether the sink takes events.
    pub up: bool,
    /// What the lane publishes now.
    pub state: LaneState,
    /// Records not yet published.
    pub depth: u64,
    /// Age of the oldest of them in seconds; 0 when there is none.
    pub lag_seconds: f64,
    /// The highest sequence up to which all are published.
    pub cursor: u64,
    /// Dead letters that wait for a decision.
    pub dead_letters: u64,
    /// Events under way.
    pub publishing: i64,
    /// The last failure, which may be over: what is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_code: Option<&'static str>,
    /// When it was met last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<String>,
}

/// Why lanes cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A sink without a lane in the spool.
    #[error("the spool was opened without a lane for sink {0:?}: open it with all configured sinks")]
    NoLane(String),
    /// The system gives no more threads.
    #[error("sink {0}: no thread to publish its events on: {1}")]
    Thread(String, std::io::Error),
}

impl Relay {
    /// Starts a lane for each sink. No broker has to be up.
    ///
    /// # Errors
    /// When the spool does not know a sink, or there is no thread for one.
    pub fn start(
        spool: &Spool,
        sinks: Vec<Sink>,
        config: &RelayConfig,
        metrics: &Metrics,
    ) -> Result<Self, RelayError> {
        let mut relay = Relay {
            lanes: Vec::with_capacity(sinks.len()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            metrics: metrics.clone(),
        };
        let mut lanes = Vec::with_capacity(sinks.len());
        for sink in sinks {
            let handle = spool.lane(sink.name()).ok_or_else(|| RelayError::NoLane(sink.name().to_owned()))?;
            lanes.push(relay.lane(spool, sink, handle, config));
        }
        for lane in lanes {
            let sink = Arc::clone(&lane.sink);
            lane::start(lane, &relay.tasks).map_err(|error| RelayError::Thread(sink.to_string(), error))?;
        }
        relay.tasks.close();
        Ok(relay)
    }

    /// How each lane is doing.
    pub fn status(&self) -> Vec<LaneStatus> {
        self.lanes.iter().map(|lane| lane.status(&self.metrics)).collect()
    }

    /// Claims nothing more, and waits until what is under way is acknowledged, but no longer than `patience`. Whether
    /// all of it was.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.stop.cancel();
        let drained = tokio::time::timeout(patience, self.tasks.wait()).await.is_ok();
        if !drained {
            tracing::warn!(
                "events were still under way when the grace period ended; they go out again at the next start"
            );
        }
        drained
    }

    fn lane(
        &mut self,
        spool: &Spool,
        sink: Sink,
        handle: LaneHandle,
        config: &RelayConfig,
    ) -> Lane<SpoolSource, Sink> {
        let name: Arc<str> = sink.name().into();
        let gate = Arc::new(Gate::new(&name, self.metrics.sink_up.with_label_values(&[&*name])));
        self.lanes.push(Running { sink: name.to_string(), handle: handle.clone(), gate: Arc::clone(&gate) });
        let (width, feeds, sink) = (sink.window(), handle.feeds(), Arc::new(sink));
        Lane {
            source: SpoolSource { lane: handle, sink: Arc::clone(&sink), reader: Reader::new() },
            publisher: sink,
            gate,
            width,
            permits: Arc::new(Semaphore::new(width)),
            tip: spool.tip(),
            feeds,
            config: config.clone(),
            measures: Measures::new(&name, self.metrics.clone()),
            stop: self.stop.child_token(),
            complaints: lane::Complaints::default(),
            sink: name,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Running {
    fn status(&self, metrics: &Metrics) -> LaneStatus {
        let lag = self.handle.lag();
        let now = Timestamp::now();
        let (state, error) = (self.gate.state(), self.gate.last_error());
        LaneStatus {
            sink: self.sink.clone(),
            up: matches!(state, LaneState::Open | LaneState::Trying),
            state,
            depth: lag.depth,
            lag_seconds: lag.oldest.map_or(0.0, |oldest| now.millis_since(oldest).max(0) as f64 / 1_000.0),
            cursor: lag.cursor,
            dead_letters: self.handle.dead_letters(),
            publishing: metrics.publishing.with_label_values(&[&self.sink]).get(),
            last_error_code: error.as_ref().map(|error| error.code),
            last_error_at: error.as_ref().map(|error| error.at.clone()),
            last_error: error.map(|error| error.reason),
        }
    }
}
