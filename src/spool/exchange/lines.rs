//! What stands on a line.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::callback::{Method, Request, Verdict};
use crate::event::{EventId, Stamp, Status, Timestamp, Transition};
use crate::normalize::Facts;

/// One thing that a spool holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A record.
    Record(Box<RecordLine>),
    /// What a signature came with first.
    Signature(SignatureLine),
    /// The latest occurrence of a content.
    Fingerprint(FingerprintLine),
    /// Where an entity stands.
    Entity(EntityLine),
    /// A duplicate that was held back.
    Held(Box<HeldLine>),
    /// A callback in quarantine.
    Quarantined(Box<QuarantinedLine>),
}

/// A callback as it was received, and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackLine {
    /// GET or POST.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The header of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The header of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// What verification found.
    pub verdict: Verdict,
    /// What it says.
    pub facts: Facts,
    /// The body.
    #[serde(with = "base64")]
    pub body: Vec<u8>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// Its number in the spool that it comes from.
    pub sequence: u64,
    /// The idempotency key.
    pub id: EventId,
    /// When its row was made.
    pub received_at: Timestamp,
    /// How many times the same content was accepted before.
    pub occurrence: u32,
    /// The entity's status before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<Status>,
    /// How this status stands to the previous one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// How many times it was normalized again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// Whether a revision has superseded it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
    /// The fingerprint of its content, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe_hex")]
    pub fingerprint: Option<[u8; 32]>,
    /// The sinks that have it, or passed over it.
    pub published: Vec<String>,
    /// The sinks that refused it for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<DeadLine>,
    /// The callback.
    #[serde(flatten)]
    pub callback: CallbackLine,
}

/// A dead letter of the record that it stands with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLine {
    /// The sink.
    pub sink: String,
    /// The kind of error.
    pub code: String,
    /// What the sink said.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What a signature came with first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureLine {
    /// The hash of what was signed.
    #[serde(with = "hex")]
    pub hash: [u8; 32],
    /// The content.
    #[serde(with = "hex")]
    pub fingerprint: [u8; 32],
    /// Its occurrence.
    pub occurrence: u32,
    /// When it came first.
    pub first_seen: Timestamp,
}

/// The latest occurrence of a content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FingerprintLine {
    /// The content.
    #[serde(with = "hex")]
    pub fingerprint: [u8; 32],
    /// Its latest occurrence.
    pub occurrence: u32,
    /// When that was accepted.
    pub accepted_at: Timestamp,
}

/// Where an entity stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityLine {
    /// The account's auth id.
    pub account: String,
    /// The endpoint.
    pub endpoint: String,
    /// The entity's id.
    pub entity: String,
    /// Its status.
    pub status: Status,
    /// Since when.
    pub at: Timestamp,
}

/// A duplicate that was held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLine {
    /// When it came.
    pub received_at: Timestamp,
    /// The event that it repeats.
    pub duplicate_of: EventId,
    /// Whether the entity had changed status in between.
    pub after_change: bool,
    /// The content.
    #[serde(with = "hex")]
    pub fingerprint: [u8; 32],
    /// From 1: which one it is of those with the same content that came at the same moment.
    pub nth: u64,
    /// The callback.
    #[serde(flatten)]
    pub callback: CallbackLine,
}

/// A callback in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedLine {
    /// When it came.
    pub received_at: Timestamp,
    /// The event that its signature came with first.
    pub first_id: EventId,
    /// The signature.
    #[serde(with = "hex")]
    pub signature: [u8; 32],
    /// The content.
    #[serde(with = "hex")]
    pub fingerprint: [u8; 32],
    /// The callback.
    #[serde(flatten)]
    pub callback: CallbackLine,
}

impl Line {
    /// What it weighs on its way to the writer, about.
    pub fn weight(&self) -> u64 {
        self.body_bytes() * 4 / 3 + 512
    }

    /// The bytes of its body and target.
    pub(in crate::spool) fn body_bytes(&self) -> u64 {
        let callback = match self {
            Line::Record(line) => &line.callback,
            Line::Held(line) => &line.callback,
            Line::Quarantined(line) => &line.callback,
            Line::Signature(_) | Line::Fingerprint(_) | Line::Entity(_) => return 0,
        };
        (callback.body.len() + callback.target.len()) as u64
    }
}

impl CallbackLine {
    /// From the parts of a record or of what is kept aside.
    pub(in crate::spool) fn new(request: &Request, verdict: &Verdict, facts: &Facts) -> Self {
        CallbackLine {
            method: request.method,
            target: request.target.clone(),
            content_type: request.content_type.clone(),
            content_encoding: request.content_encoding.clone(),
            verdict: verdict.clone(),
            facts: facts.clone(),
            body: request.body.to_vec(),
        }
    }

    /// The request.
    pub(in crate::spool) fn request(&self) -> Request {
        Request {
            method: self.method,
            target: self.target.clone(),
            content_type: self.content_type.clone(),
            content_encoding: self.content_encoding.clone(),
            body: Bytes::copy_from_slice(&self.body),
        }
    }
}

impl RecordLine {
    /// What the index of a spool knows it by: the content's fingerprint, or what stands for it.
    pub(in crate::spool) fn key(&self) -> [u8; 32] {
        let of_content = self.fingerprint.filter(|_| self.revision == 0);
        of_content.unwrap_or_else(|| stand_in(&self.id, self.revision))
    }

    /// Its occurrence under that key: what stands in for a content has none of its own.
    pub(in crate::spool) fn of_key(&self) -> u32 {
        if self.fingerprint.is_some() && self.revision == 0 { self.occurrence } else { 0 }
    }

    /// When the callback came, wherever it was then.
    pub(in crate::spool) fn came_at(&self) -> Timestamp {
        self.callback.facts.received_at.unwrap_or(self.received_at)
    }

    /// As it stands under another number.
    pub(in crate::spool) fn stamp(&self, sequence: u64, received_at: Timestamp) -> Stamp {
        Stamp {
            sequence,
            id: self.id.clone(),
            received_at,
            occurrence: self.occurrence,
            previous_status: self.previous_status,
            transition: self.transition,
            revision: self.revision,
        }
    }

    /// Whether this sink is done with it: has it, passed over it, or refused it for good.
    pub(in crate::spool) fn is_done(&self, sink: &str) -> bool {
        self.published.iter().any(|name| name == sink) || self.dead.iter().any(|dead| dead.sink == sink)
    }
}

/// What the index knows a revision by, and a record whose fingerprint is not known: no callback's own content.
pub(in crate::spool) fn stand_in(id: &EventId, revision: u32) -> [u8; 32] {
    Sha256::new()
        .chain_update(id.as_str())
        .chain_update("-r")
        .chain_update(revision.to_be_bytes())
        .finalize()
        .into()
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

mod hex {
    use data_encoding::HEXLOWER;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        parse(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not a hash"))
    }

    pub(super) fn parse(text: &str) -> Option<[u8; 32]> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
    }
}

mod maybe_hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        hash: &Option<[u8; 32]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => super::hex::serialize(hash, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<[u8; 32]>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        super::hex::parse(&text).map(Some).ok_or_else(|| D::Error::custom("not a hash"))
    }
}

mod base64 {
    use data_encoding::BASE64;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(deserializer)?.as_bytes()).map_err(D::Error::custom)
    }
}
