//! The event: what a callback means, in the words that consumers read. Schema version 1.
//!
//! A CloudEvents 1.0 event. The types here are what the JSON Schemas in `config/schemas/` are generated from.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The kind of request that a callback reports on. The closed set of Plivo's "10DLC Callbacks" page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// A brand: the registered company in whose name SMS is sent.
    Brand,
    /// A campaign: one use case of a brand, as registered with the carriers.
    Campaign,
    /// Linking a phone number to a campaign.
    NumberLinking,
    /// Unlinking a phone number from a campaign.
    NumberUnlinking,
}

impl Endpoint {
    /// Every endpoint, in the order in which a customer meets them.
    pub const ALL: [Endpoint; 4] =
        [Endpoint::Brand, Endpoint::Campaign, Endpoint::NumberLinking, Endpoint::NumberUnlinking];

    /// The name in events, topics, metric labels and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Endpoint::Brand => "brand",
            Endpoint::Campaign => "campaign",
            Endpoint::NumberLinking => "number_linking",
            Endpoint::NumberUnlinking => "number_unlinking",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word outside a closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {got:?}: accepted are {accepted}")]
pub struct UnknownWord {
    what: &'static str,
    got: String,
    accepted: &'static str,
}

impl FromStr for Endpoint {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Endpoint::ALL.into_iter().find(|endpoint| endpoint.as_str() == word).ok_or_else(|| UnknownWord {
            what: "endpoint",
            got: word.chars().take(64).collect(),
            accepted: "brand, campaign, number_linking, number_unlinking",
        })
    }
}

/// The canonical status, one vocabulary for what Plivo words in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The request was taken and waits for its outcome. Any endpoint.
    Created,
    /// A brand or campaign was turned down.
    Rejected,
    /// A brand or campaign is registered and usable.
    Registered,
    /// A number could not be linked or unlinked.
    Failed,
    /// A number was linked or unlinked.
    Success,
    /// A value outside the table; `provider_status` has it as received.
    Unknown,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 6] = [
        Status::Created,
        Status::Rejected,
        Status::Registered,
        Status::Failed,
        Status::Success,
        Status::Unknown,
    ];

    /// The name in events, metric labels and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Rejected => "rejected",
            Status::Registered => "registered",
            Status::Failed => "failed",
            Status::Success => "success",
            Status::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Status::ALL.into_iter().find(|status| status.as_str() == word).ok_or_else(|| UnknownWord {
            what: "status",
            got: word.chars().take(64).collect(),
            accepted: "created, rejected, registered, failed, success, unknown",
        })
    }
}

/// How a status stands to the one before it, for the same account, endpoint and entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// Nothing was known of the entity before.
    First,
    /// A later status than the one before.
    Advanced,
    /// The same status again.
    Repeated,
    /// An earlier status, within 460 s of a later one: a late retry.
    Regressed,
    /// An earlier status, later than that: resubmitted, or linked again.
    Restarted,
}

impl Transition {
    /// The name in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transition::First => "first",
            Transition::Advanced => "advanced",
            Transition::Repeated => "repeated",
            Transition::Regressed => "regressed",
            Transition::Restarted => "restarted",
        }
    }
}

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The wall clock now.
    pub fn now() -> Self {
        let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
        Timestamp(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to this, negative when it is later.
    pub const fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC with milliseconds, such as `2026-11-24T13:14:15.016Z`.
    pub fn to_rfc3339(self) -> String {
        let nanos = i128::from(self.0) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, time) = (moment.date(), moment.time());
        format!(
            "{date}T{:02}:{:02}:{:02}.{:03}Z",
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        )
    }

    /// Reads RFC 3339; `None` when it is not.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp)
    }
}

/// What the spool's writer adds to a record when it accepts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The record's number in its spool: without gaps, in order of commit, from 1.
    pub sequence: u64,
    /// The idempotency key.
    pub id: EventId,
    /// When the callback was received, by the spool's clock, which never runs backwards.
    pub received_at: Timestamp,
    /// How many times the same content was accepted before.
    pub occurrence: u32,
    /// The entity's status before this one.
    pub previous_status: Option<Status>,
    /// How this status stands to the previous one; absent where there is no entity or no status.
    pub transition: Option<Transition>,
    /// 0, or how many times the record was normalized again.
    pub revision: u32,
}

/// The idempotency key: the first 160 bits of SHA-256 over fingerprint and occurrence, as 32 characters of
/// lower-case base32. The same for every retry of one callback, on every replica for occurrence 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EventId(String);

impl EventId {
    /// The key of the `occurrence`-th acceptance (from 0) of the content with this fingerprint.
    pub fn new(fingerprint: &[u8; 32], occurrence: u32) -> Self {
        use sha2::{Digest, Sha256};
        let digest =
            Sha256::new().chain_update(fingerprint).chain_update(occurrence.to_be_bytes()).finalize();
        EventId(data_encoding::BASE32_NOPAD.encode(&digest[..20]).to_ascii_lowercase())
    }

    /// A key read back from a spool or typed by an operator.
    pub fn from_stored(text: String) -> Self {
        EventId(text)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
