//! Auth tokens, made ready to check signatures with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::{SignatureList, SignedString};

/// An empty auth token. HMAC takes it, and then anybody can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the auth token is empty; copy it from the overview page of the plivo console")]
pub struct EmptyToken;

/// One auth token as a keyed HMAC-SHA256 state, prepared once and copied for each check.
///
/// The token itself is not kept and the state is never shown. A subaccount's and a main account's token
/// make keys alike; which headers they are tried on is the caller's business.
#[derive(Clone)]
pub struct Key {
    keyed: Hmac<Sha256>,
}

impl Key {
    /// Takes the token exactly as it is: the SDKs trim nothing, so neither do we.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(token: &str) -> Result<Self, EmptyToken> {
        if token.is_empty() {
            return Err(EmptyToken);
        }
        // HMAC takes keys of any length; the error is there for other algorithms.
        let keyed = Hmac::new_from_slice(token.as_bytes()).map_err(|_| EmptyToken)?;
        Ok(Self { keyed })
    }

    /// Whether one of `signatures` was made with this token over `signed`.
    ///
    /// Costs one HMAC however many signatures there are, and takes the same time whichever of them
    /// fits and wherever the others differ.
    pub fn matches(&self, signed: &SignedString, signatures: &SignatureList) -> bool {
        self.first_match(signed, [signatures]).is_some()
    }

    /// Which of the lists is the first to hold a signature made with this token over `signed`. Costs one HMAC for all
    /// of them together, and none when they are all empty.
    pub fn first_match<const N: usize>(
        &self,
        signed: &SignedString,
        lists: [&SignatureList; N],
    ) -> Option<usize> {
        if lists.iter().all(|list| list.is_empty()) {
            return None;
        }
        let tag = self.tag(signed);
        lists.iter().position(|list| {
            let found = list.tags().iter().fold(Choice::from(0), |found, given| found | given.ct_eq(&tag));
            found.into()
        })
    }

    /// The signature of `signed` as Plivo writes it into the header; for tests, the demo and load.
    pub fn sign(&self, signed: &SignedString) -> String {
        STANDARD.encode(self.tag(signed))
    }

    fn tag(&self, signed: &SignedString) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(signed.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::v2;

    #[test]
    fn an_empty_token_makes_no_key_and_a_blank_one_is_taken_as_it_is() {
        assert_eq!(Key::new("").err(), Some(EmptyToken));
        assert!(Key::new(" ").is_ok());
    }

    #[test]
    fn a_key_finds_its_signature_anywhere_in_the_list() {
        let (own, other) = (Key::new("own").unwrap(), Key::new("other").unwrap());
        let signed = v2::signed_string("https://h/cb", "1").unwrap();
        let both = SignatureList::parse([other.sign(&signed).as_str(), own.sign(&signed).as_str()]);
        let others = SignatureList::parse([other.sign(&signed).as_str()]);
        assert!(own.matches(&signed, &both) && other.matches(&signed, &both));
        assert!(!own.matches(&signed, &others));
        assert!(!own.matches(&signed, &SignatureList::default()));
    }

    #[test]
    fn debug_tells_nothing() {
        let key = Key::new("hunter2").unwrap();
        assert_eq!(format!("{key:?}"), "Key(secret)");
    }
}
