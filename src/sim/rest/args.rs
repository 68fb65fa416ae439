//! The arguments of a request, and what may stand in them.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::http::{Uri, uri};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::Api;
use crate::sim::notice::Method;
use crate::sim::world::{CallbackTo, Refusal};

/// No request of Plivo's SDKs comes near this.
const BODY_BYTES: usize = 64 << 10;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(15);
const URL_CHARS: usize = 2048;

/// The arguments of a body: a JSON object, or nothing at all.
#[derive(Debug, Default)]
pub(super) struct Args(Map<String, Value>);

impl FromRequest<Api> for Args {
    type Rejection = Response;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Response> {
        let body = match timeout(BODY_TIME, to_bytes(request.into_body(), BODY_BYTES)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return Err(api.error(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")),
            Err(_) => return Err(api.error(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
        };
        Args::read(&body).map_err(|refusal| api.refused(&refusal))
    }
}

impl Args {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Args::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Args(fields)),
            Ok(_) | Err(_) => Err(Refusal::argument("the request body is not a JSON object")),
        }
    }

    /// A text; an empty one is as good as none, since the SDKs send it for what was left out.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(Refusal::argument(format!("{name} must be a string"))),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        let text = self.text(name)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| Refusal::argument(format!("{name} is a required parameter")))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Refusal::argument(format!("{name} must be true or false"))),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        let wrong = || Refusal::argument(format!("{name} must be a list of strings"));
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// Who is told: nobody without a `url`.
    pub(super) fn callback(&self) -> Result<Option<CallbackTo>, Refusal> {
        let method = match self.text("method")? {
            None => Method::Post,
            Some(word) if word.eq_ignore_ascii_case("POST") => Method::Post,
            Some(word) if word.eq_ignore_ascii_case("GET") => Method::Get,
            Some(_) => return Err(Refusal::argument("method must be GET or POST")),
        };
        let Some(url) = self.text("url")? else { return Ok(None) };
        if !is_absolute(url) {
            return Err(Refusal::argument("url must be an absolute http or https URL"));
        }
        Ok(Some(CallbackTo { url: url.to_owned(), method }))
    }
}

/// That a value is one of these.
pub(super) fn one_of(name: &str, value: &str, allowed: &[&str]) -> Result<(), Refusal> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(Refusal::argument(format!("{name} must be one of {}", allowed.join(", "))))
}

/// That it is a phone number in E.164, with or without its `+`.
pub(super) fn phone_number(number: &str) -> Result<(), Refusal> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    if (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Refusal::argument("numbers must be phone numbers in E.164 format, such as 14155550100"))
}

fn is_absolute(url: &str) -> bool {
    let Ok(parsed) = url.parse::<Uri>() else { return false };
    let http = matches!(parsed.scheme().map(uri::Scheme::as_str), Some("http" | "https"));
    http && url.len() <= URL_CHARS && parsed.host().is_some_and(|host| !host.is_empty())
}

/// What the path names. What is no text names nothing.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Named<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        match Path::<T>::from_request_parts(parts, api).await {
            Ok(Path(named)) => Ok(Named(named)),
            Err(_) => Err(api.error(StatusCode::NOT_FOUND, "the path names nothing")),
        }
    }
}
