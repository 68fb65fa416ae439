//! The parameters of a callback, as its query and body carry them.
//!
//! Total: what does not parse is [`Body::Opaque`] with the reason, and its bytes stay in the request.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2};
use percent_encoding::percent_decode;
use serde_json::Value;

use super::Request;
pub use crate::event::Pair;
use crate::event::Unrecognized;

/// The most levels of nesting in a JSON body. An event holds the document four levels deep, and readers
/// commonly stop at 100 or 128: what is deeper is kept as bytes.
pub const MAX_DEPTH: usize = 64;

/// How many pairs there are, or nearly so: the list is not moved while it grows.
const USUAL: usize = 12;

/// The parameters of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Params<'a> {
    /// The query's pairs, decoded, in order, repeated keys kept. Always complete.
    pub query: Vec<Pair<'a>>,
    /// What the body holds.
    pub body: Body<'a>,
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<'a> {
    /// No bytes, whatever the content type says.
    Empty,
    /// A form's pairs, decoded, in order, repeated keys kept.
    Form(Vec<Pair<'a>>),
    /// A JSON document.
    Json(Value),
    /// Bytes that are not looked into, and why.
    Opaque(Unrecognized),
}

/// Reads the parameters of `request`. With more than `max_parameters` in query and body together the body is
/// [`Body::Opaque`]; `usize::MAX` sets no limit (the body's size is one).
pub fn parse(request: &Request, max_parameters: usize) -> Params<'_> {
    let mut params =
        Params { query: decode_pairs(request.query().unwrap_or("").as_bytes()), body: body(request) };
    if params.count() > max_parameters && !matches!(params.body, Body::Opaque(_)) {
        params.body = Body::Opaque(Unrecognized::TooManyParameters);
    }
    params
}

/// The pairs of a query or of a form body, decoded: `+` is a blank, and what is not UTF-8 becomes U+FFFD.
pub fn decode_pairs(encoded: &[u8]) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    if !encoded.is_empty() {
        pairs.reserve(USUAL);
    }
    // Found out once for all: it need not be for each piece.
    let text = std::str::from_utf8(encoded).ok();
    let mut start = 0;
    for end in memchr_iter(b'&', encoded).chain([encoded.len()]) {
        let pair = &encoded[start..end];
        match text {
            _ if pair.is_empty() => {}
            Some(text) => {
                let middle = memchr(b'=', pair).map_or(end, |at| start + at);
                let (name, value) = (&text[start..middle], &text[end.min(middle + 1)..end]);
                // In most pairs every byte stands for itself.
                let is_plain = memchr2(b'%', b'+', pair).is_none();
                pairs.push(if is_plain {
                    (name.into(), value.into())
                } else {
                    (decode(name), decode(value))
                });
            }
            None => pairs.extend(form_urlencoded::parse(pair)),
        }
        start = end + 1;
    }
    pairs
}

/// A name or a value that is text already.
fn decode(encoded: &str) -> Cow<'_, str> {
    if memchr2(b'%', b'+', encoded.as_bytes()).is_none() {
        return encoded.into();
    }
    let mut bytes: Vec<u8> = encoded.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    if memchr(b'%', &bytes).is_some() {
        let spaced = std::mem::replace(&mut bytes, Vec::with_capacity(encoded.len()));
        bytes.extend(percent_decode(&spaced));
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        .into()
}

impl Params<'_> {
    /// How many there are: pairs, and leaves of a JSON document (an empty list or object is one).
    pub fn count(&self) -> usize {
        let body = match &self.body {
            Body::Empty | Body::Opaque(_) => 0,
            Body::Form(pairs) => pairs.len(),
            Body::Json(document) => leaves(document),
        };
        self.query.len() + body
    }
}

fn body(request: &Request) -> Body<'_> {
    if request.body.is_empty() {
        return Body::Empty;
    }
    if is_encoded(request.content_encoding.as_deref()) {
        return Body::Opaque(Unrecognized::ContentEncoding);
    }
    match MediaType::of(request.content_type.as_deref()) {
        MediaType::Form => Body::Form(decode_pairs(&request.body)),
        MediaType::Json => json(&request.body),
        MediaType::Other => Body::Opaque(Unrecognized::ContentType),
    }
}

/// serde_json itself refuses more than 128 levels, so that no document can exhaust the stack.
fn json(bytes: &[u8]) -> Body<'_> {
    match serde_json::from_slice(bytes) {
        Ok(document) if is_shallow(&document, MAX_DEPTH) => Body::Json(document),
        _ => Body::Opaque(Unrecognized::Malformed),
    }
}

fn is_shallow(document: &Value, levels: usize) -> bool {
    match document {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(members) => levels > 0 && members.values().all(|member| is_shallow(member, levels - 1)),
        _ => true,
    }
}

fn is_encoded(content_encoding: Option<&str>) -> bool {
    content_encoding.is_some_and(|codings| {
        codings
            .split(',')
            .map(str::trim)
            .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
    })
}

enum MediaType {
    Form,
    Json,
    Other,
}

impl MediaType {
    fn of(content_type: Option<&str>) -> Self {
        let essence = content_type.unwrap_or("").split(';').next().unwrap_or("").trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        if is("application/x-www-form-urlencoded") {
            MediaType::Form
        } else if is("application/json") || (essence.contains('/') && has_json_suffix(essence)) {
            MediaType::Json
        } else {
            MediaType::Other
        }
    }
}

