//! What a sender is told: one status and one short JSON document for each case.
//!
//! Plivo takes exactly 200 for delivered and tries again on anything else, so there is no 201, 202 or 204 here. The
//! texts name the next step for the person who reads a capture, and nothing that would help someone who forges.

use axum::body::Body;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::event::EventId;

/// The answer to a header that was not complete in time; no request exists yet that hyper could answer.
pub(crate) const HEAD_TOO_SLOW: &str = concat!(
    "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n",
    "content-length: 88\r\n\r\n",
    r#"{"error":"too_slow","message":"the request was not complete in time; send it in one go"}"#,
);

/// The answer to a connection that gets no place; the same document as that of [`Answer::Overloaded`].
pub(crate) const NO_PLACE: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\n",
    "retry-after: 5\r\ncontent-length: 89\r\n\r\n",
    r#"{"error":"overloaded","message":"the relay is at its limit; send the same request again"}"#,
);

/// Seconds after which another attempt may go better, where the spool has no better estimate.
const RETRY_SOON: u32 = 5;

/// Every answer of the callback listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Durable, and to be published.
    Accepted(EventId),
    /// Known: the id is that of the event it repeats.
    Duplicate(EventId),
    /// Its signature was used before for other content.
    Quarantined,
    /// The body is cut off or its framing is broken.
    BrokenBody,
    /// Not proven to come from Plivo.
    Refused,
    /// No route has this path.
    UnknownPath,
    /// Neither GET nor POST.
    WrongMethod,
    /// The request was not complete in time.
    TooSlow,
    /// The body is over its limit.
    TooLarge,
    /// There are more headers than the limit.
    TooManyHeaders,
    /// Over the limit of concurrent requests.
    Overloaded,
    /// Could not be made durable.
    NotDurable {
        /// Seconds.
        retry_after: u32,
    },
    /// A mistake in the relay.
    Broken,
}

impl Answer {
    /// The status code.
    pub const fn status(&self) -> StatusCode {
        match self {
            Answer::Accepted(_) | Answer::Duplicate(_) | Answer::Quarantined => StatusCode::OK,
            Answer::BrokenBody => StatusCode::BAD_REQUEST,
            Answer::Refused => StatusCode::FORBIDDEN,
            Answer::UnknownPath => StatusCode::NOT_FOUND,
            Answer::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Answer::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Answer::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Answer::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Answer::Overloaded | Answer::NotDurable { .. } | Answer::Broken => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn document(&self) -> Body {
        Body::from(match self {
            // An id is base32 and needs no escaping.
            Answer::Accepted(id) => {
                return [r#"{"status":"accepted","id":""#, id.as_str(), r#""}"#].concat().into();
            }
            Answer::Duplicate(id) => {
                return [r#"{"status":"duplicate","id":""#, id.as_str(), r#""}"#].concat().into();
            }
            Answer::Quarantined => r#"{"status":"quarantined"}"#,
            Answer::BrokenBody => {
                r#"{"error":"broken_body","message":"the body ended early or its framing is broken; send the request again"}"#
            }
            Answer::Refused => {
                r#"{"error":"refused","message":"the request is not proven to come from Plivo; the relay's log says why, check auth tokens and public_urls there"}"#
            }
            Answer::UnknownPath => {
                r#"{"error":"unknown_path","message":"no callback is taken on this path; compare it with the relay's routes"}"#
            }
            Answer::WrongMethod => r#"{"error":"wrong_method","message":"callbacks come by GET or POST"}"#,
            Answer::TooSlow => {
                r#"{"error":"too_slow","message":"the request was not complete in time; send it in one go"}"#
            }
            Answer::TooLarge => {
                r#"{"error":"too_large","message":"the body is over the relay's limit, limits.body in its configuration"}"#
            }
            Answer::TooManyHeaders => {
                r#"{"error":"too_many_headers","message":"there are more headers than the relay's limit, limits.headers in its configuration"}"#
            }
            Answer::Overloaded => {
                r#"{"error":"overloaded","message":"the relay is at its limit; send the same request again"}"#
            }
            Answer::NotDurable { .. } => {
                r#"{"error":"not_durable","message":"the callback could not be stored now; send the same request again"}"#
            }
            Answer::Broken => {
                r#"{"error":"internal","message":"the relay failed on this request; send it again, and report it if that repeats"}"#
            }
        })
    }

    fn extra_header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Answer::WrongMethod => Some((ALLOW, HeaderValue::from_static("GET, POST"))),
            Answer::Overloaded | Answer::Broken => Some((RETRY_AFTER, RETRY_SOON.into())),
            Answer::NotDurable { retry_after } => Some((RETRY_AFTER, (*retry_after).into())),
            Answer::TooSlow | Answer::TooLarge | Answer::BrokenBody => {
                Some((CONNECTION, HeaderValue::from_static("close")))
            }
            Answer::Accepted(_)
            | Answer::Duplicate(_)
            | Answer::Quarantined
            | Answer::Refused
            | Answer::UnknownPath
            | Answer::TooManyHeaders => None,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.document());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = self.extra_header() {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_FAILURE: [Answer; 10] = [
        Answer::BrokenBody,
        Answer::Refused,
        Answer::UnknownPath,
        Answer::WrongMethod,
        Answer::TooSlow,
        Answer::TooLarge,
        Answer::TooManyHeaders,
        Answer::Overloaded,
        Answer::NotDurable { retry_after: 7 },
        Answer::Broken,
    ];

    async fn text(answer: Answer) -> String {
        let bytes = axum::body::to_bytes(answer.into_response().into_body(), 4096).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_is_taken_is_answered_200_and_nothing_else() {
        let id = EventId::new(&[7; 32], 0);
        for (answer, status) in [
            (Answer::Accepted(id.clone()), "accepted"),
            (Answer::Duplicate(id.clone()), "duplicate"),
            (Answer::Quarantined, "quarantined"),
        ] {
            assert_eq!(answer.status(), StatusCode::OK);
            let document: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
            assert_eq!(document["status"], status);
            assert!(document["id"].is_null() || document["id"] == id.as_str());
        }
    }

    #[tokio::test]
    async fn every_failure_has_a_code_a_message_and_a_status_that_plivo_tries_again() {
        let mut codes = std::collections::BTreeSet::new();
        for answer in EVERY_FAILURE {
            let status = answer.status();
            assert!(status.is_client_error() || status.is_server_error());
            assert!(crate::metrics::CODES.contains(&status.as_str()), "{status}");
            let document: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
            assert!(!document["message"].as_str().unwrap().is_empty());
            codes.insert(document["error"].as_str().unwrap().to_owned());
        }
        assert_eq!(codes.len(), EVERY_FAILURE.len());
    }

    #[tokio::test]
    async fn the_answers_written_by_hand_say_what_the_others_say() {
        for (raw, answer) in [(HEAD_TOO_SLOW, Answer::TooSlow), (NO_PLACE, Answer::Overloaded)] {
            let (head, body) = raw.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(answer.status().as_str()));
            assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
            assert_eq!(body, text(answer).await);
        }
    }
}
