//! The request as received.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::event::Endpoint;

/// The method of a callback. Plivo sends either, as the API request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters in the body, and in the query where the URL has one.
    Post,
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// What is kept of a request, byte for byte: all that an event is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// POST or GET.
    pub method: Method,
    /// Path and query exactly as sent, not decoded.
    pub target: String,
    /// The `Content-Type` header, Latin-1.
    pub content_type: Option<String>,
    /// The `Content-Encoding` header, Latin-1. A body that has one is never decompressed.
    pub content_encoding: Option<String>,
    /// The body as received.
    pub body: Bytes,
}

impl Request {
    /// The path as sent, without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query as sent, without the question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

/// The values of Plivo's signature headers, each in the order received. Latin-1; bounded by the header limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `X-Plivo-Signature-V2`.
    pub v2: Vec<String>,
    /// `X-Plivo-Signature-Ma-V2`: V2 under the main account's token.
    pub ma_v2: Vec<String>,
    /// `X-Plivo-Signature-V2-Nonce`.
    pub v2_nonce: Vec<String>,
    /// `X-Plivo-Signature-V3`.
    pub v3: Vec<String>,
    /// `X-Plivo-Signature-Ma-V3`: V3 under the main account's token.
    pub ma_v3: Vec<String>,
    /// `X-Plivo-Signature-V3-Nonce`.
    pub v3_nonce: Vec<String>,
}

/// A request on one of the configured routes, not yet proven genuine.
#[derive(Debug, Clone)]
pub struct RawCallback {
    /// The request as received.
    pub request: Request,
    /// Its signature headers.
    pub signatures: SignatureHeaders,
    /// The endpoint that the route is for; `None` where one URL serves all.
    pub route_endpoint: Option<Endpoint>,
    /// The account named by the path, `/tendlc_status/{account}/{tag}/`.
    pub account: Option<String>,
    /// The tenant's tag from the path.
    pub tag: Option<String>,
    /// Scheme and authority told by a trusted proxy, such as `https://relay.example.com`.
    pub forwarded_origin: Option<String>,
}
