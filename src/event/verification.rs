//! How a callback was proven, in the words that events carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The scheme that proved a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationScheme {
    /// Signature V2.
    V2,
    /// Signature V3.
    V3,
    /// Verification is switched off in the configuration: nothing is proven.
    Off,
}

impl VerificationScheme {
    /// The word in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            VerificationScheme::V2 => "v2",
            VerificationScheme::V3 => "v3",
            VerificationScheme::Off => "off",
        }
    }
}

/// Whose auth token signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyOwner {
    /// The account that made the API request (a sub-account signs with its own token).
    Account,
    /// The main account, by a header with `-Ma-`.
    Main,
}

impl KeyOwner {
    /// The word in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyOwner::Account => "account",
            KeyOwner::Main => "main",
        }
    }
}

/// What the signature covers, decided per request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// Nothing: verification is off.
    Nothing,
    /// The URL without its query. Parameters and body are not proven.
    Url,
    /// The URL and every parameter.
    UrlAndParams,
}

impl Covers {
    /// The word in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Covers::Nothing => "nothing",
            Covers::Url => "url",
            Covers::UrlAndParams => "url_and_params",
        }
    }
}
