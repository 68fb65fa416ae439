//! The load: kept-alive HTTP/1.1 connections on one thread and one epoll, two system calls a request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll;

use crate::answer::{self, Answer};
use crate::callbacks::Batch;
use crate::report;

/// How long an answer may take before the run is given up: more than the relay's own deadline.
const PATIENCE: Duration = Duration::from_secs(15);

/// When the next request goes out.
#[derive(Clone, Copy)]
pub enum Pace {
    /// As soon as its connection has the answer to the one before.
    Closed,
    /// At fixed times, so many a second, whether or not there was an answer; latency counts from the time that was
    /// meant, so that a stall is not left out of the figures.
    Open(f64),
}

/// What a run saw.
pub struct Seen {
    /// Requests answered 200 with a body that says `accepted`.
    pub accepted: u64,
    /// Every other answer.
    pub other: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Nanoseconds.
    pub latency: Histogram<u64>,
}

impl Seen {
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64()
    }
}

/// Open connections to one server.
pub struct Client {
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    buffer: [u8; 2048],
    filled: usize,
    /// When the request was sent, or meant to be; `None` while the connection is idle.
    since: Option<Instant>,
}

impl Client {
    pub fn connect(server: SocketAddr, count: usize) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let stream = TcpStream::connect(server).with_context(|| format!("connecting to {server}"))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let flags = epoll::EventFlags::IN;
            epoll::add(&epoll, &stream, epoll::EventData::new_u64(index as u64), flags)?;
            connections.push(Connection { stream, buffer: [0; 2048], filled: 0, since: None });
        }
        Ok(Client { epoll, connections })
    }

    /// Sends requests of `batch` for `duration` and waits for the last answer. With `again`, the batch begins anew
    /// when it is used up; without, the run ends there.
    pub fn run(&mut self, pace: Pace, batch: &Batch, again: bool, duration: Duration) -> Result<Seen> {
        let start = Instant::now();
        let mut run = Run {
            connections: &mut self.connections,
            idle: Vec::new(),
            batch,
            again,
            pace,
            start,
            end: start + duration,
            sent: 0,
            waiting: 0,
            seen: Seen { accepted: 0, other: 0, elapsed: duration, latency: report::times()? },
        };
        run.idle.extend((0..run.connections.len()).rev());
        run.go(&self.epoll)?;
        run.seen.elapsed = start.elapsed();
        Ok(run.seen)
    }
}

struct Run<'a> {
    connections: &'a mut [Connection],
    /// Connections without a request, by index.
    idle: Vec<usize>,
    batch: &'a Batch,
    again: bool,
    pace: Pace,
    start: Instant,
    end: Instant,
    sent: usize,
    waiting: usize,
    seen: Seen,
}

impl Run<'_> {
    fn go(&mut self, epoll: &rustix::fd::OwnedFd) -> Result<()> {
        let mut events = Vec::with_capacity(256);
        loop {
            let pause = self.send_due()?;
            if self.waiting == 0 && pause.is_none() {
                return Ok(());
            }
            ensure!(Instant::now() < self.end + PATIENCE, "{} requests were never answered", self.waiting);
            let timeout = timespec(pause.unwrap_or(Duration::from_secs(1)));
            events.clear();
            epoll::wait(epoll, spare_capacity(&mut events), Some(&timeout))?;
            for event in &events {
                self.receive(event.data.u64() as usize)?;
            }
        }
    }

    /// Sends all that is due, and says how long until there is more; `None` when there is nothing more to send.
    fn send_due(&mut self) -> Result<Option<Duration>> {
        loop {
            let now = Instant::now();
            if now >= self.end || (!self.again && self.sent == self.batch.len()) {
                return Ok(None);
            }
            let due = match self.pace {
                Pace::Closed => now,
                Pace::Open(rate) => self.start + Duration::from_secs_f64(self.sent as f64 / rate),
            };
            if due > now {
                return Ok(Some(due - now));
            }
            let Some(index) = self.idle.pop() else { return Ok(Some(Duration::from_secs(1))) };
            self.send(index, due)?;
        }
    }

    fn send(&mut self, index: usize, due: Instant) -> Result<()> {
        let request = self.batch.get(self.sent % self.batch.len());
        let connection = &mut self.connections[index];
        connection.stream.write_all(request).context("the socket's buffer did not take a whole request")?;
        connection.since = Some(due);
        self.sent += 1;
        self.waiting += 1;
        Ok(())
    }

    fn receive(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        let Some(answer) = connection.read()? else { return Ok(()) };
        let Some(since) = connection.since.take() else { bail!("an answer to no request") };
        self.seen.latency.saturating_record(since.elapsed().as_nanos() as u64);
        match answer {
            Answer::Accepted => self.seen.accepted += 1,
            Answer::Other => self.seen.other += 1,
        }
        self.waiting -= 1;
        self.idle.push(index);
        Ok(())
    }
}

impl Connection {
    /// Reads once; `None` while the answer is not complete.
    fn read(&mut self) -> Result<Option<Answer>> {
        let count = match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.filled += count;
        let answer = answer::parse(&self.buffer[..self.filled])?;
        if answer.is_some() {
            self.filled = 0;
        }
        ensure!(self.filled < self.buffer.len(), "an answer longer than {} bytes", self.buffer.len());
        Ok(answer)
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
