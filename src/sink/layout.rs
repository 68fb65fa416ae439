//! What a sink's events look like, for who describes them: no broker is touched, and no sink is made.

use std::sync::Arc;

use bytes::Bytes;

use super::block::Block;
use super::config::{SinkConfig, Target};
use super::encode::{Encoder, Says};
use super::nats::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID, deduplication_id};
use crate::event::{Endpoint, Event};

/// How a sink lays out its events.
pub struct Layout {
    encoder: Encoder,
    medium: Medium,
}

/// What an event's headers become.
enum Medium {
    /// The headers of a Kafka record.
    Kafka,
    /// The headers of a NATS publication to this stream, with two of NATS's own.
    Nats { stream: String },
    /// Nothing: a line has none.
    Lines,
}

/// What a header is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// It says something of the event.
    Of(Says),
    /// By it JetStream knows what it has already: the id, and the replay where there is one.
    DeduplicationId,
    /// The stream that is to take the event.
    Stream(String),
}

/// An event as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaidOut {
    /// The key that keeps events in order.
    pub key: String,
    /// Names and values of all headers.
    pub headers: Vec<(String, String)>,
    /// The structured event, or its data alone.
    pub payload: Bytes,
}

impl Layout {
    /// As the sink of this configuration does it.
    ///
    /// # Errors
    /// What is wrong with the configuration, naming the key.
    pub fn new(config: &SinkConfig) -> Result<Self, String> {
        let medium = match &config.target {
            Target::Kafka(_) => Medium::Kafka,
            Target::Nats(nats) => Medium::Nats { stream: nats.stream.clone() },
            Target::File(_) => Medium::Lines,
        };
        Ok(Layout { encoder: Encoder::new(config)?, medium })
    }

    /// The topic of an endpoint's events, `{account}` left as it is.
    pub fn topic(&self, endpoint: Option<Endpoint>) -> Arc<str> {
        self.encoder.topics.label(endpoint)
    }

    /// The same as a NATS subject, with wildcards for accounts.
    pub fn subject(&self, endpoint: Option<Endpoint>) -> Arc<str> {
        self.encoder.topics.subject(endpoint)
    }

    /// Of the payload.
    pub const fn content_type(&self) -> &'static str {
        self.encoder.content_type()
    }

    /// The name of every header that an event may have, and what it is for.
    pub fn headers(&self) -> Vec<(String, Header)> {
        let named = self.encoder.header_names().into_iter();
        let mut headers: Vec<_> = named.map(|(name, says)| (name.to_owned(), Header::Of(says))).collect();
        match &self.medium {
            Medium::Kafka => headers,
            Medium::Nats { stream } => {
                headers.push((NATS_MESSAGE_ID.to_string(), Header::DeduplicationId));
                headers.push((NATS_EXPECTED_STREAM.to_string(), Header::Stream(stream.clone())));
                headers
            }
            Medium::Lines => Vec::new(),
        }
    }

    /// Lays out an event of this account.
    pub fn lay_out(&self, event: Event<'_>, account: &str) -> LaidOut {
        let publication = self.encoder.encode(event, account, None, &mut Block::default());
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers: Vec<_> = publication.headers().map(owned).collect();
        match &self.medium {
            Medium::Kafka => {}
            Medium::Nats { stream } => {
                headers.push((NATS_MESSAGE_ID.to_string(), deduplication_id(&publication)));
                headers.push((NATS_EXPECTED_STREAM.to_string(), stream.clone()));
            }
            Medium::Lines => headers.clear(),
        }
        let parcel = &publication.parcel;
        LaidOut { key: parcel.key().to_owned(), headers, payload: parcel.shared_payload() }
    }
}
