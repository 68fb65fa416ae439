//! V2: the URL without its query, and the nonce. Nothing else of the request is covered.
//!
//! Plivo's "Validating requests" page: "Request URL without query parameters" and the value of
//! `X-Plivo-Signature-V2-Nonce`, put together, signed with the auth token of the account or
//! subaccount. `X-Plivo-Signature-Ma-V2` signs the same with the main account's token.

use super::url::Url;
use super::{Scheme, SignatureError, SignedString};

/// What V2 signs: `url` up to its query or fragment, then `nonce`, with nothing between them.
///
/// `url` must be the string registered with Plivo, and the nonce is taken as it is: the SDKs trim
/// neither.
///
/// # Errors
/// [`SignatureError::BadUrl`] and [`SignatureError::EmptyNonce`].
pub fn signed_string(url: &str, nonce: &str) -> Result<SignedString, SignatureError> {
    let base = Url::parse(url)?.base;
    if nonce.is_empty() {
        return Err(SignatureError::EmptyNonce);
    }
    Ok(SignedString::new(Scheme::V2, [base, nonce].concat()))
}

/// Whether `nonce` holds none of the delimiters `.`, `?`, `/` and `#`, as every nonce Plivo makes does:
/// they are digits.
///
/// A signature made for V3 also verifies as V2 when everything in its string past some shorter URL is
/// passed off as the nonce; such a nonce always holds the `.` before V3's own, unless that dot ends up
/// in the URL's path. [`SignedString::digest`] catches it when the V3 signature was seen and matched;
/// this catches most of the rest, such as a V3 signature made over a body we read otherwise than
/// Plivo does. The SDKs have no such rule, so [`signed_string`] takes any nonce.
pub fn is_plain_nonce(nonce: &str) -> bool {
    !nonce.contains(['.', '?', '/', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Params, v3};

    #[test]
    fn the_query_and_the_fragment_are_not_signed() {
        let signed = signed_string("https://h/cb/?a=b#f", "12").map(|s| s.as_str().to_owned());
        assert_eq!(signed.as_deref(), Ok("https://h/cb/12"));
    }

    #[test]
    fn an_empty_nonce_or_a_url_of_another_scheme_is_refused() {
        assert_eq!(signed_string("https://h", ""), Err(SignatureError::EmptyNonce));
        assert_eq!(signed_string("ftp://h", "1"), Err(SignatureError::BadUrl));
    }

    #[test]
    fn one_ledger_entry_however_the_bytes_are_split_and_whichever_scheme_reads_them() {
        let digest = |url, nonce| signed_string(url, nonce).map(|signed| signed.digest());
        assert_eq!(digest("https://h/a1", "23"), digest("https://h/a", "123"));
        assert_eq!(digest("https://h/a?x=1", "23"), digest("https://h/a#y", "23"));
        assert_ne!(digest("https://h/a", "23"), digest("https://h/a", "24"));

        let v3 = v3::signed_string("GET", "https://h/a?b=c", &Params::none(), "23");
        assert_eq!(v3.map(|signed| signed.digest()), digest("https://h/a", "?b=c.23"));
        assert!(!is_plain_nonce("?b=c.23"));
        assert!(is_plain_nonce("05429567804466091622"));
    }
}
