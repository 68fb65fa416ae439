//! The normalized columns of a callback.

use serde::{Deserialize, Serialize};

use crate::callback::{Request, Verdict};
pub use crate::event::Unrecognized;
use crate::event::{Endpoint, Status, Timestamp};

/// What a callback says, as far as it could be understood. Stored with the record, so that a changed alias
/// list never changes an event that was already published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The endpoint; `None` makes the event `unrecognized`.
    pub endpoint: Option<Endpoint>,
    /// Why there is no endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrecognized: Option<Unrecognized>,
    /// The canonical status; `Unknown` for a value outside the table, `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The status as received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<String>,
    /// The brand's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
    /// The campaign's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// The phone number, E.164 with `+`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Rejection or failure text or code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The tenant's tag from the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The endpoint of the route that the callback came by: what normalizing it again has to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Endpoint>,
    /// When the callback was received, on a record that was normalized again: its row was made later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
}

impl Facts {
    /// The id of the entity that the callback is about: the brand, the campaign, or the number.
    pub fn entity(&self) -> Option<&str> {
        match self.endpoint? {
            Endpoint::Brand => self.brand_id.as_deref(),
            Endpoint::Campaign => self.campaign_id.as_deref(),
            Endpoint::NumberLinking | Endpoint::NumberUnlinking => self.number.as_deref(),
        }
    }

    /// The status for topics, types and labels: one that is missing counts as unknown.
    pub fn status_or_unknown(&self) -> Status {
        self.status.unwrap_or(Status::Unknown)
    }
}

/// A verified callback with its meaning: what the spool takes.
#[derive(Debug, Clone)]
pub struct NormalizedCallback {
    pub(crate) request: Request,
    pub(crate) verdict: Verdict,
    pub(crate) facts: Facts,
    /// SHA-256 over auth id, path and query as received, and the canonical parameters or the body.
    pub(crate) fingerprint: [u8; 32],
    /// A hash of every string for which the request has a valid signature.
    pub(crate) signatures: Vec<[u8; 32]>,
}

impl NormalizedCallback {
    /// What the callback says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}
