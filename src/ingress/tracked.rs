//! A stream that tells its slot when bytes arrive.
//!
//! hyper's own header timer starts when a connection falls idle, so that it would cut a kept-alive connection after
//! the few seconds that a header may take. Seen from below, the two can be told apart: a byte that arrives between
//! requests is the first of the next one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::slots::Slot;

/// The stream of one connection.
#[derive(Debug)]
pub(crate) struct Tracked {
    stream: TcpStream,
    slot: Arc<Slot>,
    /// The peer will send no more.
    ended: bool,
}

impl Tracked {
    pub(crate) fn new(stream: TcpStream, slot: Arc<Slot>) -> Self {
        Tracked { stream, slot, ended: false }
    }

    /// Whether the peer will send no more, so that nothing can be lost by closing.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }
}

impl AsyncRead for Tracked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            self.slot.received();
        } else {
            self.ended = true;
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Tracked {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
