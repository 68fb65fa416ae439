//! One connection, from its first byte to its last.
//!
//! hyper reads and writes HTTP/1; this adds what it has no word for: a deadline that starts with a request's first
//! byte, a longer one for the time between requests, an order to leave from the server, and an end that does not
//! destroy the last answer.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::answer;
use super::front::Front;
use super::limits::ConnectionLimits;
use super::shared::{CloseReason, Shared};
use super::slots::{Order, Phase, Slot};
use super::tracked::Tracked;

/// How long and how much of what a peer still sends is taken and thrown away after the last answer. Closing a socket
/// with unread bytes makes the kernel reset it, and the peer may then never see that answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// hyper's parser keeps this many headers on the stack; another limit costs an allocation for each request.
const HEADERS_ON_STACK: usize = 100;

/// Serves the connection until either side ends it.
pub(crate) async fn serve(stream: TcpStream, peer: IpAddr, slot: Arc<Slot>, shared: Arc<Shared>) {
    let front = Front::new(peer, Arc::clone(&slot), Arc::clone(&shared));
    let io = TokioIo::new(Tracked::new(stream, Arc::clone(&slot)));
    let mut connection = builder(&shared.limits).serve_connection(io, front);
    let end = Drive { limits: &shared.limits, slot: &slot, armed: None }.run(&mut connection).await;
    let stream = connection.into_parts().io.into_inner();
    close(stream, end, &slot, &shared).await;
}

/// hyper's settings. Its header timer stays off: see [`super::tracked`].
fn builder(limits: &ConnectionLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(limits.header_bytes).max_buf_size(limits.header_bytes);
    if limits.headers > HEADERS_ON_STACK {
        builder.max_headers(limits.headers);
    }
    builder
}

/// Why a connection has ended.
#[derive(Debug)]
enum End {
    /// By HTTP's own rules, or by the peer.
    Done,
    /// What was sent is not HTTP/1; hyper has answered.
    Malformed { too_large: bool },
    /// A header was not complete in time.
    HeadLate,
    /// There was no request for too long.
    IdleLate,
    /// The server wanted the place.
    Closed,
}

type Connection = http1::Connection<TokioIo<Tracked>, Front>;

/// Polls hyper, the one timer and the server's order together.
struct Drive<'a> {
    limits: &'a ConnectionLimits,
    slot: &'a Slot,
    /// When the timer is set to go off.
    armed: Option<Instant>,
}

impl Drive<'_> {
    async fn run(mut self, connection: &mut Connection) -> End {
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut finishing = false;
        poll_fn(|cx| {
            match self.slot.order(cx.waker()) {
                Order::Serve => {}
                Order::Finish if finishing => {}
                Order::Finish => {
                    finishing = true;
                    Pin::new(&mut *connection).graceful_shutdown();
                }
                Order::Close => return Poll::Ready(End::Closed),
            }
            if let Poll::Ready(result) = connection.poll_without_shutdown(cx) {
                return Poll::Ready(end_of(result));
            }
            self.poll_timer(timer.as_mut(), cx)
        })
        .await
    }

    /// The timer is moved only to an earlier moment; when it goes off too early, it is set again. A connection that
    /// is used all the time so never touches it.
    fn poll_timer(&mut self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<End> {
        let Some((due, end)) = self.due() else { return Poll::Pending };
        if self.armed.is_none_or(|armed| due < armed) {
            timer.as_mut().reset(due);
            self.armed = Some(due);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(end);
            }
            timer.as_mut().reset(due);
            self.armed = Some(due);
        }
        Poll::Pending
    }

    /// When the present phase has lasted too long. Once a request is with the handler, its deadline is kept there.
    fn due(&self) -> Option<(Instant, End)> {
        match self.slot.phase() {
            (Phase::Idle, since) => Some((since + self.limits.idle_timeout, End::IdleLate)),
            (Phase::Head, since) => Some((since + self.limits.request_deadline, End::HeadLate)),
            (Phase::Body | Phase::Answering, _) => None,
        }
    }
}

fn end_of(result: Result<(), hyper::Error>) -> End {
    match result {
        Err(error) if error.is_parse() => End::Malformed { too_large: error.is_parse_too_large() },
        // A peer that goes away in the middle is its own affair: Plivo comes again.
        Ok(()) | Err(_) => End::Done,
    }
}

async fn close(mut stream: Tracked, end: End, slot: &Slot, shared: &Shared) {
    match end {
        End::Done => {}
        End::Malformed { too_large: true } => shared.count_headless(431, CloseReason::BadRequest),
        End::Malformed { too_large: false } => shared.count_headless(400, CloseReason::BadRequest),
        End::HeadLate => {
            shared.count_headless(408, CloseReason::HeaderTimeout);
            // A few hundred bytes fit into the socket's buffer; a peer that does not read them gets no more time.
            let _ = timeout(LINGER, stream.write_all(answer::HEAD_TOO_SLOW.as_bytes())).await;
        }
        End::IdleLate => return shared.count_closed(CloseReason::IdleTimeout),
        End::Closed => return,
    }
    slot.answered();
    linger(stream, slot).await;
}

/// Ends the sending side, then waits shortly for the peer to do the same.
async fn linger(mut stream: Tracked, slot: &Slot) {
    if stream.has_ended() {
        return;
    }
    let rest = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut thrown_away = [0; 4096];
        let mut budget = LINGER_BYTES;
        while let Ok(read @ 1..) = stream.read(&mut thrown_away).await {
            // Not the beginning of a request: the place stays among the idle ones.
            slot.answered();
            let Some(left) = budget.checked_sub(read) else { return };
            budget = left;
        }
    };
    let ordered_away = poll_fn(|cx| match slot.order(cx.waker()) {
        Order::Close => Poll::Ready(()),
        Order::Serve | Order::Finish => Poll::Pending,
    });
    tokio::select! {
        _ = timeout(LINGER, rest) => {}
        () = ordered_away => {}
    }
}
