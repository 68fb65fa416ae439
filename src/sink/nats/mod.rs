//! The NATS sink: JetStream, where only the acknowledgement of a publication is its delivery.
//!
//! The idempotency key is the `Nats-Msg-Id`, so that JetStream itself drops what it has already; a replay has one of its
//! own, or it would be dropped as well.

mod config;
mod connection;
mod examine;
mod monitor;
mod stream;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_nats::HeaderMap;
pub(super) use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError as NatsError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use tokio::sync::Notify;

use self::connection::Connection;
use super::Published;
use super::encode::Publication;
use super::error::{CheckError, Code, PublishError, one_line};
pub use config::{CreateStream, NatsConfig, NatsTls};

/// A NATS JetStream sink.
pub struct NatsSink {
    name: Arc<str>,
    config: NatsConfig,
    window: usize,
    subjects: Vec<Arc<str>>,
    connection: ArcSwapOption<Connection>,
    trouble: Arc<Notify>,
    /// One check at a time.
    checking: tokio::sync::Mutex<()>,
}

impl NatsSink {
    pub(super) fn new(
        name: &str,
        config: &NatsConfig,
        window: usize,
        subjects: Vec<Arc<str>>,
    ) -> Result<Self, String> {
        config.validate()?;
        Ok(NatsSink {
            name: name.into(),
            config: config.clone(),
            window,
            subjects,
            connection: ArcSwapOption::empty(),
            trouble: Arc::default(),
            checking: tokio::sync::Mutex::default(),
        })
    }

    /// Publishes an event and waits until the stream has stored it.
    pub(super) async fn publish(&self, publication: &Publication) -> Result<Published, PublishError> {
        let connection = self.connection.load_full().filter(|connection| !connection.is_broken());
        let Some(connection) = connection else {
            return Err(PublishError::sink(Code::Connection, "nats is not connected"));
        };
        let acknowledged = tokio::select! {
            biased;
            acknowledged = send(&connection, publication, &self.config.stream) => acknowledged,
            () = connection.broken() => return Err(broke()),
        };
        match acknowledged {
            Ok(ack) if ack.duplicate => Ok(Published::Duplicate),
            Ok(_) => Ok(Published::New),
            Err(error) => Err(self.verdict(&error, &connection, &publication.topic)),
        }
    }

    /// Whether the stream takes events; connects where there is no connection.
    pub(super) async fn check(&self) -> Result<(), CheckError> {
        let _one_at_a_time = self.checking.lock().await;
        let current = self.connection.load_full().filter(|connection| !connection.is_broken());
        let connection = match current {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        stream::check(&connection.context, &self.config, &self.subjects).await
    }

    /// Resolves when the connection breaks.
    pub(super) async fn troubled(&self) {
        self.trouble.notified().await;
    }

    async fn connect(&self) -> Result<Arc<Connection>, CheckError> {
        // Gone before the next one comes, so that a server's limit on connections is not met.
        self.connection.store(None);
        let trouble = Arc::clone(&self.trouble);
        let connection = Connection::open(&self.name, &self.config, self.window, trouble).await?;
        let connection = Arc::new(connection);
        self.connection.store(Some(Arc::clone(&connection)));
        Ok(connection)
    }

    fn verdict(&self, error: &NatsError, connection: &Connection, subject: &str) -> PublishError {
        let stream = &self.config.stream;
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => PublishError::permanent(
                Code::TooLarge,
                "the event is larger than the nats server takes: raise max_payload, then requeue the dead letter",
            ),
            PublishErrorKind::StreamNotFound => PublishError::sink(
                Code::Missing,
                format!("no stream takes subject {subject}: see the check of stream {stream}"),
            ),
            PublishErrorKind::TimedOut => match connection.complaint() {
                Some(complaint) if complaint.to_ascii_lowercase().contains("permission") => {
                    PublishError::topic(
                        Code::Authorization,
                        format!("nats does not allow publishing on {subject}: grant it ({complaint})"),
                    )
                }
                _ => PublishError::sink(
                    Code::Timeout,
                    format!(
                        "stream {stream} did not acknowledge in time; the event goes out again under its own id"
                    ),
                ),
            },
            PublishErrorKind::BrokenPipe => broke(),
            _ => self.answered(error),
        }
    }

    /// What JetStream's own answer means.
    fn answered(&self, error: &NatsError) -> PublishError {
        let stream = &self.config.stream;
        let source = std::error::Error::source(error);
        let answer = source.and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
        let said = one_line(&source.map_or_else(|| error.to_string(), ToString::to_string));
        match answer.map(async_nats::jetstream::Error::error_code) {
            Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM) => {
                PublishError::permanent(
                    Code::TooLarge,
                    format!(
                        "the event is larger than stream {stream} takes: raise max_msg_size, then requeue it"
                    ),
                )
            }
            Some(
                ErrorCode::STREAM_STORE_FAILED
                | ErrorCode::INSUFFICIENT_RESOURCES
                | ErrorCode::STORAGE_RESOURCES_EXCEEDED
                | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
            ) => PublishError::sink(
                Code::Full,
                format!("stream {stream} cannot store: {said}: raise its limits or make room"),
            ),
            Some(ErrorCode::STREAM_NOT_MATCH) => PublishError::topic(
                Code::Missing,
                format!("another stream than {stream} takes this subject: correct `stream` or the subjects"),
            ),
            _ => PublishError::record(Code::Other, format!("nats refused the event: {said}")),
        }
    }
}

async fn send(
    connection: &Connection,
    publication: &Publication,
    stream: &str,
) -> Result<PublishAck, NatsError> {
    let publish = PublishMessage::build()
        .headers(headers(publication, stream))
        .payload(publication.parcel.shared_payload());
    // Boxed, since it is large and soon over, and hundreds of events wait for their acknowledgements.
    let sent = Box::pin(connection.context.send_publish(publication.topic.to_string(), publish)).await?;
    sent.await
}

/// JetStream drops an id that it has seen in its duplicate window: a replay has to have one of its own.
pub(super) fn deduplication_id(publication: &Publication) -> String {
    match publication.replay {
        Some(replay) => format!("{}:{replay}", publication.parcel.id()),
        None => publication.parcel.id().to_owned(),
    }
}

fn headers(publication: &Publication, stream: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in publication.headers() {
        headers.insert(name, value);
    }
    headers.insert(NATS_MESSAGE_ID, deduplication_id(publication));
    headers.insert(NATS_EXPECTED_STREAM, stream);
    headers
}

fn broke() -> PublishError {
    PublishError::sink(Code::Connection, "the connection to nats broke")
}
