//! A request's parameters. First form: what signature V3 needs of the body.

use super::Request;

/// The body, as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// No body.
    Empty,
    /// Form pairs, decoded, in the order sent.
    Form(Vec<(String, String)>),
    /// A JSON document.
    Json(serde_json::Value),
    /// Bytes that nothing was read from.
    Opaque(crate::normalize::Unrecognized),
}

/// The parameters of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// The query's pairs, decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// Reads query and body. Never fails.
pub fn parse(request: &Request, _max_parameters: usize) -> Params {
    use crate::normalize::Unrecognized;
    let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect();
    let content_type = request.content_type.as_deref().unwrap_or_default().to_ascii_lowercase();
    let body = if request.body.is_empty() {
        Body::Empty
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        Body::Form(pairs(&request.body))
    } else if content_type.starts_with("application/json") {
        serde_json::from_slice(&request.body).map_or(Body::Opaque(Unrecognized::Malformed), Body::Json)
    } else {
        Body::Opaque(Unrecognized::ContentType)
    };
    Params { query: pairs(request.query().unwrap_or_default().as_bytes()), body }
}
