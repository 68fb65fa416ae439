//! Callbacks as Plivo would send them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::http::Request;
use super::sign;

/// The origin under which Plivo knows the relay. Never the address it listens on.
pub const ORIGIN: &str = "https://relay.example.com";

/// The account of the tests and its secrets. Every token begins with [`TOKEN_MARK`].
pub const ACCOUNT: &str = "acme";
pub const AUTH_ID: &str = "MAEXAMPLE00000000001";
pub const TOKEN: &str = "t0ken-account";
pub const MAIN_TOKEN: &str = "t0ken-main";

/// What must never be seen in a log line: how every token, every phone number and every body of the tests begins.
pub const TOKEN_MARK: &str = "t0ken-";
pub const NUMBER_MARK: &str = "1415555";
pub const BODY_MARK: &str = "body-mark";

/// Every endpoint with its three statuses.
pub const PAIRS: [(&str, &str); 12] = [
    ("brand", "created"),
    ("brand", "rejected"),
    ("brand", "registered"),
    ("campaign", "created"),
    ("campaign", "rejected"),
    ("campaign", "registered"),
    ("number_linking", "created"),
    ("number_linking", "failed"),
    ("number_linking", "success"),
    ("number_unlinking", "created"),
    ("number_unlinking", "failed"),
    ("number_unlinking", "success"),
];

/// How the parameters travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Form,
    Json,
    Query,
}

impl Shape {
    pub const ALL: [Shape; 3] = [Shape::Form, Shape::Json, Shape::Query];
}

/// Which signature headers a callback has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    V2,
    MaV2,
    V3,
    MaV3,
}

impl Scheme {
    pub const ALL: [Scheme; 4] = [Scheme::V2, Scheme::MaV2, Scheme::V3, Scheme::MaV3];

    fn header(self) -> &'static str {
        match self {
            Scheme::V2 => "X-Plivo-Signature-V2",
            Scheme::MaV2 => "X-Plivo-Signature-Ma-V2",
            Scheme::V3 => "X-Plivo-Signature-V3",
            Scheme::MaV3 => "X-Plivo-Signature-Ma-V3",
        }
    }

    fn nonce_header(self) -> &'static str {
        if self.is_v3() { "X-Plivo-Signature-V3-Nonce" } else { "X-Plivo-Signature-V2-Nonce" }
    }

    pub fn is_v3(self) -> bool {
        matches!(self, Scheme::V3 | Scheme::MaV3)
    }

    pub fn is_main(self) -> bool {
        matches!(self, Scheme::MaV2 | Scheme::MaV3)
    }
}

/// One callback, not yet on the wire.
#[derive(Debug, Clone)]
pub struct Callback {
    pub path: String,
    pub params: Vec<(String, String)>,
    pub shape: Shape,
    pub scheme: Scheme,
    pub token: String,
    pub nonce: String,
}

impl Callback {
    /// A callback for this endpoint's own path, about an entity that no other test knows, freshly signed.
    pub fn new(endpoint: &str, status: &str) -> Self {
        let entity = match endpoint {
            "brand" | "campaign" => format!("{}{:06}", endpoint[..1].to_uppercase(), next()),
            _ => format!("+{NUMBER_MARK}{:04}", next() % 10_000),
        };
        Callback::about(endpoint, status, &entity)
    }

    /// A callback about this brand, campaign or number.
    pub fn about(endpoint: &str, status: &str, entity: &str) -> Self {
        let mut params = vec![(entity_field(endpoint).to_owned(), entity.to_owned())];
        if endpoint == "campaign" {
            params.push(("brand_id".to_owned(), "BPARENT".to_owned()));
        }
        params.push(("status".to_owned(), status.to_owned()));
        params.push(("note".to_owned(), BODY_MARK.to_owned()));
        Callback {
            path: format!("/tendlc_status/{endpoint}/"),
            params,
            shape: Shape::Form,
            scheme: Scheme::V2,
            token: TOKEN.to_owned(),
            nonce: fresh_nonce(),
        }
    }

    /// A callback with nothing but these parameters.
    pub fn with_params(path: &str, params: &[(&str, &str)]) -> Self {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Callback { path: path.to_owned(), params, ..Callback::about("brand", "created", "B") }
    }

    pub fn path(self, path: &str) -> Self {
        Callback { path: path.to_owned(), ..self }
    }

    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn shape(self, shape: Shape) -> Self {
        Callback { shape, ..self }
    }

    /// Signs by this scheme, with the token that belongs to it.
    pub fn scheme(self, scheme: Scheme) -> Self {
        let token = if scheme.is_main() { MAIN_TOKEN } else { TOKEN };
        Callback { scheme, token: token.to_owned(), ..self }
    }

    pub fn token(self, token: &str) -> Self {
        Callback { token: token.to_owned(), ..self }
    }

    pub fn nonce(self, nonce: &str) -> Self {
        Callback { nonce: nonce.to_owned(), ..self }
    }

    /// The same content, signed anew.
    pub fn signed_again(self) -> Self {
        self.nonce(&fresh_nonce())
    }

    /// The value that an event about this has as its Kafka key.
    pub fn entity(&self) -> &str {
        &self.params[0].1
    }

    /// The request that Plivo would send.
    pub fn request(&self) -> Request {
        let request = match self.shape {
            Shape::Form => Request::new("POST", &self.path)
                .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
                .body(self.encoded()),
            Shape::Json => {
                Request::new("POST", &self.path).header("Content-Type", "application/json").body(self.json())
            }
            Shape::Query => Request::new("GET", &format!("{}?{}", self.path, self.encoded())),
        };
        request
            .header(self.scheme.header(), &self.signature())
            .header(self.scheme.nonce_header(), &self.nonce)
    }

    fn signature(&self) -> String {
        let url = format!("{ORIGIN}{}", self.path);
        match (self.scheme.is_v3(), self.shape) {
            (false, _) => sign::v2(&url, &self.nonce, &self.token),
            (true, Shape::Query) => sign::v3_get(&url, &self.params, &self.nonce, &self.token),
            (true, _) => sign::v3_post(&url, &self.params, &self.nonce, &self.token),
        }
    }

    fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.params).finish()
    }

    fn json(&self) -> String {
        let fields = self.params.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        serde_json::Value::Object(fields.collect()).to_string()
    }
}

fn entity_field(endpoint: &str) -> &'static str {
    match endpoint {
        "brand" => "brand_id",
        "campaign" => "campaign_id",
        _ => "number",
    }
}

/// A nonce as Plivo makes them: digits, never the same again.
pub fn fresh_nonce() -> String {
    format!("{}{:08}", std::process::id(), next())
}

/// Numbers that no other call in this process gets.
pub fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
