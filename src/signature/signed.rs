//! The bytes a signature is made over.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Scheme;

/// The exact bytes one scheme signs for one request. Built by [`super::v2`] and [`super::v3`] only.
///
/// Under V3 it holds the request's parameters, phone numbers among them: `Debug` shows its length.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedString {
    scheme: Scheme,
    text: String,
}

impl SignedString {
    pub(super) fn new(scheme: Scheme, text: String) -> Self {
        Self { scheme, text }
    }

    /// The scheme whose rules built it. It is not part of what is signed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The text as signed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes as signed: the text in UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// SHA-256 over the signed bytes and nothing else: the key of the signature ledger.
    ///
    /// Equal for every reading of the same bytes as URL, parameters and nonce, under either scheme
    /// and any token, so that a captured signature has one entry however it is presented again.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }
}

impl fmt::Debug for SignedString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedString({}, {} bytes)", self.scheme, self.text.len())
    }
}
