//! Every vector made with Plivo's SDKs, through the function the command line uses.

use serde_json::Value;

use super::{Capture, Scheme, verify_exact};

const V2: &str = include_str!("../../tests/vectors/signature_v2.json");
const V3: &str = include_str!("../../tests/vectors/signature_v3.json");
const DEVIATIONS: &str = include_str!("../../tests/vectors/signature_deviations.json");

#[test]
fn the_v2_vectors() {
    assert_all(V2, 145, "expected");
}

#[test]
fn the_v3_vectors() {
    assert_all(V3, 360, "expected");
}

#[test]
fn the_answers_in_which_we_differ_on_purpose() {
    assert_all(DEVIATIONS, 30, "our_answer");
}

fn assert_all(file: &str, count: usize, answer: &str) {
    let vectors: Vec<Value> = serde_json::from_str(file).unwrap();
    assert_eq!(vectors.len(), count);
    let wrong: Vec<String> = vectors.iter().filter_map(|v| mismatch(v, answer)).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Says what is wrong with the answer to one vector: the verdict, or the string it was made over.
fn mismatch(vector: &Value, answer: &str) -> Option<String> {
    let field = |name: &str| vector[name].as_str().unwrap_or_else(|| panic!("{name} in {vector}"));
    let expected = vector[answer].as_bool().unwrap();
    let verdict = verify_exact(
        field("name")[..2].parse::<Scheme>().unwrap(),
        &Capture {
            method: field("method"),
            uri: field("uri"),
            params: &vector["params"],
            auth_token: field("auth_token"),
            nonce: field("nonce"),
            signature: field("signature"),
        },
    );
    let signed = vector["signed_string"].as_str();
    let same_string = verdict.signed.is_none() || signed.is_none_or(|s| verdict.signed.as_deref() == Some(s));
    let right = verdict.valid == expected && same_string && verdict.valid == verdict.reason.is_none();
    (!right).then(|| format!("{}: {verdict:?}, signed {signed:?}", field("name")))
}
