//! A librdkafka producer and its end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};

use super::context::{Context, Ear};
use super::delivery::Delivery;
use crate::sink::encode::Publication;

/// How long one look at a retired producer's queue lasts.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a producer may report nothing while events are under way, before somebody asks whether its cluster answers.
const STALL: Duration = Duration::from_secs(1);

/// A producer in use.
pub(super) struct Client {
    producer: ThreadedProducer<Context>,
    ear: Arc<Ear>,
    progress: Mutex<Progress>,
}

/// How many deliveries had been reported, and since when no other was while events are under way.
struct Progress {
    reports: u64,
    since: Instant,
}

impl Client {
    /// A producer with its threads; connects in the background.
    pub(super) fn new(config: &ClientConfig, context: Context) -> KafkaResult<Self> {
        let ear = Arc::clone(&context.ear);
        let producer = config.create_with_context(context)?;
        Ok(Client { producer, ear, progress: Mutex::new(Progress { reports: 0, since: Instant::now() }) })
    }

    /// What the producer says outside of deliveries.
    pub(super) fn ear(&self) -> &Arc<Ear> {
        &self.ear
    }

    /// The producer, for questions about the cluster.
    pub(super) fn producer(&self) -> &ThreadedProducer<Context> {
        &self.producer
    }

    /// Hands an event to the producer. It is not delivered before that is reported.
    pub(super) fn enqueue(&self, publication: &Publication) -> Result<Arc<Delivery>, KafkaError> {
        let delivery = Arc::new(Delivery::default());
        let record = BaseRecord::with_opaque_to(&publication.topic, Arc::clone(&delivery))
            .key(publication.parcel.key().as_bytes())
            .payload(publication.parcel.payload())
            .headers(headers(publication));
        self.producer.send(record).map_err(|(error, _)| error)?;
        Ok(delivery)
    }

    /// Whether librdkafka has given up on this producer.
    pub(super) fn is_fatal(&self) -> bool {
        self.ear.is_fatal() || self.producer.client().fatal_error().is_some()
    }

    /// Whether events are under way and none was reported for long.
    pub(super) fn is_stalled(&self) -> bool {
        let (reports, now) = (self.ear.reports(), Instant::now());
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if reports != progress.reports || self.producer.in_flight_count() == 0 {
            *progress = Progress { reports, since: now };
        }
        now.duration_since(progress.since) >= STALL
    }

    /// Its cluster answers: it may take as long again.
    pub(super) fn bear_with(&self) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).since = Instant::now();
    }

    /// Ends a producer whose cluster does not answer. What is only in its queue is reported as purged; what was sent may
    /// have been stored, and is waited for: it is not sent twice if the cluster answers after all.
    pub(super) fn step_aside(self: Arc<Self>) {
        self.end(PurgeConfig::default().queue());
    }

    /// Ends the producer: every event in its queue is reported as purged.
    pub(super) fn retire(self: Arc<Self>) {
        self.end(PurgeConfig::default().queue().inflight());
    }

    /// On a thread of its own, since it lasts until the last report has come, for which somebody waits, and nobody waits
    /// for the thread.
    fn end(self: Arc<Self>, purge: PurgeConfig) {
        let end = move || {
            self.producer.purge(purge);
            while self.producer.flush(PATIENCE).is_err() {
                tracing::debug!("a retired kafka client has not reported all deliveries yet");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("kafka-retired".to_owned()).spawn(end) {
            // Dropped where it is, which purges as well.
            tracing::warn!(%error, "no thread to end a kafka client on");
        }
    }
}

fn headers(publication: &Publication) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(2 + publication.more_headers.len());
    publication
        .headers()
        .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value.as_bytes()) }))
}
