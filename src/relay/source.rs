//! The two ends of a lane: where records come from, and where they go. Traits, so that the lane's own logic can be
//! tested against scripted ends.

use std::future::Future;
use std::sync::Arc;

use super::window::{Entity, Job};
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
    ) -> impl Future<Output = Result<Vec<Job>, SpoolError>> + Send + 'static;

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
}

impl Source for SpoolSource {
    fn claim(
        &self,
        feed: Feed,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Job>, SpoolError>> + Send + 'static {
        let (lane, sink) = (self.lane.clone(), Arc::clone(&self.sink));
        let claimed = tokio::task::spawn_blocking(move || {
            let mut block = Block::default();
            lane.claim_each(feed, after, limit, |record| job(&sink, feed, &record, &mut block))
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
