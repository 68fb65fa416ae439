//! Signatures as Plivo makes them.
//!
//! Both are the base64 of HMAC-SHA256 under an auth token, over a text that is made of the URL as it was registered
//! and a nonce that goes along in a header:
//!
//! ```text
//! V2  URL without query and fragment, nonce
//! V3  GET              base ? name=value&name=value . nonce      query and parameters as one, sorted
//!     POST             base ? query sorted . namevaluenamevalue . nonce
//!     POST, no query   base ? namevaluenamevalue . nonce
//!     no parameter     base . nonce
//! ```
//!
//! In V3 names and values count decoded, and sort by code point, first by name and then by value. The account's own
//! token signs the plain headers, the main account's token those with `Ma-`; for a main account they are the same.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::sim::notice::{Account, Method};

/// A nonce with every signature made with it: what the headers of one request say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// The nonce, for V2 as for V3.
    pub nonce: String,
    /// Under the account's own token.
    pub v2: String,
    /// Under the main account's token.
    pub ma_v2: String,
    /// V3 under the account's own token and under the main account's, where it is switched on.
    pub v3: Option<(String, String)>,
}

impl Signatures {
    /// Signs a request of `account` to `url`, which has a GET's parameters in its query; `params` are those of a
    /// POST's form.
    pub fn make(
        account: &Account,
        method: Method,
        url: &str,
        params: &[(String, String)],
        nonce: &str,
        with_v3: bool,
    ) -> Self {
        let (own, main) = tokens(account);
        let text = v2_text(url, nonce);
        let v3 = with_v3.then(|| {
            let text = v3_text(method, url, params, nonce);
            (hmac(own, &text), hmac(main, &text))
        });
        Signatures { nonce: nonce.to_owned(), v2: hmac(own, &text), ma_v2: hmac(main, &text), v3 }
    }

    /// The headers of a request.
    pub fn headers(&self) -> Vec<(&'static str, &str)> {
        let mut headers = vec![
            ("X-Plivo-Signature-V2", self.v2.as_str()),
            ("X-Plivo-Signature-Ma-V2", self.ma_v2.as_str()),
            ("X-Plivo-Signature-V2-Nonce", self.nonce.as_str()),
        ];
        if let Some((v3, ma_v3)) = &self.v3 {
            headers.push(("X-Plivo-Signature-V3", v3));
            headers.push(("X-Plivo-Signature-Ma-V3", ma_v3));
            headers.push(("X-Plivo-Signature-V3-Nonce", &self.nonce));
        }
        headers
    }
}

fn tokens(account: &Account) -> (&str, &str) {
    let main = account.main.as_ref().map_or(&account.token, |main| &main.token);
    (&account.token, main)
}

/// What V2 signs.
pub fn v2_text(url: &str, nonce: &str) -> String {
    format!("{}{nonce}", split(url).0)
}

/// What V3 signs.
pub fn v3_text(method: Method, url: &str, params: &[(String, String)], nonce: &str) -> String {
    let (base, query) = split(url);
    let mut query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut params = params.to_vec();
    if method == Method::Get {
        query.append(&mut params);
    }
    let parts = [joined(query, "=", "&"), joined(params, "", "")];
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let mark = if parts.is_empty() { "" } else { "?" };
    format!("{base}{mark}{}.{nonce}", parts.join("."))
}

fn joined(mut pairs: Vec<(String, String)>, within: &str, between: &str) -> String {
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}{within}{value}")).collect();
    pairs.join(between)
}

/// The URL before its query, and the query without the fragment.
fn split(url: &str) -> (&str, &str) {
    let url = url.split('#').next().unwrap_or_default();
    url.split_once('?').unwrap_or((url, ""))
}

/// A signature over any text.
pub fn hmac(token: &str, text: &str) -> String {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;

    fn vectors(file: &str) -> Vec<Value> {
        let vectors: Vec<Value> = serde_json::from_str(file).unwrap();
        vectors.into_iter().filter(|vector| vector["expected"] == true).collect()
    }

    fn field<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap_or_else(|| panic!("{name} in {vector}"))
    }

    fn method(vector: &Value) -> Method {
        if vector["method"] == "GET" { Method::Get } else { Method::Post }
    }

    /// Pairs of a vector's parameters: a list is one name with several values.
    fn params(vector: &Value) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let members = vector["params"].as_object().into_iter().flatten();
        let pairs = members.flat_map(|(name, value)| match value {
            Value::Array(values) => values.iter().map(|value| (name.clone(), text(value))).collect(),
            one => vec![(name.clone(), text(one))],
        });
        pairs.collect()
    }

    fn assert_signs(vector: &Value, text: &str) {
        assert_eq!(text, field(vector, "signed_string"), "{}", vector["name"]);
        let made = hmac(field(vector, "auth_token"), text);
        let listed = field(vector, "signature").split(',').any(|one| one == made);
        assert!(listed, "{}: {made}", vector["name"]);
    }

    #[test]
    fn every_valid_v2_vector() {
        let vectors = vectors(include_str!("../../tests/vectors/signature_v2.json"));
        assert_eq!(vectors.len(), 61);
        for vector in &vectors {
            assert_signs(vector, &v2_text(field(vector, "uri"), field(vector, "nonce")));
        }
    }

    #[test]
    fn every_valid_v3_vector() {
        let vectors = vectors(include_str!("../../tests/vectors/signature_v3.json"));
        assert!(vectors.len() > 150, "{}", vectors.len());
        for vector in &vectors {
            let nonce = field(vector, "nonce");
            assert_signs(vector, &v3_text(method(vector), field(vector, "uri"), &params(vector), nonce));
        }
    }

    #[test]
    fn a_sub_account_signs_with_its_own_token_and_ma_with_its_mains() {
        let main = Account { auth_id: "MA1".into(), token: "main".into(), main: None };
        let sub = Account { auth_id: "SA1".into(), token: "sub".into(), main: Some(Arc::new(main.clone())) };
        let make =
            |account, with_v3| Signatures::make(account, Method::Post, "https://h/", &[], "7", with_v3);
        let (of_sub, of_main) = (make(&sub, true), make(&main, false));
        assert_eq!(of_sub.v2, hmac("sub", "https://h/7"));
        assert_eq!(of_sub.ma_v2, hmac("main", "https://h/7"));
        assert_eq!(of_sub.v3, Some((hmac("sub", "https://h/.7"), hmac("main", "https://h/.7"))));
        assert_eq!((&of_main.v2, &of_main.ma_v2), (&of_sub.ma_v2, &of_sub.ma_v2));
        assert_eq!((of_sub.headers().len(), of_main.headers().len()), (6, 3));
    }
}
