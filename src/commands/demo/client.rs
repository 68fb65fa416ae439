//! A POST to the relay over HTTP, as Plivo sends it.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::story::{ORIGIN, Step};

/// What the relay answered.
pub(super) struct Answer {
    pub(super) code: u16,
    /// `status` of the answer's JSON, `-` where there is none.
    pub(super) status: String,
    /// The event's id, where there is one.
    pub(super) id: Option<String>,
}

/// Sends one step of the story on a connection of its own.
pub(super) async fn send(relay: SocketAddr, step: &Step) -> anyhow::Result<Answer> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&step.fields).finish();
    let request = Request::post(step.path)
        .header("host", ORIGIN.trim_start_matches("https://"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-plivo-signature-v2", &step.signature)
        .header("x-plivo-signature-v2-nonce", step.nonce)
        .body(Full::new(Bytes::from(body)))?;
    let (code, body) = exchange(relay, request).await?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(Answer { code, status: text("status").unwrap_or_else(|| "-".to_owned()), id: text("id") })
}

async fn exchange(relay: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<(u16, Bytes)> {
    let stream = TcpStream::connect(relay).await.context("connecting to the relay")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the connection, which lasts for this one request.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.context("the relay closed the connection")?;
    let code = response.status().as_u16();
    Ok((code, response.into_body().collect().await?.to_bytes()))
}
