//! From HTTP's words to the callback's: what is kept of a request, byte for byte.

use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use crate::callback::{Method, Request, SignatureHeaders};

const V2: HeaderName = HeaderName::from_static("x-plivo-signature-v2");
const MA_V2: HeaderName = HeaderName::from_static("x-plivo-signature-ma-v2");
const V2_NONCE: HeaderName = HeaderName::from_static("x-plivo-signature-v2-nonce");
const V3: HeaderName = HeaderName::from_static("x-plivo-signature-v3");
const MA_V3: HeaderName = HeaderName::from_static("x-plivo-signature-ma-v3");
const V3_NONCE: HeaderName = HeaderName::from_static("x-plivo-signature-v3-nonce");

/// The method, when it is one that callbacks come by.
pub(crate) fn method(method: &axum::http::Method) -> Option<Method> {
    match *method {
        axum::http::Method::GET => Some(Method::Get),
        axum::http::Method::POST => Some(Method::Post),
        _ => None,
    }
}

/// The request as it is kept.
pub(crate) fn request(parts: &Parts, method: Method, body: Bytes) -> Request {
    Request {
        method,
        target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        content_type: parts.headers.get(CONTENT_TYPE).map(latin1),
        content_encoding: parts.headers.get(CONTENT_ENCODING).map(latin1),
        body,
    }
}

/// Plivo's signature headers, repeated ones in their order.
pub(crate) fn signatures(headers: &HeaderMap) -> SignatureHeaders {
    let all = |name: HeaderName| headers.get_all(name).iter().map(latin1).collect();
    SignatureHeaders {
        v2: all(V2),
        ma_v2: all(MA_V2),
        v2_nonce: all(V2_NONCE),
        v3: all(V3),
        ma_v3: all(MA_V3),
        v3_nonce: all(V3_NONCE),
    }
}

/// HTTP's own reading of header bytes: each is one character.
fn latin1(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        _ => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_and_header_bytes_are_kept_as_sent() {
        let (parts, ()) = axum::http::Request::builder()
            .uri("/cb/%41//x/?a=%20&b=+")
            .header(CONTENT_TYPE, HeaderValue::from_bytes(b"text/caf\xe9").unwrap())
            .body(())
            .unwrap()
            .into_parts();
        let kept = request(&parts, Method::Get, Bytes::new());
        assert_eq!(kept.target, "/cb/%41//x/?a=%20&b=+");
        assert_eq!(kept.content_type.as_deref(), Some("text/café"));
        assert_eq!(kept.content_encoding, None);
    }

    #[test]
    fn repeated_signature_headers_keep_their_order() {
        let mut headers = HeaderMap::new();
        for value in ["one", "two"] {
            headers.append("X-Plivo-Signature-V2", HeaderValue::from_static(value));
        }
        headers.append("x-plivo-signature-ma-v3", HeaderValue::from_static("three"));
        let read = signatures(&headers);
        assert_eq!(read.v2, ["one", "two"]);
        assert_eq!(read.ma_v3, ["three"]);
        assert!(read.v3.is_empty() && read.v2_nonce.is_empty());
    }
}
