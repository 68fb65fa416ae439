//! The Kafka sink: idempotent, acknowledged by all in-sync replicas, one partition a key.
//!
//! Seen with librdkafka 2.12, and so handled here: some errors are fatal and fail every later send, so the producer is
//! built anew; a timed-out event may have been stored, so it goes out again under its own key; a broker that finds a
//! batch too large blames every event in it, so each of them is tried once more in a batch of its own; an event without
//! an offset was never answered for, whatever the report says, so it goes out again, too; and a producer with events in its
//! queue spins as long as those that it has sent are not answered for, so one whose cluster falls silent steps aside.

mod check;
mod classify;
mod client;
mod clients;
mod config;
mod context;
mod delivery;
mod examine;
mod look;
mod oauth;
mod properties;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use self::client::Client;
use self::clients::Clients;
use self::delivery::Report;
use super::Published;
use super::encode::Publication;
use super::error::{CheckError, Code, PublishError};
pub use config::{CreateTopics, KafkaConfig, KafkaTls, Mechanism, Sasl};
pub use properties::Property;

/// How long to wait for room in the client's own queue before looking again.
const QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// How often to look whether events under way were reported.
const GLANCE: Duration = Duration::from_millis(500);

/// How long after a topic was made it is not made again.
const MAKING_PAUSE: Duration = Duration::from_secs(1);

/// What a broker says of an event that is too large.
const TOO_LARGE: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);

/// A Kafka sink.
pub struct KafkaSink {
    clients: Clients,
    topics: Vec<Arc<str>>,
    topics_created: AtomicBool,
    /// When a topic that an event missed was made, or could not be.
    made: Mutex<HashMap<Arc<str>, Instant>>,
    /// One check at a time.
    checking: tokio::sync::Mutex<()>,
}

/// Why an event was not delivered.
enum Undelivered {
    /// The batch was too large, and this event in it.
    InBatch,
    /// Anything else.
    For(PublishError),
}

impl KafkaSink {
    pub(super) fn new(
        name: &str,
        config: &KafkaConfig,
        window: usize,
        topics: Vec<Arc<str>>,
        rebuilds: IntCounter,
    ) -> Self {
        KafkaSink {
            clients: Clients::new(name, config, window, rebuilds),
            topics,
            topics_created: AtomicBool::new(false),
            made: Mutex::default(),
            checking: tokio::sync::Mutex::default(),
        }
    }

    /// Delivers an event: returns when every in-sync replica has it. Hundreds of events wait in here, so that this holds
    /// little more than the delivery, and what is rare is boxed.
    pub(super) async fn publish(&self, publication: &Publication) -> Result<Published, PublishError> {
        let Some(client) = self.clients.usual() else {
            return Err(PublishError::sink(Code::Connection, "kafka is not connected yet"));
        };
        let delivered = match client.enqueue(publication).ok() {
            Some(delivery) => match delivery.reported().await {
                Report::Stored => return Ok(Published::New),
                report => self.judge(&client, report, publication),
            },
            // Not enqueued for want of room, or refused: the next try, in there, meets the same and says which.
            None => Box::pin(self.deliver(&client, publication)).await,
        };
        Box::pin(self.conclude(delivered, publication)).await
    }

    /// Whether the cluster takes events; builds the client, and makes missing topics when told to.
    pub(super) async fn check(&self) -> Result<(), CheckError> {
        let _one_at_a_time = self.checking.lock().await;
        let client = self.clients.fresh(self.is_silent().await)?;
        let found = match self.create_once().await {
            Err(unreachable) if unreachable.is_blocking() => Err(unreachable),
            made => {
                let principal = self.clients.config().principal();
                let found = check::cluster(Arc::clone(&client), self.topics.clone(), principal).await;
                // Why a topic could not be made says more than that it is missing.
                found.map_err(|error| if error.is_blocking() { error } else { made.err().unwrap_or(error) })
            }
        };
        match found {
            Err(error) if error.is_blocking() => {
                Err(check::explain(error, &client, self.clients.config()).await)
            }
            found => {
                // Only now: while the trouble lasts, librdkafka says the same thing once in half a minute.
                client.ear().forget();
                found
            }
        }
    }

    /// Resolves when the client reports trouble of its own accord, or nothing although events are under way.
    pub(super) async fn troubled(&self) {
        tokio::select! {
            () = self.clients.troubled() => {}
            () = self.stalled() => {}
        }
    }

