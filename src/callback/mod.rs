//! The callback: the HTTP request as received, and the proof that Plivo sent it.
//!
//! [`RawCallback`] → [`verify`] → [`VerifiedCallback`]. Nothing else makes a `VerifiedCallback`.

mod candidates;
pub mod explain;
mod keyring;
pub mod params;
mod refusal;
mod request;
mod verdict;
mod verify;

#[cfg(test)]
mod tests;

pub use candidates::CANDIDATES_PER_ORIGIN;
pub use keyring::{Account, AccountError, Accounts, Keyring};
pub use refusal::Refusal;
pub use request::{Method, RawCallback, Request, SignatureHeaders};
pub use verdict::{Covers, KeyOwner, Verdict, VerificationScheme};
pub use verify::{MAX_HMACS, Require, Verified, VerifiedCallback, VerifiedParts, VerifyPolicy, verify};
