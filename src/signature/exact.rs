//! One captured request checked against one token, and what to make of the answer.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{EmptyToken, Key, Params, Scheme, SignatureError, SignatureList, SignedString, v2, v3};

/// A request as captured, in the fields of the vector files.
#[derive(Clone, Copy)]
pub struct Capture<'a> {
    /// `GET` or `POST`; V2 does not look at it.
    pub method: &'a str,
    /// The URL as registered with Plivo, with the query as received.
    pub uri: &'a str,
    /// The parameters of the body, as a JSON object; V2 does not look at them.
    pub params: &'a Value,
    /// The auth token of the account, or of the main account for an `-Ma-` header.
    pub auth_token: &'a str,
    /// The nonce header of the scheme.
    pub nonce: &'a str,
    /// The signature header of the scheme: one signature or a comma-separated list.
    pub signature: &'a str,
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// The answer to one capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether one of the signatures was made with the token over what was signed.
    pub valid: bool,
    /// What was signed, or null where the capture's parts rule a signature out.
    pub signed: Option<String>,
    /// Why it is not valid: a code of [`SignatureError`], `empty_token`, `malformed_signature` (nothing
    /// in the header is 32 bytes in base64) or `mismatch`.
    pub reason: Option<&'static str>,
}

/// Checks exactly what is given: this URL, this token, no other candidates.
///
/// The ingress tries a few URLs and all live tokens through the same functions; this is the reference for
/// one of each, which the command line shows.
pub fn verify_exact(scheme: Scheme, capture: &Capture<'_>) -> Verdict {
    let signed = match signed_string(scheme, capture) {
        Ok(signed) => signed,
        Err(error) => return Verdict::refused(None, error.code()),
    };
    let reason = check(&signed, capture).err();
    Verdict { valid: reason.is_none(), signed: Some(signed.as_str().to_owned()), reason }
}

fn signed_string(scheme: Scheme, capture: &Capture<'_>) -> Result<SignedString, SignatureError> {
    match scheme {
        Scheme::V2 => v2::signed_string(capture.uri, capture.nonce),
        Scheme::V3 => {
            let params = Params::from_json(capture.params)?;
            v3::signed_string(capture.method, capture.uri, &params, capture.nonce)
        }
    }
}

fn check(signed: &SignedString, capture: &Capture<'_>) -> Result<(), &'static str> {
    let key = Key::new(capture.auth_token).map_err(|EmptyToken| "empty_token")?;
    let signatures = SignatureList::parse([capture.signature]);
    if signatures.is_empty() {
        return Err("malformed_signature");
    }
    if key.matches(signed, &signatures) { Ok(()) } else { Err("mismatch") }
}

impl Verdict {
    fn refused(signed: Option<String>, reason: &'static str) -> Self {
        Self { valid: false, signed, reason: Some(reason) }
    }
}