    async fn stalled(&self) {
        while !self.clients.usual().is_some_and(|client| client.is_stalled()) {
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Whether events are under way in vain and the cluster does not answer. Where it does, they wait for something
    /// else, such as a topic's leader.
    async fn is_silent(&self) -> bool {
        let Some(client) = self.clients.usual().filter(|client| client.is_stalled()) else { return false };
        let answers = look::answers(Arc::clone(&client), self.topics.first().cloned()).await;
        if answers {
            client.bear_with();
        }
        !answers
    }

    /// What can be done at once where an event was not delivered.
    async fn conclude(
        &self,
        delivered: Result<Published, Undelivered>,
        publication: &Publication,
    ) -> Result<Published, PublishError> {
        match delivered {
            Ok(published) => Ok(published),
            Err(Undelivered::InBatch) => self.deliver_alone(publication).await,
            Err(Undelivered::For(error)) => Err(self.after_failure(error, publication).await),
        }
    }

    async fn deliver_alone(&self, publication: &Publication) -> Result<Published, PublishError> {
        let client =
            self.clients.solo().map_err(|error| PublishError::sink(error.kind(), error.to_string()))?;
        self.deliver(&client, publication).await.map_err(|undelivered| match undelivered {
            Undelivered::InBatch => self.verdict(&TOO_LARGE, publication),
            Undelivered::For(error) => error,
        })
    }

    /// What can be done at once about a failure: topics with an account in their name are made when first met.
    async fn after_failure(&self, error: PublishError, publication: &Publication) -> PublishError {
        let missing = matches!(&error, PublishError::Transient { code: Code::Missing, .. });
        if missing && self.clients.config().create.enabled {
            let _one_at_a_time = self.checking.lock().await;
            if !self.is_missed_first(&publication.topic) {
                return error;
            }
            if let Err(failed) = self.create(&[Arc::clone(&publication.topic)]).await {
                return PublishError::topic(failed.kind(), failed.to_string());
            }
        }
        error
    }

    /// Hundreds of events may miss a topic at the same time: whether this one is the first.
    fn is_missed_first(&self, topic: &Arc<str>) -> bool {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = made.get(topic).is_none_or(|made| made.elapsed() >= MAKING_PAUSE);
        if is_first {
            made.insert(Arc::clone(topic), Instant::now());
        }
        is_first
    }

    /// Makes the topics with fixed names, until that has worked once.
    async fn create_once(&self) -> Result<(), CheckError> {
        if !self.clients.config().create.enabled || self.topics_created.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.create(&self.topics).await?;
        self.topics_created.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn create(&self, topics: &[Arc<str>]) -> Result<(), CheckError> {
        let config = self.clients.configured()?;
        check::create(&config, self.clients.context(), &self.clients.config().create, topics).await
    }

    /// Hands an event to a producer, once it has room for it, and waits for the report of its delivery.
    async fn deliver(&self, client: &Client, publication: &Publication) -> Result<Published, Undelivered> {
        let delivery = loop {
            match client.enqueue(publication) {
                Ok(delivery) => break delivery,
                Err(error) if is(&error, RDKafkaErrorCode::QueueFull) => {
                    tokio::time::sleep(QUEUE_PAUSE).await;
                }
                // Refused by the client itself, so by this event's own size.
                Err(error) => return Err(self.undelivered(client, &error, publication)),
            }
        };
        self.judge(client, delivery.reported().await, publication)
    }

    /// What a report of an event's delivery means.
    fn judge(
        &self,
        client: &Client,
        report: Report,
        publication: &Publication,
    ) -> Result<Published, Undelivered> {
        match report {
            Report::Stored => Ok(Published::New),
            Report::Concluded => Err(Undelivered::For(PublishError::record(
                Code::Unconfirmed,
                "kafka did not answer for the event itself; it may have been stored and goes out again under its own key",
            ))),
            Report::Failed(RDKafkaErrorCode::MessageSizeTooLarge) => Err(Undelivered::InBatch),
            Report::Failed(code) => {
                Err(self.undelivered(client, &KafkaError::MessageProduction(code), publication))
            }
        }
    }

    fn undelivered(&self, client: &Client, error: &KafkaError, publication: &Publication) -> Undelivered {
        let verdict = self.verdict(error, publication);
        if matches!(&verdict, PublishError::Transient { code: Code::Fatal, .. }) {
            client.ear().set_fatal();
        }
        Undelivered::For(verdict)
    }

    fn verdict(&self, error: &KafkaError, publication: &Publication) -> PublishError {
        classify::verdict(error, &publication.topic, &self.clients.config().principal())
    }
}

fn is(error: &KafkaError, code: RDKafkaErrorCode) -> bool {
    error.rdkafka_error_code() == Some(code)
}
