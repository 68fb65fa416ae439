//! Answers and error bodies in Plivo's form.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::Api;
use crate::sim::world::Refusal;

/// What a handler comes to: a body, or why not.
pub(super) type Outcome = Result<Value, Refusal>;

impl Api {
    /// 202 and this body, after the request's id.
    pub(super) fn taken(&self, outcome: Outcome) -> Response {
        self.answer(StatusCode::ACCEPTED, outcome)
    }

    /// 200 and this body, after the request's id.
    pub(super) fn shown(&self, outcome: Outcome) -> Response {
        self.answer(StatusCode::OK, outcome)
    }

    /// 200 and this body without the request's id: Plivo leaves it out here.
    pub(super) fn bare(&self, outcome: Outcome) -> Response {
        outcome.map_or_else(|refusal| self.refused(&refusal), |body| json(StatusCode::OK, &body))
    }

    fn answer(&self, status: StatusCode, outcome: Outcome) -> Response {
        match outcome {
            Ok(body) => json(status, &self.with_request_id(body)),
            Err(refusal) => self.refused(&refusal),
        }
    }

    pub(super) fn refused(&self, refusal: &Refusal) -> Response {
        let status = match refusal {
            Refusal::Argument(_) | Refusal::State(_) => StatusCode::BAD_REQUEST,
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::Full => StatusCode::TOO_MANY_REQUESTS,
        };
        self.error(status, &refusal.to_string())
    }

    /// Plivo's error body.
    pub(super) fn error(&self, status: StatusCode, text: &str) -> Response {
        json(status, &self.with_request_id(json!({ "error": text })))
    }

    fn with_request_id(&self, body: Value) -> Value {
        let id = self.state.with(|plivo, _| plivo.request_id());
        let mut whole = Map::from_iter([("api_id".to_owned(), Value::from(id))]);
        if let Value::Object(fields) = body {
            whole.extend(fields);
        }
        Value::Object(whole)
    }
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    with_body(status, HeaderValue::from_static("application/json"), body.to_string())
}

/// Any answer.
pub(super) fn with_body(status: StatusCode, content_type: HeaderValue, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