fn has_json_suffix(essence: &str) -> bool {
    essence.as_bytes().last_chunk().is_some_and(|suffix: &[u8; 5]| suffix.eq_ignore_ascii_case(b"+json"))
}

/// Recursion is bounded by the parser's own limit on nesting.
fn leaves(document: &Value) -> usize {
    match document {
        Value::Array(items) if !items.is_empty() => items.iter().map(leaves).sum(),
        Value::Object(members) if !members.is_empty() => members.values().map(leaves).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::callback::Method;

    fn request(target: &str, content_type: Option<&str>, body: impl Into<Bytes>) -> Request {
        Request {
            method: Method::Post,
            target: target.into(),
            content_type: content_type.map(Into::into),
            content_encoding: None,
            body: body.into(),
        }
    }

    fn assert_body(content_type: Option<&str>, body: &'static [u8], expected: &Body<'_>) {
        assert_eq!(parse(&request("/", content_type, body), 256).body, *expected, "{content_type:?}");
    }

    fn pairs(pairs: &[(&'static str, &'static str)]) -> Vec<Pair<'static>> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn forms_with_any_case_and_charset() {
        let expected = Body::Form(pairs(&[("a", "1 2"), ("b", "+"), ("a", "3"), ("c", "")]));
        for content_type in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
            " application/x-www-form-urlencoded ;charset=latin1",
        ] {
            assert_body(Some(content_type), b"a=1+2&b=%2B&a=3&c", &expected);
        }
    }

    #[test]
    fn json_with_any_suffix() {
        let expected = Body::Json(json!({"a": {"b": [1, "x"]}}));
        for content_type in [
            "application/json",
            "application/json;charset=utf-8",
            "APPLICATION/JSON",
            "application/vnd.plivo+json",
        ] {
            assert_body(Some(content_type), br#"{"a":{"b":[1,"x"]}}"#, &expected);
        }
    }

    #[test]
    fn the_query_is_read_whatever_the_body_is() {
        let request = request("/p/?a=1&a=2&%C3%A4=%FF", Some("text/plain"), "x");
        let params = parse(&request, 256);
        assert_eq!(params.query, pairs(&[("a", "1"), ("a", "2"), ("ä", "\u{fffd}")]));
        assert_eq!(params.body, Body::Opaque(Unrecognized::ContentType));
    }

    #[test]
    fn what_is_opaque_and_why() {
        use Unrecognized::{ContentType, Malformed};
        let cases: [(Option<&str>, &'static [u8], Unrecognized); 6] = [
            (None, b"a=1", ContentType),
            (Some("multipart/form-data; boundary=x"), b"--x--", ContentType),
            (Some("json"), b"{}", ContentType),
            (Some("application/json"), b"{", Malformed),
            (Some("application/json"), b"{} {}", Malformed),
            (Some("application/json"), b"\"\xff\"", Malformed),
        ];
        for (content_type, body, reason) in cases {
            assert_body(content_type, body, &Body::Opaque(reason));
        }
    }

    #[test]
    fn an_empty_body_is_empty_in_every_type() {
        for content_type in
            [None, Some("application/json"), Some("application/x-www-form-urlencoded"), Some("x")]
        {
            assert_body(content_type, b"", &Body::Empty);
        }
    }

    #[test]
    fn an_encoded_body_is_never_read() {
        let assert_body = |coding: &str, expected: Body<'_>| {
            let mut request = request("/", Some("application/json"), "{}");
            request.content_encoding = Some(coding.into());
            assert_eq!(parse(&request, 256).body, expected, "{coding}");
        };
        assert_body("gzip", Body::Opaque(Unrecognized::ContentEncoding));
        assert_body("identity, br", Body::Opaque(Unrecognized::ContentEncoding));
        assert_body("Identity", Body::Json(json!({})));
        assert_body("", Body::Json(json!({})));
    }

    #[test]
    fn the_limit_counts_query_and_body() {
        const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
        let too_many = Body::Opaque(Unrecognized::TooManyParameters);
        assert!(matches!(parse(&request("/?a&b", FORM, "c&d"), 4).body, Body::Form(_)));
        assert_eq!(parse(&request("/?a&b", FORM, "c&d"), 3).body, too_many);
        assert_eq!(parse(&request("/?a&b", None, ""), 1).body, too_many);
        let document = r#"{"a":[1,2],"b":{},"c":[[],null]}"#;
        assert!(matches!(parse(&request("/", Some("application/json"), document), 5).body, Body::Json(_)));
        assert_eq!(parse(&request("/", Some("application/json"), document), 4).body, too_many);
    }

    #[test]
    fn deep_json_is_malformed_not_a_crash() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let of_depth = |depth| request("/", Some("application/json"), nested(depth));
        assert!(matches!(parse(&of_depth(MAX_DEPTH), 256).body, Body::Json(_)));
        for depth in [MAX_DEPTH + 1, 127, 128, 30_000] {
            assert_eq!(parse(&of_depth(depth), 256).body, Body::Opaque(Unrecognized::Malformed), "{depth}");
        }
    }

    proptest! {
        #[test]
        fn pairs_are_what_the_url_standard_says(encoded in "[a=&+%24\\x00\u{e4}]{0,24}", broken in any::<bool>()) {
            let mut encoded = encoded.into_bytes();
            encoded.extend(broken.then_some(0xff));
            prop_assert_eq!(decode_pairs(&encoded), form_urlencoded::parse(&encoded).collect::<Vec<_>>());
        }
    }
}
