//! What becomes of an event that was published, or was not.

use std::time::Duration;

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
    Published(Job),
    /// It is a dead letter, durably.
    Buried(Job),
    /// Try again as soon as the gate lets it.
    Again(Job),
    /// Try again after a pause.
    Later(Job, Duration),
}

/// Counts, times and tells what happened, and decides.
pub(super) async fn judge<S: Source, P: Publisher>(lane: &Lane<S, P>, feed: Feed, landed: Landed) -> Outcome {
    let Landed { job, result, began, .. } = landed;
    let error = match result {
        Ok(_) => {
            lane.gate.open();
            let metrics = &lane.measures.metrics;
            metrics.published.with_label_values(&[&*lane.sink, &*job.publication.topic_label]).inc();
            lane.measures.publish_seconds.observe(began.elapsed().as_secs_f64());
            if feed == Feed::Live {
                let millis = Timestamp::now().millis_since(job.received_at).max(0);
                lane.measures.accept_to_publish_seconds.observe(millis as f64 / 1_000.0);
            }
            return Outcome::Published(job);
        }
        Err(error) => error,
    };
    lane.measures.metrics.publish_failures.with_label_values(&[&*lane.sink, error.code()]).inc();
    match error {
        PublishError::Permanent { code, reason } => bury(lane, feed, job, code.as_str(), reason).await,
        PublishError::Transient { code, scope: Scope::Sink, reason } => {
            count_retry(lane, &job);
            lane.gate.fail(code.as_str(), &reason);
            Outcome::Again(job)
        }
        PublishError::Transient { code, scope: Scope::Record, reason } => {
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
            later(lane, job)
        }
    }
}

async fn bury<S: Source, P: Publisher>(
    lane: &Lane<S, P>,
    feed: Feed,
    job: Job,
    code: &'static str,
    reason: String,
) -> Outcome {
    let (sink, topic, id) = (&*lane.sink, &*job.publication.topic, job.publication.id.as_str());
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

fn later<S, P>(lane: &Lane<S, P>, mut job: Job) -> Outcome {
    count_retry(lane, &job);
    let pause = job.pauses.get_or_insert_with(|| Box::new(Pauses::new(&lane.config))).next();
    Outcome::Later(job, pause)
}

fn count_retry<S, P>(lane: &Lane<S, P>, job: &Job) {
    let metrics = &lane.measures.metrics;
    metrics.publish_retries.with_label_values(&[&*lane.sink, &*job.publication.topic_label]).inc();
}
