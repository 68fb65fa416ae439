//! A librdkafka producer and its end.

use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig, ThreadedProducer};
use tokio_util::sync::CancellationToken;

use super::context::{Context, Ear};
use super::delivery::Delivery;
use crate::sink::encode::Publication;

/// A producer in use.
pub(super) struct Client {
    producer: ThreadedProducer<Context>,
    ear: Arc<Ear>,
    /// Cancelled once no delivery of this producer is reported any more.
    gone: CancellationToken,
}

impl Client {
    /// A producer with its threads; connects in the background.
    pub(super) fn new(config: &ClientConfig, context: Context) -> KafkaResult<Self> {
        let ear = Arc::clone(&context.ear);
        let producer = config.create_with_context(context)?;
        Ok(Client { producer, ear, gone: CancellationToken::new() })
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

    /// Resolves when the producer is gone: a delivery that was not reported by then never will be.
    pub(super) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Whether librdkafka has given up on this producer.
    pub(super) fn is_fatal(&self) -> bool {
        self.ear.is_fatal() || self.producer.client().fatal_error().is_some()
    }

    /// Ends the producer on a thread that may block: every event in its queue is reported as purged.
    pub(super) fn retire(self: Arc<Self>) {
        tokio::task::spawn_blocking(move || {
            self.producer.purge(PurgeConfig::default().queue().inflight());
            if self.producer.flush(std::time::Duration::from_secs(1)).is_err() {
                tracing::debug!("a retired kafka client did not report all deliveries");
            }
            self.gone.cancel();
        });
    }
}

fn headers(publication: &Publication) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(2 + publication.more_headers.len());
    publication
        .headers()
        .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value.as_bytes()) }))
}
