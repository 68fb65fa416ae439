//! A librdkafka producer and its end.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};

use super::context::{Context, Ear};
use super::delivery::Delivery;
use crate::sink::encode::Publication;

/// How long one look at a retired producer's queue lasts.
const PATIENCE: Duration = Duration::from_secs(1);

/// A producer in use.
pub(super) struct Client {
    producer: ThreadedProducer<Context>,
    ear: Arc<Ear>,
}

impl Client {
    /// A producer with its threads; connects in the background.
    pub(super) fn new(config: &ClientConfig, context: Context) -> KafkaResult<Self> {
        let ear = Arc::clone(&context.ear);
        let producer = config.create_with_context(context)?;
        Ok(Client { producer, ear })
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
            .key(publication.key.as_bytes())
            .payload(&publication.payload[..])
            .headers(headers(publication));
        self.producer.send(record).map_err(|(error, _)| error)?;
        Ok(delivery)
    }

    /// Whether librdkafka has given up on this producer.
    pub(super) fn is_fatal(&self) -> bool {
        self.ear.is_fatal() || self.producer.client().fatal_error().is_some()
    }

    /// Ends the producer: every event in its queue is reported as purged. On a thread of its own, since it lasts until
    /// the last report has come, for which somebody waits, and nobody waits for the thread.
    pub(super) fn retire(self: Arc<Self>) {
        let end = move || {
            self.producer.purge(PurgeConfig::default().queue().inflight());
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
