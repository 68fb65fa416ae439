//! Open connections to one server, and how requests are sent over them.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use rustix::event::epoll;
use rustix::fd::OwnedFd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::connection::Connection;
use super::run::Run;
use super::seen::Seen;
use super::source::Source;

/// When the next request goes out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As soon as its connection has the answer to the one before.
    Closed,
    /// At fixed times, so many a second, whether or not there was an answer; latency counts from the time that was
    /// meant, so that a stall is not left out of the figures.
    Open(f64),
}

/// When what is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// When the next request goes out.
    pub pace: Pace,
    /// For how long.
    pub duration: Duration,
    /// How long an answer may take, or a connection to open. What could not be sent so long after its end is not sent any more.
    pub timeout: Duration,
}

/// Open connections to one server.
pub struct Client {
    pub(super) server: SocketAddr,
    pub(super) epoll: OwnedFd,
    pub(super) connections: Vec<Connection>,
}

impl Plan {
    /// How many requests are meant to go out, where that does not depend on the answers.
    pub fn meant(&self) -> Option<u64> {
        match self.pace {
            Pace::Closed => None,
            Pace::Open(rate) => Some((rate * self.duration.as_secs_f64()).round() as u64),
        }
    }
}

impl Client {
    /// Opens `count` connections, each within this time.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn connect(server: SocketAddr, count: usize, timeout: Duration) -> io::Result<Self> {
        allow_files(count as u64 + 64);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let connection = Connection::open(server, timeout)?;
            if let Some(stream) = &connection.stream {
                epoll::add(&epoll, stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
            }
            connections.push(connection);
        }
        Ok(Client { server, epoll, connections })
    }

    /// Sends requests by `plan`, at most those that `source` has, waits for the last answer, and says what it saw.
    /// `watch` is shown that every 50 ms as well, and may have it send no more.
    ///
    /// # Errors
    /// When this machine fails; what the server does wrong is counted.
    pub fn run(
        &mut self,
        plan: Plan,
        source: &mut impl Source,
        watch: impl FnMut(&Seen) -> ControlFlow<()>,
    ) -> io::Result<Seen> {
        Run::of(self, plan, source, watch)?.go()
    }
}

/// More open files, where the system's soft limit is below. Where it cannot be raised, opening the connections says so.
fn allow_files(wanted: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let current = Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}
