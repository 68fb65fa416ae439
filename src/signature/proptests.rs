//! What holds for any input: nothing panics, what was signed verifies, what was altered does not.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Capture, Key, Params, Scheme, SignatureList, SignedString, v2, v3, verify_exact};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_url() -> impl Strategy<Value = String> {
    "https?://[a-z0-9.-]{1,12}(:[0-9]{1,4})?(/[ -~é]{0,12}){0,3}"
}

fn any_params() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[a-c]{0,2}", any::<String>()), 0..6)
}

fn verifies(key: &Key, signed: &SignedString, signature: &str) -> bool {
    key.matches(signed, &SignatureList::parse([signature]))
}

/// `text` with one bit of one byte flipped, where that still is text.
fn flipped(text: &str, at: prop::sample::Index, bit: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << (bit % 8);
    String::from_utf8(bytes).ok()
}

proptest! {
    #[test]
    fn any_input_has_an_answer(
        method in "(GET|POST|.{0,4})", uri in "(https?://)?.{0,60}", params in any_json(),
        auth_token in any::<String>(), nonce in any::<String>(), signature in any::<String>(),
    ) {
        for scheme in Scheme::ALL {
            let capture = Capture {
                method: &method, uri: &uri, params: &params,
                auth_token: &auth_token, nonce: &nonce, signature: &signature,
            };
            let verdict = verify_exact(scheme, &capture);
            prop_assert!(!verdict.valid && verdict.reason.is_some());
        }
    }

    #[test]
    fn what_was_signed_verifies_and_nothing_altered_does(
        token in ".{1,40}", url in any_url(), nonce in "[0-9]{1,20}",
        params in any_params(), post in any::<bool>(),
        at in any::<prop::sample::Index>(), bit in any::<u8>(),
    ) {
        let key = Key::new(&token)?;
        let method = if post { "POST" } else { "GET" };
        let params = Params::from_pairs(params);
        let v2 = |url: &str, nonce: &str| v2::signed_string(url, nonce);
        let v3 = |url: &str, nonce: &str| v3::signed_string(method, url, &params, nonce);
        let schemes: [&dyn Fn(&str, &str) -> _; 2] = [&v2, &v3];
        for scheme in schemes {
            let signed = scheme(&url, &nonce)?;
            let signature = key.sign(&signed);
            prop_assert!(verifies(&key, &signed, &signature));

            if let Some(signature) = flipped(&signature, at, bit) {
                prop_assert!(!verifies(&key, &signed, &signature));
            }
            let other_url = flipped(&url, at, bit).map(|url| scheme(&url, &nonce));
            let other_nonce = flipped(&nonce, at, bit).map(|nonce| scheme(&url, &nonce));
            for other in [other_url, other_nonce].into_iter().flatten().flatten() {
                // A byte of the query V2 leaves out, or one of two spellings of a parameter, may change.
                let same = other.as_bytes() == signed.as_bytes();
                prop_assert_eq!(verifies(&key, &other, &signature), same);
                prop_assert_eq!(other.digest() == signed.digest(), same);
            }
            if let Some(token) = flipped(&token, at, bit) {
                prop_assert!(!verifies(&Key::new(&token)?, &signed, &signature));
            }
        }
    }

    #[test]
    fn the_order_of_parameters_does_not_matter(
        params in any_params().prop_shuffle(), url in any_url(),
    ) {
        let sorted = { let mut sorted = params.clone(); sorted.sort(); sorted };
        for method in ["GET", "POST"] {
            let signed = v3::signed_string(method, &url, &Params::from_pairs(params.clone()), "1")?;
            let again = v3::signed_string(method, &url, &Params::from_pairs(sorted.clone()), "1")?;
            prop_assert_eq!(signed, again);
        }
    }
}
