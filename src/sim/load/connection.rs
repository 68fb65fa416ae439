//! One kept-alive connection with one request at a time.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::answer::{self, Answer};

/// The longest answer.
const LONGEST: usize = 64 * 1024;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has no request.
    Idle,
    /// It has one that is not answered yet.
    Waiting {
        /// Which one of the run, counted from 0.
        number: u64,
        /// When it was meant to be sent.
        due: Instant,
        /// When it was.
        sent: Instant,
    },
    /// It is being opened again.
    Opening(Instant),
    /// It was lost.
    Down,
}

/// Why a callback had no answer, or none that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The server closed the connection.
    Closed,
    /// It reset it.
    Reset,
    /// It did not answer in time.
    Timeout,
    /// What it answered is no HTTP.
    NotHttp,
    /// Anything else.
    Io,
}

/// A connection.
pub struct Connection {
    /// Nothing once it is lost.
    pub stream: Option<TcpStream>,
    /// Where it stands.
    pub state: State,
    buffer: Vec<u8>,
    filled: usize,
}

impl Trouble {
    /// Its word in results.
    pub const fn word(self) -> &'static str {
        match self {
            Trouble::Closed => "closed",
            Trouble::Reset => "reset",
            Trouble::Timeout => "timeout",
            Trouble::NotHttp => "not_http",
            Trouble::Io => "io",
        }
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset => Trouble::Reset,
            io::ErrorKind::BrokenPipe => Trouble::Closed,
            _ => Trouble::Io,
        }
    }
}

impl Connection {
    /// Opens one and waits for that, for so long.
    ///
    /// # Errors
    /// When the server takes none.
    pub fn open(server: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection { stream: Some(stream), state: State::Idle, buffer: vec![0; 2048], filled: 0 })
    }

    /// Begins to open it again, and waits for nothing.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn reopen(&mut self, server: SocketAddr, now: Instant) -> io::Result<()> {
        let stream = begin_to_connect(server)?;
        stream.set_nodelay(true)?;
        (self.stream, self.state) = (Some(stream), State::Opening(now));
        Ok(())
    }

    /// Gives it up.
    pub fn lose(&mut self) {
        (self.stream, self.state) = (None, State::Down);
    }

    /// Sends a request, for which it is `waiting` then.
    ///
    /// # Errors
    /// When it cannot be sent whole: an idle connection's buffers are empty, and hold more than a callback.
    pub fn send(&mut self, request: &[u8], waiting: State) -> Result<(), Trouble> {
        (self.state, self.filled) = (waiting, 0);
        let stream = self.stream.as_mut().ok_or(Trouble::Closed)?;
        stream.write_all(request).map_err(|error| Trouble::of(&error))
    }

    /// Reads once; `None` while the answer is not whole.
    ///
    /// # Errors
    /// When there will be none.
    pub fn read(&mut self) -> Result<Option<Answer<'_>>, Trouble> {
        self.make_room()?;
        let stream = self.stream.as_mut().ok_or(Trouble::Closed)?;
        let count = match stream.read(&mut self.buffer[self.filled..]) {
            Ok(count) => count,
            Err(error) if is_to_be_tried_again(&error) => return Ok(None),
            Err(error) => return Err(Trouble::of(&error)),
        };
        self.filled += count;
        match answer::parse(&self.buffer[..self.filled], count == 0) {
            Ok(None) if count == 0 => Err(Trouble::Closed),
            Ok(answer) => Ok(answer),
            Err(_) => Err(Trouble::NotHttp),
        }
    }

    fn make_room(&mut self) -> Result<(), Trouble> {
        if self.filled == LONGEST {
            return Err(Trouble::NotHttp);
        }
        if self.filled == self.buffer.len() {
            self.buffer.resize((2 * self.filled).min(LONGEST), 0);
        }
        Ok(())
    }
}

fn is_to_be_tried_again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn begin_to_connect(server: SocketAddr) -> io::Result<TcpStream> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &server) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
