//! What the relay is compared with: a server that does nothing, and one that does all but keep the callback.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use tendlc_relay::callback::{Method, RawCallback, Request, SignatureHeaders};

use crate::callbacks::PATH;
use crate::street::Street;

/// As long as the relay's own answer.
const ANSWER: &str = r#"{"status":"accepted","id":"abcdefghijklmnopqrstuvwxyz234567"}"#;

type Reply = (StatusCode, [(HeaderName, &'static str); 1], &'static str);

/// Answers every POST, reading nothing.
pub async fn noop(port: u16) -> Result<()> {
    let router = Router::new().route(PATH, post(|| async { reply(StatusCode::OK) }));
    serve(port, router).await
}

/// Verifies and normalizes, and forgets.
pub async fn verifying(port: u16) -> Result<()> {
    let street = Arc::new(Street::new()?);
    let router = Router::new().route(PATH, post(take)).with_state(street);
    serve(port, router).await
}

async fn serve(port: u16, router: Router) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, router).await?)
}

fn reply(code: StatusCode) -> Reply {
    (code, [(CONTENT_TYPE, "application/json")], ANSWER)
}

async fn take(State(street): State<Arc<Street>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Reply {
    let raw = RawCallback {
        request: Request {
            method: Method::Post,
            target: uri.to_string(),
            content_type: values(&headers, "content-type").into_iter().next(),
            content_encoding: None,
            body,
        },
        signatures: signatures(&headers),
        route_endpoint: None,
        account: None,
        tag: None,
        forwarded_origin: None,
    };
    match street.take(raw) {
        Ok(callback) => {
            std::hint::black_box(callback);
            reply(StatusCode::OK)
        }
        Err(_) => reply(StatusCode::FORBIDDEN),
    }
}

fn signatures(headers: &HeaderMap) -> SignatureHeaders {
    SignatureHeaders {
        v2: values(headers, "x-plivo-signature-v2"),
        ma_v2: values(headers, "x-plivo-signature-ma-v2"),
        v2_nonce: values(headers, "x-plivo-signature-v2-nonce"),
        v3: values(headers, "x-plivo-signature-v3"),
        ma_v3: values(headers, "x-plivo-signature-ma-v3"),
        v3_nonce: values(headers, "x-plivo-signature-v3-nonce"),
    }
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
}
