//! From an event to what is handed to a broker.

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::block::{Block, Parcel};
use super::config::{ContentMode, SinkConfig, Target};
use super::raw::RawKept;
use super::topics::Topics;
use crate::event::Event;

/// One event as a broker gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The topic, subject or file.
    pub topic: Arc<str>,
    /// The topic as a metric label: accounts not filled in.
    pub topic_label: Arc<str>,
    /// Its key, its id and what it says.
    pub parcel: Parcel,
    /// Of the payload.
    pub content_type: &'static str,
    /// Names and values of the headers that not every event has.
    pub more_headers: Vec<(&'static str, String)>,
    /// The replay that asks for it.
    pub replay: Option<u64>,
}

impl Publication {
    /// Names and values of all headers.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let every = [(IDEMPOTENCY_KEY, self.parcel.id()), (CONTENT_TYPE, self.content_type)];
        every.into_iter().chain(self.more_headers.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// The event's id.
    Id,
    /// What the payload is.
    ContentType,
    /// The number of the replay, on what a replay publishes.
    Replay,
    /// This attribute of the event.
    Attribute(&'static str),
}

/// How a broker wants a CloudEvent's attributes in its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderStyle {
    /// `ce_`, UTF-8.
    Kafka,
    /// `ce-`, percent-encoded as in HTTP.
    Nats,
}

/// Lays out events for one sink.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    pub(super) topics: Topics,
    pub(super) mode: ContentMode,
    pub(super) style: HeaderStyle,
    pub(super) raw: RawKept,
}

/// The header that holds the idempotency key, on every broker.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The header that tells what the payload is, on every broker.
const CONTENT_TYPE: &str = "content-type";

/// The header that names the replay, on every broker.
const REPLAY: &str = "tendlc-replay";

/// What CloudEvents has escaped in header values: controls, blanks, quotes and percent signs, and all beyond ASCII.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

impl Encoder {
    /// As a sink's configuration has it.
    ///
    /// # Errors
    /// What is wrong with a template, naming its key.
    pub(super) fn new(config: &SinkConfig) -> Result<Self, String> {
        Ok(Encoder {
            topics: Topics::new(&config.common.topics)?,
            mode: config.common.content_mode,
            style: HeaderStyle::of(&config.target),
            raw: config.common.raw.prepared(),
        })
    }

    pub(super) fn encode(
        &self,
        mut event: Event<'_>,
        account: &str,
        replay: Option<u64>,
        block: &mut Block,
    ) -> Publication {
        self.raw.apply(event.raw_mut());
        let (key, id) = (event.partition_key(), event.id());
        let (parcel, mut more_headers) = match self.mode {
            ContentMode::Structured => (block.put(key, id, |json| event.write_structured(json)), Vec::new()),
            ContentMode::Binary => {
                (block.put(key, id, |json| event.write_data(json)), self.style.headers(&event))
            }
        };
        more_headers.extend(replay.map(|replay| (REPLAY, replay.to_string())));
        Publication {
            topic: self.topics.topic(event.kind(), account),
            topic_label: self.topics.label(event.kind()),
            parcel,
            content_type: self.content_type(),
            more_headers,
            replay,
        }
    }

    /// The name of every header that an event may have, and what it says.
    pub(super) fn header_names(&self) -> Vec<(&'static str, Says)> {
        let mut names =
            vec![(IDEMPOTENCY_KEY, Says::Id), (CONTENT_TYPE, Says::ContentType), (REPLAY, Says::Replay)];
        if self.mode == ContentMode::Binary {
            let attributes = ATTRIBUTES.iter().map(|(attribute, ..)| *attribute);
            names.extend(attributes.filter_map(|one| Some((self.style.name(one)?, Says::Attribute(one)))));
        }
        names
    }

    /// What the content type header says.
    pub(super) const fn content_type(&self) -> &'static str {
        match self.mode {
            ContentMode::Structured => Event::STRUCTURED,
            ContentMode::Binary => Event::DATA,
        }
    }
}

/// Each attribute of an event, and its header on Kafka and NATS.
const ATTRIBUTES: [(&str, &str, &str); 9] = [
    ("specversion", "ce_specversion", "ce-specversion"),
    ("id", "ce_id", "ce-id"),
    ("source", "ce_source", "ce-source"),
    ("type", "ce_type", "ce-type"),
    ("subject", "ce_subject", "ce-subject"),
    ("time", "ce_time", "ce-time"),
    ("dataschema", "ce_dataschema", "ce-dataschema"),
    ("sequence", "ce_sequence", "ce-sequence"),
    ("partitionkey", "ce_partitionkey", "ce-partitionkey"),
];

impl HeaderStyle {
    /// The style of a kind of sink. A file has no headers.
    pub(super) const fn of(target: &Target) -> Self {
        match target {
            Target::Kafka(_) | Target::File(_) => HeaderStyle::Kafka,
            Target::Nats(_) => HeaderStyle::Nats,
        }
    }

