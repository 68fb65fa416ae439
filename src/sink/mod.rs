//! Sinks: where events are published. [`Sink::publish`] returns only after the broker's acknowledgement.

mod block;
mod config;
mod encode;
mod error;
mod examine;
mod file;
mod kafka;
mod layout;
mod nats;
mod raw;
mod secret;
mod tls;
mod topics;

use std::sync::Arc;

use self::encode::Encoder;
use self::file::FileSink;
use self::kafka::KafkaSink;
use self::nats::NatsSink;
use crate::finding::Finding;
use crate::metrics::Metrics;
use crate::sabotage;
use crate::spool::Record;
pub use block::{Block, Parcel};
pub use config::{CommonConfig, ContentMode, SinkConfig, Target};
pub use encode::{Publication, Says};
pub use error::{CheckError, Code, PublishError, Scope, SinkError};
pub use examine::Wants;
pub use file::FileConfig;
pub use kafka::{CreateTopics, KafkaConfig, KafkaTls, Mechanism, Property, Sasl};
pub use layout::{Header, LaidOut, Layout};
pub use nats::{CreateStream, NatsConfig, NatsTls};
pub use raw::RawConfig;
pub use topics::TopicsConfig;

/// An acknowledged publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The broker stored the event.
    New,
    /// The broker had it already.
    Duplicate,
}

/// A place where events are published, under the name that owns its cursor.
pub struct Sink {
    name: Arc<str>,
    window: usize,
    encoder: Encoder,
    broker: Broker,
}

/// The closed set of brokers.
enum Broker {
    Kafka(Box<KafkaSink>),
    Nats(Box<NatsSink>),
    File(FileSink),
}

impl Sink {
    /// A sink from its configuration. Touches no network and no file yet.
    ///
    /// # Errors
    /// When the configuration cannot work, naming the key.
    pub fn new(name: &str, config: &SinkConfig, metrics: &Metrics) -> Result<Self, SinkError> {
        let problem = |problem: String| SinkError::new(name, problem);
        config.validate().map_err(problem)?;
        let encoder = Encoder::new(config).map_err(problem)?;
        let topics = &encoder.topics;
        let labels = topics.labels();
        metrics.register_sink(
            name,
            &labels.iter().map(|label| &**label).collect::<Vec<_>>(),
            &Code::ALL.map(Code::as_str),
        );
        let window = config.window();
        let broker = match &config.target {
            Target::Kafka(kafka) => {
                let rebuilds = metrics.producer_rebuilds.with_label_values(&[name]);
                Broker::Kafka(Box::new(KafkaSink::new(name, kafka, window, topics.fixed(), rebuilds)))
            }
            Target::Nats(nats) => {
                Broker::Nats(Box::new(NatsSink::new(name, nats, window, topics.subjects()).map_err(problem)?))
            }
            Target::File(file) => Broker::File(FileSink::new(name, file)),
        };
        Ok(Sink { name: name.into(), window, encoder, broker })
    }

    /// The name that owns the cursor.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many events may wait for their acknowledgement at once.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Whether the broker can take events. Connects where there is no connection, reads secrets from their files, and
    /// makes topics or the stream when told to.
    ///
    /// # Errors
    /// What is wrong and the next step.
    pub async fn check(&self) -> Result<(), CheckError> {
        match &self.broker {
            Broker::Kafka(kafka) => kafka.check().await,
            Broker::Nats(nats) => nats.check().await,
            Broker::File(file) => file.check().await,
        }
    }

    /// What the broker is like, and what may become of events there. Changes nothing, whatever the configuration says
    /// of making topics or the stream.
    pub async fn examine(&self, wants: &Wants) -> Vec<Finding> {
        match &self.broker {
            Broker::Kafka(kafka) => kafka.examine(wants).await,
            Broker::Nats(nats) => nats.examine(wants).await,
            Broker::File(file) => file.examine().await,
        }
    }

    /// Lays out a record's event for this sink in a block: its topic, key, headers and payload.
    pub fn encode(&self, record: &Record, replay: Option<u64>, block: &mut Block) -> Publication {
        self.encoder.encode(record.event(), &record.verdict().account, replay, block)
    }

    /// Publishes an event and waits for the broker's acknowledgement.
    ///
    /// # Errors
    /// Whether it can get through later, and what is wrong.
    pub async fn publish(&self, publication: &Publication) -> Result<Published, PublishError> {
        if sabotage::skips_publishing() {
            return Ok(Published::New);
        }
        match &self.broker {
            Broker::Kafka(kafka) => kafka.publish(publication).await,
            // Boxed, so that each kind's events wait in no more memory than their own.
            Broker::Nats(nats) => Box::pin(nats.publish(publication)).await,
            Broker::File(file) => file.publish(publication).await,
        }
    }

    /// Resolves when the broker's client reports trouble of its own accord: a reason to check.
    pub async fn troubled(&self) {
        match &self.broker {
            Broker::Kafka(kafka) => kafka.troubled().await,
            Broker::Nats(nats) => nats.troubled().await,
            Broker::File(_) => std::future::pending().await,
        }
    }
}
