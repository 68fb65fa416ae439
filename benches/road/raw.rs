//! The raw clients: what a program gets that only publishes, with the same acknowledgements, window, headers and
//! payload as the relay's sinks.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use serde::{Deserialize, Serialize};

use crate::children;
use crate::street::Street;

/// One for each endpoint, as the relay has it.
const TOPICS: [&str; 4] = ["raw.brand", "raw.campaign", "raw.number_linking", "raw.number_unlinking"];

/// How long a raw client took.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Took {
    /// From the first publication to the last acknowledgement.
    pub seconds: f64,
    /// Of the client's processor time.
    pub cpu: f64,
}

/// Publishes `count` events to Kafka, `window` of them unacknowledged.
pub async fn kafka(server: &str, count: usize, window: usize) -> Result<Took> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", server);
    create_topics(&config).await?;
    for (name, value) in [
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("partitioner", "murmur2_random"),
        ("linger.ms", "5"),
        ("queue.buffering.max.kbytes", "131072"),
    ] {
        config.set(name, value);
    }
    config.set("queue.buffering.max.messages", (window.max(512) * 2).to_string());
    let producer: FutureProducer = config.create()?;
    let payload = Street::new()?.payload()?;
    timed(count, window, async |number| {
        let (id, key) = (id(number), format!("B{number:011}"));
        let value = Some(&*id);
        let headers = OwnedHeaders::new().insert(Header { key: "idempotency-key", value });
        let headers = headers.insert(Header { key: "content-type", value: Some(CONTENT_TYPE) });
        let topic = TOPICS[number % TOPICS.len()];
        let record = FutureRecord::to(topic).key(&key).payload(&payload[..]).headers(headers);
        producer.send(record, Timeout::Never).await.map_err(|(error, _)| error)?;
        Ok(())
    })
    .await
}

async fn create_topics(config: &ClientConfig) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topics = TOPICS.map(|name| NewTopic::new(name, 3, TopicReplication::Fixed(1)));
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    // Those of an earlier round exist already, which is as good.
    admin.create_topics(&topics, &options).await.context("creating the raw client's topics")?;
    Ok(())
}

/// Publishes `count` events to JetStream, `window` of them unacknowledged.
pub async fn nats(server: &str, count: usize, window: usize) -> Result<Took> {
    let stream = async_nats::jetstream::stream::Config {
        name: String::from("RAW"),
        subjects: TOPICS.map(String::from).to_vec(),
        duplicate_window: Duration::from_secs(600),
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        ..Default::default()
    };
    let context = async_nats::jetstream::new(async_nats::connect(server).await?);
    context.create_stream(stream).await?;
    let payload = Street::new()?.payload()?;
    timed(count, window, async |number| {
        let id = id(number);
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", &*id);
        headers.insert("idempotency-key", &*id);
        headers.insert("content-type", CONTENT_TYPE);
        let topic = TOPICS[number % TOPICS.len()];
        context.publish_with_headers(topic, headers, payload.clone()).await?.await?;
        Ok(())
    })
    .await
}

const CONTENT_TYPE: &str = "application/cloudevents+json";

/// A tenth more is published first, so that neither connecting nor a broker's first steps are timed: the relay's drain
/// counts from its first published events as well.
async fn timed(count: usize, window: usize, publish: impl AsyncFn(usize) -> Result<()>) -> Result<Took> {
    let publish_all = async |numbers: Range<usize>| {
        let publications = stream::iter(numbers).map(|number| publish(number));
        publications.buffer_unordered(window).try_collect::<()>().await
    };
    publish_all(count..count + count / 10).await?;
    let (start, cpu) = (Instant::now(), children::cpu_of("self")?);
    publish_all(0..count).await?;
    Ok(Took { seconds: start.elapsed().as_secs_f64(), cpu: children::cpu_of("self")? - cpu })
}

fn id(number: usize) -> String {
    format!("{number:032}")
}
