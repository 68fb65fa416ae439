//! What becomes of an event that was published, or was not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Pauses;
use super::feed::Landed;
use super::lane::Lane;
use super::source::{Publisher, Source};
use super::window::Job;
use crate::event::Timestamp;
use crate::sink::{PublishError, Scope};
use crate::spool::Feed;

/// What the feed's loop has to do with a record.
pub(super) enum Outcome {
    /// The broker has it: acknowledge.
    Published(Box<Job>),
    /// It is a dead letter, durably.
    Buried(Box<Job>),
    /// Try again as soon as the gate lets it.
    Again(Box<Job>),
    /// Try again after a pause.
    Later(Box<Job>, Duration),
    /// Its topic takes nothing: try again after a pause, or wait for one that does.
    Parked(Box<Job>),
}

/// Some events of a feed that were found landed at one moment.
pub(super) struct Landing {
    feed: Feed,
    now: Instant,
    wall_clock: Timestamp,
    /// How many were published, by topic: counted together, since there are few topics and many events.
    published: Vec<(Arc<str>, u64)>,
}

impl Landing {
    pub(super) fn now(feed: Feed) -> Self {
        Landing { feed, now: Instant::now(), wall_clock: Timestamp::now(), published: Vec::new() }
    }

    /// Counts, times and tells what happened, and decides.
    pub(super) async fn judge<S: Source, P: Publisher>(
        &mut self,
        lane: &Lane<S, P>,
        landed: Landed,
    ) -> Outcome {
        match landed.result {
            Ok(_) => {
                self.published(lane, &landed.job, landed.began);
                Outcome::Published(landed.job)
            }
            // Boxed: what is rare takes no room beside what is not.
            Err(error) => Box::pin(failed(lane, self.feed, landed.job, error)).await,
        }
    }

    /// Counts what was published.
    pub(super) fn count<S, P>(self, lane: &Lane<S, P>) {
        for (topic, published) in self.published {
            lane.measures.metrics.published.with_label_values(&[&*lane.sink, &*topic]).inc_by(published);
        }
    }

    fn published<S, P>(&mut self, lane: &Lane<S, P>, job: &Job, began: Instant) {
        lane.gate.open();
        let topic = &job.publication.topic_label;
        match self.published.iter_mut().find(|(counted, _)| Arc::ptr_eq(counted, topic) || counted == topic) {
            Some((_, published)) => *published += 1,
            None => self.published.push((Arc::clone(topic), 1)),
        }
        lane.measures.publish_seconds.observe(self.now.duration_since(began).as_secs_f64());
        if self.feed == Feed::Live {
            let millis = self.wall_clock.millis_since(job.received_at).max(0);
            lane.measures.accept_to_publish_seconds.observe(millis as f64 / 1_000.0);
        }
    }
}

async fn failed<S: Source, P: Publisher>(
    lane: &Lane<S, P>,
    feed: Feed,
    job: Box<Job>,
    error: PublishError,
) -> Outcome {
    lane.measures.metrics.publish_failures.with_label_values(&[&*lane.sink, error.code()]).inc();
    match error {
        PublishError::Permanent { code, reason } => bury(lane, feed, job, code.as_str(), reason).await,
        PublishError::Transient { code, scope: Scope::Sink, reason } => {
            count_retry(lane, &job);
            lane.gate.fail(code.as_str(), &reason);
            Outcome::Again(job)
        }
        PublishError::Transient { code, scope, reason } => {
            // The sink itself is well: it answered.
            lane.gate.open();
            lane.gate.remember(code.as_str(), &reason);
            if lane.complaints.is_news(&job.publication.topic_label, code.as_str()) {
                let (sink, topic) = (&*lane.sink, &*job.publication.topic);
                tracing::warn!(
                    sink,
                    topic,
                    code = code.as_str(),
                    reason,
                    "events of this topic wait and are tried again"
                );
            }
            if scope == Scope::Topic {
                count_retry(lane, &job);
                return Outcome::Parked(job);
            }
            later(lane, job)
        }
    }
}

async fn bury<S: Source, P: Publisher>(
    lane: &Lane<S, P>,
    feed: Feed,
    job: Box<Job>,
    code: &'static str,
    reason: String,
) -> Outcome {
    let (sink, topic, id) = (&*lane.sink, &*job.publication.topic, job.publication.parcel.id());
    lane.gate.open();
    match lane.source.dead(feed, job.sequence, code, reason.clone()).await {
        Ok(()) => {
            let metrics = &lane.measures.metrics;
            metrics.dead_letters_total.with_label_values(&[sink, &*job.publication.topic_label]).inc();
            tracing::warn!(
                sink,
                topic,
                id,
                sequence = job.sequence,
                code,
                reason,
                "the event became a dead letter"
            );
            Outcome::Buried(job)
        }
        Err(error) => {
            tracing::warn!(sink, id, %error, "a dead letter could not be written; the event is tried again");
            later(lane, job)
        }
    }
}

fn later<S, P>(lane: &Lane<S, P>, mut job: Box<Job>) -> Outcome {
    count_retry(lane, &job);
    let pause = next_pause(lane, &mut job);
    Outcome::Later(job, pause)
}

/// How long a record that tries by itself waits now.
pub(super) fn next_pause<S, P>(lane: &Lane<S, P>, job: &mut Job) -> Duration {
    job.pauses.get_or_insert_with(|| Box::new(Pauses::new(&lane.config))).next()
}

fn count_retry<S, P>(lane: &Lane<S, P>, job: &Job) {
    let metrics = &lane.measures.metrics;
    metrics.publish_retries.with_label_values(&[&*lane.sink, &*job.publication.topic_label]).inc();
}
