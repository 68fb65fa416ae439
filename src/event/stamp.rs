//! What the spool's writer stamps on a record, and the idempotency key.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Status, Timestamp, Transition};

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

    /// What [`from_stored`](Self::from_stored) took.
    pub(crate) fn into_stored(self) -> String {
        self.0
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
