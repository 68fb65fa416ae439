//! Answers out of a file, whatever the world says: how a customer's code takes a 502 can be tried.

use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::answer::with_body;

/// One such answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canned {
    /// Only for this method; for all without it.
    pub method: Option<String>,
    /// The path after `10dlc/`, such as `Brand/B123456/`.
    pub path: String,
    /// The status.
    pub status: u16,
    /// What the body is.
    #[serde(default = "json")]
    pub content_type: String,
    /// The body.
    #[serde(default)]
    pub body: String,
}

fn json() -> String {
    "application/json".to_owned()
}

/// Why an answer cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answer for {0}: its status is from 200 to 599, its content type printable, its path begins with Brand/ or Campaign/"
)]
pub struct CannedError(String);

impl Canned {
    /// Whether it can be given.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), CannedError> {
        let ours = ["Brand/", "Campaign/"].iter().any(|start| self.path.starts_with(start));
        if ours && (200..600).contains(&self.status) && self.response().is_some() {
            return Ok(());
        }
        Err(CannedError(self.path.clone()))
    }

    fn response(&self) -> Option<Response> {
        let status = StatusCode::from_u16(self.status).ok()?;
        let content_type = HeaderValue::from_str(&self.content_type).ok()?;
        Some(with_body(status, content_type, self.body.clone()))
    }
}

/// The first that is for this request.
pub(super) fn find(canned: &[Canned], method: &Method, path: &str) -> Option<Response> {
    let named = path.split_once("/10dlc/")?.1;
    let fits = |answer: &&Canned| {
        answer.path == named
            && answer.method.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(method.as_str()))
    };
    canned.iter().find(fits)?.response()
}
