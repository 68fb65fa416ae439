//! What a Kafka cluster says of topics.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::producer::Producer;
use rdkafka::types::RDKafkaRespErr;

use super::client::Client;

/// How long the cluster may take to answer one question.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The same where events wait already.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// The state of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Ready,
    Missing,
    Forbidden,
}

/// A topic as the cluster tells of it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) topic: Arc<str>,
    pub(super) state: Topic,
    pub(super) partitions: Vec<Partition>,
    /// The brokers that the cluster has now.
    pub(super) brokers: usize,
}

/// Who keeps a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) replicas: usize,
    pub(super) in_sync: usize,
    pub(super) has_leader: bool,
}

/// Asks for each of the topics; without any, whether the cluster answers at all.
pub(super) fn look_up(client: &Client, topics: &[Arc<str>]) -> Result<Vec<Seen>, KafkaError> {
    let kafka = client.producer().client();
    if topics.is_empty() {
        kafka.fetch_metadata(None, PATIENCE)?;
    }
    topics.iter().map(|topic| Ok(seen(topic, &kafka.fetch_metadata(Some(topic), PATIENCE)?))).collect()
}

/// Whether the cluster answers anything at all.
pub(super) async fn answers(client: Arc<Client>, topic: Option<Arc<str>>) -> bool {
    let asked = tokio::task::spawn_blocking(move || {
        client.producer().client().fetch_metadata(topic.as_deref(), SHORT_PATIENCE).is_ok()
    });
    asked.await.unwrap_or(false)
}

fn seen(topic: &Arc<str>, metadata: &Metadata) -> Seen {
    let partitions =
        metadata.topics().iter().flat_map(|found| found.partitions()).map(|partition| Partition {
            replicas: partition.replicas().len(),
            in_sync: partition.isr().len(),
            has_leader: partition.leader() >= 0,
        });
    Seen {
        topic: Arc::clone(topic),
        state: state(metadata.topics().iter().find_map(MetadataTopic::error)),
        partitions: partitions.collect(),
        brokers: metadata.brokers().len(),
    }
}

fn state(error: Option<RDKafkaRespErr>) -> Topic {
    match error.map(RDKafkaErrorCode::from) {
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::InvalidTopic,
        ) => Topic::Missing,
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Topic::Forbidden,
        // A leader being elected, or a topic just being made: the client waits for that by itself.
        _ => Topic::Ready,
    }
}
