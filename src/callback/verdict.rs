//! What `verify` found: which key and scheme proved the callback, and what that proof covers.

use serde::{Deserialize, Serialize};

pub use crate::event::{Covers, KeyOwner, VerificationScheme};

/// The verdict of a successful verification, kept with the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The best scheme that matched.
    pub scheme: VerificationScheme,
    /// Whose token; `None` when verification is off.
    pub key: Option<KeyOwner>,
    /// The account's name in the configuration.
    pub account: String,
    /// The account's Plivo auth id.
    pub auth_id: String,
    /// What is proven.
    pub covers: Covers,
}
