//! Plivo's signatures, written from Plivo's documentation and not from the product: what is checked must not check
//! itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// V2: the URL without its query, then the nonce.
pub fn v2(url: &str, nonce: &str, token: &str) -> String {
    let base = url.split('?').next().unwrap();
    hmac(token, &format!("{base}{nonce}"))
}

/// V3 of a GET: URL and sorted query, then a dot and the nonce.
pub fn v3_get(url: &str, query: &[(String, String)], nonce: &str, token: &str) -> String {
    let mut query = query.to_vec();
    query.sort();
    let joined: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mark = if joined.is_empty() { "" } else { "?" };
    hmac(token, &format!("{url}{mark}{}.{nonce}", joined.join("&")))
}

/// V3 of a POST to a URL without a query: the sorted parameters run together behind a question mark.
pub fn v3_post(url: &str, params: &[(String, String)], nonce: &str, token: &str) -> String {
    let mut params = params.to_vec();
    params.sort();
    let joined: String = params.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let mark = if joined.is_empty() { "" } else { "?" };
    hmac(token, &format!("{url}{mark}{joined}.{nonce}"))
}

/// HMAC-SHA256 in base64.
pub fn hmac(token: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Against what all of Plivo's own SDKs agree on.
#[test]
fn these_signatures_are_those_of_the_official_sdks() {
    let read = |name: &str| -> Vec<serde_json::Value> {
        let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let vectors: Vec<serde_json::Value> =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        vectors.into_iter().filter(|vector| vector["expected"] == true).collect()
    };
    let mut checked = 0;
    for vector in read("signature_v2") {
        let [uri, nonce, token, signature] = text_fields(&vector);
        checked += usize::from(signature.split(',').any(|one| one == v2(uri, nonce, token)));
    }
    assert!(checked > 20, "{checked} of V2");
    let mut checked = 0;
    for vector in read("signature_v3") {
        let [uri, nonce, token, signature] = text_fields(&vector);
        let Some(params) =
            vector["params"].as_object().filter(|params| params.values().all(|v| v.is_string()))
        else {
            continue;
        };
        let mut params: Vec<(String, String)> =
            params.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        let (base, query) = uri.split_once('?').unwrap_or((uri, ""));
        let made = if vector["method"] == "GET" {
            params.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
            v3_get(base, &params, nonce, token)
        } else if query.is_empty() {
            v3_post(base, &params, nonce, token)
        } else {
            continue;
        };
        checked += usize::from(signature.split(',').any(|one| one == made));
    }
    assert!(checked > 40, "{checked} of V3");
}

fn text_fields(vector: &serde_json::Value) -> [&str; 4] {
    ["uri", "nonce", "auth_token", "signature"].map(|name| vector[name].as_str().unwrap())
}
