//! Plivo's request signatures: what is signed, and whether a signature fits it.
//!
//! Pure code: no I/O, no clock, no configuration, and no other module of this crate. Whoever calls
//! it brings the URL as registered with Plivo and the headers as received; it answers whether one of
//! the signatures was made with a [`Key`], and over which [`SignedString`].
//!
//! ```text
//!   V2: base64(HMAC-SHA256(auth token, URL without query and fragment ‖ nonce))
//!   V3: base64(HMAC-SHA256(auth token, URL with sorted parameters ‖ "." ‖ nonce))
//! ```
//!
//! Sources: Plivo's "Validating requests" page and the validators in its Python and Node SDKs. The
//! vectors under `tests/vectors/` were made with those SDKs and all of them are checked here.
//!
//! # Where we differ on purpose
//!
//! `signature_deviations.json` lists it case by case. A V2 header is split on commas as a V3 header
//! is; blanks around a signature are trimmed; an empty auth token, an empty nonce and a URL that is
//! not http or https are refused, although the SDKs would go on.
//!
//! # What a signed string is good for
//!
//! Neither scheme puts a delimiter that could not stand in a URL or a nonce between its parts, and
//! neither says in the signed bytes which scheme it is. The same bytes, and so the same signature,
//! can be presented as another URL with another nonce, or as the other scheme: a V3 string
//! `https://host/cb.123` is V2's for the nonce `.123`. So a ledger of what was seen must be kept by
//! [`SignedString::digest`], which hashes these bytes alone: not the scheme, not the header, not where
//! the URL ended. Adding any of those to the hash would make one signature count as several.

mod exact;
mod keys;
mod list;
mod params;
mod signed;
mod url;
pub mod v2;
pub mod v3;

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod vectors;

pub use exact::{Capture, Verdict, verify_exact};
pub use keys::{EmptyToken, Key};
pub use list::{MAX_SIGNATURES, SignatureList};
pub use params::Params;
pub use signed::SignedString;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which of Plivo's two signature schemes; the first, V1, is retired and not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `X-Plivo-Signature-V2` and `X-Plivo-Signature-Ma-V2`: the URL without its query.
    V2,
    /// `X-Plivo-Signature-V3` and `X-Plivo-Signature-Ma-V3`: the URL, its query and the parameters.
    V3,
}

impl Scheme {
    /// Both, for loops over metric labels.
    pub const ALL: [Scheme; 2] = [Scheme::V2, Scheme::V3];

    /// `v2` or `v3`, as events, metrics and the command line have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::V2 => "v2",
            Scheme::V3 => "v3",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is neither `v2` nor `v3`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature scheme; use v2 or v3")]
pub struct UnknownScheme;

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.as_str() == name).ok_or(UnknownScheme)
    }
}

/// Why there is nothing to sign: the request's own parts rule a valid signature out.
///
/// A signature that is missing or does not fit is no error of this module: see [`Key::matches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not an absolute http or https URL with a host, or one with a control character in it.
    #[error("the url is not an absolute http or https url; give it exactly as registered with plivo")]
    BadUrl,
    /// An empty nonce: what is signed would then be the bare URL, the same for every request.
    #[error("the nonce is empty; it comes in the X-Plivo-Signature-V2-Nonce or -V3-Nonce header")]
    EmptyNonce,
    /// V3 knows two methods, in capitals. Plivo sends no others.
    #[error("the method is neither GET nor POST")]
    BadMethod,
    /// V3 parameters given as JSON that is neither an object nor null.
    #[error("the parameters are not a json object")]
    BadParams,
}

impl SignatureError {
    /// Every code, for metrics that must exist before the first error.
    pub const CODES: [&'static str; 4] = ["bad_url", "empty_nonce", "bad_method", "bad_params"];

    /// A short name for metric labels.
    pub fn code(self) -> &'static str {
        match self {
            SignatureError::BadUrl => "bad_url",
            SignatureError::EmptyNonce => "empty_nonce",
            SignatureError::BadMethod => "bad_method",
            SignatureError::BadParams => "bad_params",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_has_one_name_everywhere() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.as_str().parse(), Ok(scheme));
            assert_eq!(serde_json::json!(scheme), scheme.as_str());
            assert_eq!(scheme.to_string(), scheme.as_str());
        }
        assert_eq!("V2".parse::<Scheme>(), Err(UnknownScheme));
    }

    #[test]
    fn every_error_has_its_code_in_the_list() {
        let all = [
            SignatureError::BadUrl,
            SignatureError::EmptyNonce,
            SignatureError::BadMethod,
            SignatureError::BadParams,
        ];
        assert_eq!(all.map(SignatureError::code), SignatureError::CODES);
    }
}
