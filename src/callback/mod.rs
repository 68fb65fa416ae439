//! The callback: the HTTP request as received, and the proof that Plivo sent it.
//!
//! [`RawCallback`] → [`verify`] → [`VerifiedCallback`]. Nothing else makes a `VerifiedCallback`.

mod request;
mod verdict;

pub use request::{Method, RawCallback, Request, SignatureHeaders};
pub use verdict::{Covers, KeyOwner, Verdict, VerificationScheme};
