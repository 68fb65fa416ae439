//! The two ends of a lane: where records come from, and where they go. Traits, so that the lane's own logic can be
//! tested against scripted ends.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::window::{Claimed, Entity, Job};
use crate::sink::{Block, CheckError, Publication, PublishError, Published, Sink};
use crate::spool::{Feed, LaneHandle, Record, SpoolError};

/// Where a lane's records come from.
pub(super) trait Source: Send + Sync + 'static {
    /// The next records of a feed above `after`, at most `limit`.
    fn claim(
        &self,
        feed: Feed,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Claimed, SpoolError>> + Send + 'static;

    /// Records are published.
    fn ack(&self, feed: Feed, sequences: Vec<u64>) -> impl Future<Output = Result<(), SpoolError>> + Send;

    /// A record never will be.
    fn dead(
        &self,
        feed: Feed,
        sequence: u64,
        code: &'static str,
        reason: String,
    ) -> impl Future<Output = Result<(), SpoolError>> + Send;
}

/// Where a lane's events go.
pub(super) trait Publisher: Send + Sync + 'static {
    /// Publishes and waits for the acknowledgement.
    fn publish(
        &self,
        publication: &Publication,
    ) -> impl Future<Output = Result<Published, PublishError>> + Send;

    /// Whether the broker takes events.
    fn check(&self) -> impl Future<Output = Result<(), CheckError>> + Send;

    /// Resolves when there is a reason to check.
    fn troubled(&self) -> impl Future<Output = ()> + Send;
}

/// The spool's lane, whose records are laid out for the sink on the thread that reads them.
pub(super) struct SpoolSource {
    pub(super) lane: LaneHandle,
    pub(super) sink: Arc<Sink>,
    pub(super) reader: Reader,
}

/// One thread for the live feed's claims: what it allocates for one page lies where the page before lay. On the threads
/// that all share, each claim would have another one's memory, and draining to Kafka takes an eighth more time.
pub(super) struct Reader(Option<Runtime>);

impl Reader {
    /// A thread that is there while there is something to read.
    pub(super) fn new() -> Self {
        // What has no drivers cannot fail to be built; if it did, the threads that all share would do.
        Reader(Builder::new_current_thread().max_blocking_threads(1).thread_name("lane-reader").build().ok())
    }

    /// Reads for this feed. A replay that looks for few of many records takes long, and would hold up the live feed.
    fn spawn<T: Send + 'static>(
        &self,
        feed: Feed,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match &self.0 {
            Some(own) if feed == Feed::Live => own.spawn_blocking(read),
            _ => tokio::task::spawn_blocking(read),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Without waiting for what it reads: this may be a thread that must not wait.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Source for SpoolSource {
    fn claim(
        &self,
        feed: Feed,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Claimed, SpoolError>> + Send + 'static {
        let (lane, sink) = (self.lane.clone(), Arc::clone(&self.sink));
        let claimed = self.reader.spawn(feed, move || {
            let mut block = Block::default();
            lane.claim_each(feed, after, limit, |record| Box::new(job(&sink, feed, record, &mut block)))
        });
        async move { claimed.await.unwrap_or(Err(SpoolError::Closed)) }
    }

    async fn ack(&self, feed: Feed, sequences: Vec<u64>) -> Result<(), SpoolError> {
        self.lane.ack(feed, sequences).await
    }

    async fn dead(
        &self,
        feed: Feed,
        sequence: u64,
        code: &'static str,
        reason: String,
    ) -> Result<(), SpoolError> {
        self.lane.dead(feed, sequence, code, reason).await
    }
}

impl Publisher for Sink {
    fn publish(
        &self,
        publication: &Publication,
    ) -> impl Future<Output = Result<Published, PublishError>> + Send {
        Sink::publish(self, publication)
    }

    async fn check(&self) -> Result<(), CheckError> {
        Sink::check(self).await
    }

    async fn troubled(&self) {
        Sink::troubled(self).await;
    }
}

fn job(sink: &Sink, feed: Feed, record: &Record, block: &mut Block) -> Job {
    let replay = match feed {
        Feed::Replay(number) => Some(number),
        Feed::Live | Feed::Requeued => None,
    };
    Job {
        sequence: record.sequence(),
        entity: record.facts().entity().map(Entity::of),
        received_at: record.received_at(),
        publication: sink.encode(record, replay, block),
        pauses: None,
    }
}