    fn headers(self, event: &Event<'_>) -> Vec<(&'static str, String)> {
        let attributes = event.attributes().into_iter();
        attributes.filter_map(|(name, value)| Some((self.name(name)?, self.value(&value)))).collect()
    }

    fn name(self, attribute: &str) -> Option<&'static str> {
        let (_, kafka, nats) = ATTRIBUTES.iter().find(|(name, _, _)| *name == attribute)?;
        Some(match self {
            HeaderStyle::Kafka => kafka,
            HeaderStyle::Nats => nats,
        })
    }

    fn value(self, value: &str) -> String {
        match self {
            HeaderStyle::Kafka => value.to_owned(),
            HeaderStyle::Nats => utf8_percent_encode(value, ESCAPED).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::raw::RawConfig;
    use super::*;
    use crate::callback::{Covers, KeyOwner, Method, Request, Verdict, VerificationScheme};
    use crate::event::{Endpoint, EventId, Stamp, Timestamp};
    use crate::normalize::{self, Facts};
    use crate::sink::topics::TopicsConfig;

    /// An event of a brand, looked at while what it is made from lasts.
    fn with_event<T>(brand: &str, look: impl FnOnce(&Event<'_>) -> T) -> T {
        let request = Request {
            method: Method::Get,
            target: "/tendlc_status/?brand_id=B1".to_owned(),
            content_type: None,
            content_encoding: None,
            body: Default::default(),
        };
        let verdict = Verdict {
            scheme: VerificationScheme::V2,
            key: Some(KeyOwner::Account),
            account: "acme".to_owned(),
            auth_id: "MA1".to_owned(),
            covers: Covers::Url,
        };
        let facts =
            Facts { endpoint: Some(Endpoint::Brand), brand_id: Some(brand.to_owned()), ..Facts::default() };
        let stamp = Stamp {
            sequence: 7,
            id: EventId::new(&[0; 32], 0),
            received_at: Timestamp::from_millis(0),
            occurrence: 0,
            previous_status: None,
            transition: None,
            revision: 0,
        };
        look(&normalize::event(&request, &verdict, &facts, &stamp))
    }

    fn encoded(mode: ContentMode, style: HeaderStyle, brand: &str, replay: Option<u64>) -> Publication {
        let topics = Topics::new(&TopicsConfig::default()).unwrap();
        with_event(brand, |event| {
            Encoder { topics, mode, style, raw: RawConfig::Full.prepared() }.encode(
                event.clone(),
                "acme",
                replay,
                &mut Block::default(),
            )
        })
    }

    fn header<'a>(publication: &'a Publication, name: &str) -> Option<&'a str> {
        publication.headers().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    #[test]
    fn structured_mode_has_everything_in_one_document() {
        let made = encoded(ContentMode::Structured, HeaderStyle::Kafka, "B1", None);
        assert_eq!((&*made.topic, made.parcel.key()), ("plivo.10dlc.brand", "B1"));
        assert_eq!(header(&made, "idempotency-key"), Some(made.parcel.id()));
        assert_eq!(header(&made, "content-type"), Some(Event::STRUCTURED));
        assert_eq!(made.headers().count(), 2);
        let document: serde_json::Value = serde_json::from_slice(made.parcel.payload()).unwrap();
        assert_eq!(document["id"], made.parcel.id());
        assert_eq!(document["data"]["brand_id"], "B1");
        assert!(!made.parcel.payload().contains(&b'\n'));
    }

    #[test]
    fn binary_mode_has_every_attribute_in_a_header() {
        for (style, prefix) in [(HeaderStyle::Kafka, "ce_"), (HeaderStyle::Nats, "ce-")] {
            let made = encoded(ContentMode::Binary, style, "B1", None);
            with_event("B1", |event| {
                for (name, value) in event.attributes() {
                    assert_eq!(header(&made, &format!("{prefix}{name}")), Some(&*value), "{name}");
                }
            });
            assert_eq!(header(&made, "content-type"), Some("application/json"));
            let data: serde_json::Value = serde_json::from_slice(made.parcel.payload()).unwrap();
            assert_eq!(data["brand_id"], "B1");
        }
    }

    #[test]
    fn an_id_that_somebody_made_up_cannot_make_headers_of_its_own() {
        let made = encoded(ContentMode::Binary, HeaderStyle::Nats, "B\u{e4} %\"\r\nNats-Msg-Id: x", None);
        for (name, value) in made.headers() {
            assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name}: {value}");
        }
        assert!(header(&made, "ce-subject").unwrap().contains("%C3%A4%20%25%22"));
    }

    #[test]
    fn a_replay_keeps_its_id_and_says_that_it_is_one() {
        let first = encoded(ContentMode::Structured, HeaderStyle::Nats, "B1", None);
        let again = encoded(ContentMode::Structured, HeaderStyle::Nats, "B1", Some(3));
        assert_eq!((header(&again, "tendlc-replay"), header(&first, "tendlc-replay")), (Some("3"), None));
        assert_eq!(first.parcel, again.parcel);
    }
}
