//! One sink's lane: the feeds that the spool has for it, each read by a loop of its own, behind one gate and one window.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use prometheus::{Histogram, IntGauge};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::RelayConfig;
use super::gate::Gate;
use super::source::{Publisher, Source};
use super::{feed, tend};
use crate::metrics::Metrics;
use crate::spool::Feed;

/// What the loops of a lane share.
pub(super) struct Lane<S, P> {
    pub(super) sink: Arc<str>,
    pub(super) source: S,
    pub(super) publisher: Arc<P>,
    pub(super) gate: Arc<Gate>,
    /// How many events may be under way at once, on all feeds together.
    pub(super) width: usize,
    pub(super) permits: Arc<Semaphore>,
    pub(super) tip: watch::Receiver<u64>,
    pub(super) feeds: watch::Receiver<Arc<Vec<Feed>>>,
    pub(super) config: RelayConfig,
    pub(super) measures: Measures,
    pub(super) stop: CancellationToken,
    pub(super) complaints: Complaints,
}

/// The metrics of one lane.
pub(super) struct Measures {
    pub(super) metrics: Metrics,
    pub(super) publish_seconds: Histogram,
    pub(super) accept_to_publish_seconds: Histogram,
    pub(super) publishing: IntGauge,
}

impl Measures {
    pub(super) fn new(sink: &str, metrics: Metrics) -> Self {
        Measures {
            publish_seconds: metrics.publish_seconds.with_label_values(&[sink]),
            accept_to_publish_seconds: metrics.accept_to_publish_seconds.with_label_values(&[sink]),
            publishing: metrics.publishing.with_label_values(&[sink]),
            metrics,
        }
    }
}

/// Threads for a lane's looks at its broker and for its replays, which wait for a disk or a server.
const BLOCKING_THREADS: usize = 8;

/// Runs a lane on a thread of its own, tracked by `tasks`: among threads that all share, an event that lands wakes one or
/// another, which has it from the other's memory, and draining to Kafka takes a twentieth more time.
pub(super) fn start<S: Source, P: Publisher>(lane: Lane<S, P>, tasks: &TaskTracker) -> io::Result<()> {
    let own = Builder::new_current_thread().max_blocking_threads(BLOCKING_THREADS).enable_all().build()?;
    let running = tasks.track_future(run(Arc::new(lane)));
    let on_it = move || {
        own.block_on(running);
        // Without waiting for what still asks its broker.
        own.shutdown_background();
    };
    thread::Builder::new().name("lane".to_owned()).spawn(on_it).map(drop)
}

/// Runs a lane until it is stopped: one task that tends the broker, one for each feed.
pub(super) async fn run<S: Source, P: Publisher>(lane: Arc<Lane<S, P>>) {
    let tended = tokio::spawn(tend::run(Arc::clone(&lane)));
    let mut feeds = lane.feeds.clone();
    let mut running: HashMap<tokio::task::Id, Feed> = HashMap::new();
    let mut loops = JoinSet::new();
    loop {
        if lane.stop.is_cancelled() && running.is_empty() {
            break;
        }
        if !lane.stop.is_cancelled() {
            let listed = Arc::clone(&feeds.borrow_and_update());
            for feed in
                due(&listed).filter(|feed| !running.values().any(|own| own == feed)).collect::<Vec<_>>()
            {
                let task = loops.spawn(feed::run(Arc::clone(&lane), feed));
                running.insert(task.id(), feed);
            }
        }
        tokio::select! {
            Some(ended) = loops.join_next_with_id() => {
                let id = match &ended {
                    Ok((id, ())) => *id,
                    Err(error) => {
                        tracing::error!(sink = &*lane.sink, %error, "a feed's loop ended badly and is begun anew");
                        error.id()
                    }
                };
                running.remove(&id);
            }
            changed = feeds.changed(), if !lane.stop.is_cancelled() => {
                if changed.is_err() {
                    lane.stop.cancel();
                }
            }
            () = lane.stop.cancelled(), if !lane.stop.is_cancelled() => {}
        }
    }
    if tended.await.is_err() {
        tracing::error!(sink = &*lane.sink, "the task that tends the sink ended badly");
    }
}

/// The feeds to be read now: replays one after the other.
fn due(listed: &[Feed]) -> impl Iterator<Item = Feed> + '_ {
    let replay = listed.iter().find(|feed| matches!(feed, Feed::Replay(_)));
    let others = listed.iter().filter(|feed| !matches!(feed, Feed::Replay(_)));
    others.chain(replay).copied()
}

/// Keeps one trouble with a topic from filling the log with a line for each of its records.
#[derive(Default)]
pub(super) struct Complaints(Mutex<HashMap<(Arc<str>, &'static str), Instant>>);

impl Complaints {
    const SILENCE: Duration = Duration::from_secs(60);

    /// Whether this kind of trouble with this topic was not said just now.
    pub(super) fn is_news(&self, topic: &Arc<str>, code: &'static str) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let before = said.insert((Arc::clone(topic), code), now);
        match before {
            Some(before) if now.duration_since(before) < Self::SILENCE => {
                // The silence counts from the line that was said.
                said.insert((Arc::clone(topic), code), before);
                false
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replays_are_read_one_after_the_other() {
        let listed = [Feed::Live, Feed::Requeued, Feed::Replay(3), Feed::Replay(4)];
        assert_eq!(due(&listed).collect::<Vec<_>>(), [Feed::Live, Feed::Requeued, Feed::Replay(3)]);
    }

    #[test]
    fn one_trouble_is_one_line() {
        let complaints = Complaints::default();
        let topic: Arc<str> = "t".into();
        assert!(complaints.is_news(&topic, "missing"));
        assert!(!complaints.is_news(&topic, "missing"));
        assert!(complaints.is_news(&topic, "authorization"));
    }
}
