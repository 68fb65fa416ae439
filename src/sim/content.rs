//! What a callback says, in a form in which what was sent and what a consumer read can be compared.
//!
//! The order in which names come makes no difference, nor does the order of a JSON document's members; the values of
//! one name keep their order. A body that is neither a form nor JSON counts by its SHA-256, and so does a value that is
//! very long: it stands as `sha256:…` in ledgers.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The content type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// The content type of a JSON document.
pub const JSON: &str = "application/json";

/// Parameters by name, each with all of its values.
pub type Parameters = BTreeMap<String, Vec<String>>;

/// The longest value, in bytes, that stands for itself.
const LONGEST: usize = 1024;

/// A callback's parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// Those of the query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: Parameters,
    /// Those of a form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: Parameters,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The SHA-256, in hex, of a body that is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<String>,
}

impl Content {
    /// Of a request.
    pub fn of_request(url: &str, content_type: Option<&str>, body: &[u8]) -> Self {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let mut content = Content { query: grouped(query.as_bytes()), ..Content::default() };
        match content_type {
            _ if body.is_empty() => {}
            Some(FORM) => content.form = grouped(body),
            Some(JSON) => match serde_json::from_slice(body) {
                Ok(document) => content.json = Some(shortened(document)),
                Err(_) => content.body_sha256 = Some(sha256(body)),
            },
            _ => content.body_sha256 = Some(sha256(body)),
        }
        content
    }

    /// The text by which contents are compared.
    pub fn key(&self) -> String {
        let json = self.json.as_ref().map(sorted);
        format!("{:?} {:?} {json:?} {:?}", self.query, self.form, self.body_sha256)
    }
}

/// The SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn grouped(encoded: &[u8]) -> Parameters {
    let mut found = Parameters::new();
    for (name, value) in form_urlencoded::parse(encoded).into_owned() {
        found.entry(name).or_default().push(short(value));
    }
    found
}

/// A URL, without a query that is too long.
pub fn short_url(url: &str) -> String {
    match url.split_once('?') {
        Some((base, query)) => format!("{base}?{}", short(query.to_owned())),
        None => url.to_owned(),
    }
}

/// A value, or its SHA-256 where it is too long.
fn short(value: String) -> String {
    if value.len() <= LONGEST { value } else { format!("sha256:{}", sha256(value.as_bytes())) }
}

/// A document with no text that is too long.
pub fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(short(text)),
        Value::Array(items) => items.into_iter().map(shortened).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (name, shortened(member))).collect()
        }
        other => other,
    }
}

/// A document with the members of every object in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> =
                members.iter().map(|(name, member)| (name, sorted(member))).collect();
            Value::Object(members.into_iter().map(|(name, member)| (name.clone(), member)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some(super::FORM);
    const JSON: Option<&str> = Some(super::JSON);

    fn key(url: &str, content_type: Option<&str>, body: &str) -> String {
        Content::of_request(url, content_type, body.as_bytes()).key()
    }

    #[test]
    fn names_in_any_order_are_the_same_and_values_are_not() {
        assert_eq!(key("u?x=1&y=2", FORM, "a=1&b=2&a=3"), key("u?y=2&x=1", FORM, "b=2&a=1&a=3"));
        assert_ne!(key("u", FORM, "a=1&a=3"), key("u", FORM, "a=3&a=1"));
        assert_eq!(
            key("u", JSON, r#"{"a":{"x":1,"y":[2]},"b":3}"#),
            key("u", JSON, r#"{"b":3,"a":{"y":[2],"x":1}}"#)
        );
    }

    #[test]
    fn a_very_long_value_counts_by_its_hash() {
        let (long, other) = ("x".repeat(100_000), "x".repeat(100_001));
        let content = Content::of_request("u", FORM, format!("a=1&p={long}").as_bytes());
        assert!(content.form["p"][0].starts_with("sha256:") && content.form["a"][0] == "1");
        assert_ne!(key("u", FORM, &format!("p={long}")), key("u", FORM, &format!("p={other}")));
        let json = |text: &str| key("u", JSON, &format!(r#"{{"a":["{text}"]}}"#));
        assert_ne!(json(&long), json(&other));
        assert!(json(&long).len() < 200);
        assert_eq!((short_url("u"), short_url("u?a=1")), ("u".to_owned(), "u?a=1".to_owned()));
        assert!(short_url(&format!("u?a={long}")).starts_with("u?sha256:"));
    }

    #[test]
    fn query_form_json_and_other_bodies_are_told_apart() {
        let all = [
            key("u?a=1", FORM, ""),
            key("u", FORM, "a=1"),
            key("u", JSON, r#"{"a":"1"}"#),
            key("u", JSON, r#"{"a":"1""#),
            key("u", JSON, r#"{"a":"1"#),
            key("u", FORM, ""),
        ];
        let distinct: std::collections::HashSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:#?}");
        assert_eq!(key("u", None, "a"), key("u", Some("text/plain"), "a"));
    }
}
