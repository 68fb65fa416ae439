//! A client that sends exactly the bytes it is given, and a server to send them to.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::ingress::answer::Answer;
use crate::ingress::front::{Arrival, Service};
use crate::ingress::limits::ConnectionLimits;
use crate::ingress::server::{Server, Shutdown};
use crate::metrics::Metrics;

/// Nothing here should take as long; only a test that fails does.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that stands still, of a test that starts paused, so that a busy machine makes no request late. It goes on by
/// itself when patience is at its end, which ends whatever waits.
pub(super) struct Stopped {
    _end: mpsc::Sender<()>,
}

impl Stopped {
    pub(super) fn clock() -> Self {
        let (end, ended) = mpsc::channel::<()>();
        // While such a task runs, the runtime does not move a paused clock for want of work.
        drop(tokio::task::spawn_blocking(move || ended.recv_timeout(PATIENCE)));
        Stopped { _end: end }
    }

    pub(super) async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

pub(super) fn limits() -> ConnectionLimits {
    ConnectionLimits {
        connections: 64,
        request_deadline: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(75),
        header_bytes: 8 << 10,
        headers: 64,
    }
}

/// A server with a few simple routes in place of the callback's.
pub(super) struct Running {
    pub(super) addr: SocketAddr,
    pub(super) metrics: Metrics,
    pub(super) draining: CancellationToken,
    pub(super) served: JoinHandle<()>,
}

impl Running {
    pub(super) async fn start(limits: ConnectionLimits, drain_delay: Duration) -> Self {
        Self::start_with(limits, drain_delay, PATIENCE).await
    }

    pub(super) async fn start_with(limits: ConnectionLimits, drain_delay: Duration, grace: Duration) -> Self {
        let metrics = Metrics::new().unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let server =
            Server::bind(any_port, Service::Router(router()), limits, Arc::default(), Some(metrics.clone()))
                .await
                .unwrap();
        let (addr, draining) = (server.local_addr(), CancellationToken::new());
        let shutdown = Shutdown { draining: draining.clone(), grace };
        let served = tokio::spawn(server.serve(drain_delay, shutdown));
        Running { addr, metrics, draining, served }
    }

    pub(super) async fn connect(&self) -> Wire {
        Wire::connect(self.addr).await
    }

    /// Waits until so many connections have their places.
    pub(super) async fn has(&self, connections: i64) {
        while self.metrics.connections.get() != connections {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn closed(&self, reason: &str) -> u64 {
        self.metrics.connections_closed.with_label_values(&[reason]).get()
    }
}

fn router() -> Router {
    Router::new().route("/echo", any(echo)).route(
        "/panic",
        any(|| async {
            if true {
                panic!("a mistake")
            }
        }),
    )
}

/// Answers with the body, once it is complete.
async fn echo(request: Request) -> Response {
    let arrival = request.extensions().get::<Arrival>().unwrap().clone();
    match axum::body::to_bytes(request.into_body(), 1 << 10).await {
        Ok(body) => {
            arrival.body_complete();
            body.into_response()
        }
        Err(_) => Answer::TooLarge.into_response(),
    }
}

/// One connection.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Wire {
    pub(super) async fn connect(addr: SocketAddr) -> Self {
        Wire { stream: TcpStream::connect(addr).await.unwrap(), buffer: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Sends what the peer may have stopped taking.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next response, by its content length.
    pub(super) async fn reply(&mut self) -> Reply {
        self.try_reply().await.expect("the connection ended without an answer")
    }

    pub(super) async fn try_reply(&mut self) -> Option<Reply> {
        loop {
            if let Some(reply) = self.parse() {
                return Some(reply);
            }
            if self.read().await == 0 {
                return None;
            }
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n")).await;
        self.reply().await
    }

    /// Waits for the end of the connection; returns what came before it.
    pub(super) async fn end(&mut self) -> String {
        while self.read().await > 0 {}
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// Whether nothing comes and the connection stays open for this long.
    pub(super) async fn stays_open(&mut self, length: Duration) -> bool {
        let mut byte = [0];
        timeout(length, self.stream.read(&mut byte)).await.is_err()
    }

    async fn read(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("nothing came");
        let read = read.unwrap_or(0);
        self.buffer.extend_from_slice(&chunk[..read]);
        read
    }

    fn parse(&mut self) -> Option<Reply> {
        let text = String::from_utf8_lossy(&self.buffer).into_owned();
        let (head, rest) = text.split_once("\r\n\r\n")?;
        let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let length: usize = length.parse().unwrap();
        if rest.len() < length {
            return None;
        }
        let body = rest[..length].to_owned();
        self.buffer.drain(..head.len() + 4 + length);
        Some(Reply { status, head, body })
    }
}
