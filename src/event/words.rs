//! The closed sets: endpoints and statuses.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

    /// The statuses that Plivo documents for it, in the order of an entity's story.
    pub const fn statuses(self) -> [Status; 3] {
        match self {
            Endpoint::Brand | Endpoint::Campaign => [Status::Created, Status::Rejected, Status::Registered],
            Endpoint::NumberLinking | Endpoint::NumberUnlinking => {
                [Status::Created, Status::Failed, Status::Success]
            }
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

/// Why a callback could not be placed. The `reason` label of `tendlc_unrecognized_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unrecognized {
    /// A body in a content type that is neither form nor JSON, or without one.
    ContentType,
    /// A body with a `Content-Encoding`.
    ContentEncoding,
    /// A form or JSON body that does not parse.
    Malformed,
    /// More parameters than the limit.
    TooManyParameters,
    /// No known field says which endpoint, entity or status it is about.
    UnknownFields,
}

impl Unrecognized {
    /// Every reason.
    pub const ALL: [Unrecognized; 5] = [
        Unrecognized::ContentType,
        Unrecognized::ContentEncoding,
        Unrecognized::Malformed,
        Unrecognized::TooManyParameters,
        Unrecognized::UnknownFields,
    ];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unrecognized::ContentType => "content_type",
            Unrecognized::ContentEncoding => "content_encoding",
            Unrecognized::Malformed => "malformed",
            Unrecognized::TooManyParameters => "too_many_parameters",
            Unrecognized::UnknownFields => "unknown_fields",
        }
    }
}
