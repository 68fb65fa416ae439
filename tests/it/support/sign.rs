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

fn hmac(token: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
