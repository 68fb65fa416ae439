//! One run over the connections of a client.

use std::io;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::attention::Attention;
use super::client::{Client, Pace, Plan};
use super::connection::{State, Trouble};
use super::seen::Seen;
use super::source::Source;

/// How often lost connections and late answers are looked for.
const TICK: Duration = Duration::from_millis(50);

/// A run.
pub struct Run<'a, S, W> {
    client: &'a mut Client,
    /// Connections without a request, by index.
    idle: Vec<usize>,
    plan: Plan,
    source: &'a mut S,
    watch: W,
    start: Instant,
    waiting: usize,
    /// There is nothing more to send.
    is_over: bool,
    attention: Attention,
    seen: Seen,
}

impl<'a, S: Source, W: FnMut(&Seen) -> ControlFlow<()>> Run<'a, S, W> {
    /// One that begins now.
    ///
    /// # Errors
    /// When this machine fails.
    pub fn of(client: &'a mut Client, plan: Plan, source: &'a mut S, watch: W) -> io::Result<Self> {
        let idle = |index: &usize| client.connections[*index].state == State::Idle;
        let idle = (0..client.connections.len()).rev().filter(idle).collect();
        let seen = Seen::new().map_err(io::Error::other)?;
        let start = Instant::now();
        let attention = Attention::begin(start);
        Ok(Run { client, idle, plan, source, watch, start, waiting: 0, is_over: false, attention, seen })
    }

    /// Goes to its end.
    ///
    /// # Errors
    /// When this machine fails.
    pub fn go(mut self) -> io::Result<Seen> {
        let mut events = Vec::with_capacity(256);
        let mut looked = self.start;
        loop {
            let pause = self.send_due()?;
            if self.is_over && self.waiting == 0 {
                self.seen.elapsed = self.start.elapsed();
                self.seen.away = self.attention.away();
                return Ok(self.seen);
            }
            events.clear();
            let pause = pause.min(TICK);
            match epoll::wait(&self.client.epoll, spare_capacity(&mut events), Some(&timespec(pause))) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.attention.waited(pause);
            self.now();
            for event in &events {
                self.ready(event.data.u64() as usize)?;
            }
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                self.look(looked)?;
            }
        }
    }

    /// The time. Whoever asks for it may learn that this thread was away since it was asked for last: all that was under
    /// way or has come due until now is measured wrong.
    fn now(&mut self) -> Instant {
        let now = Instant::now();
        if self.attention.has_returned(now) {
            let until = self.due_until(now).max(self.seen.sent);
            self.attention.catch_up(until, self.waiting as u64 + (until - self.seen.sent));
        }
        now
    }

    /// How many requests are due by then, where that does not depend on the answers.
    fn due_until(&self, now: Instant) -> u64 {
        match (self.plan.pace, self.plan.meant()) {
            (Pace::Open(rate), Some(meant)) if !self.is_over => {
                // The first is due at once.
                meant.min((now.duration_since(self.start).as_secs_f64() * rate) as u64 + 1)
            }
            _ => 0,
        }
    }

    /// Sends all that is due, and says how long until there is more.
    fn send_due(&mut self) -> io::Result<Duration> {
        while !self.is_over {
            let now = self.now();
            let Some(due) = self.due(now) else {
                self.is_over = true;
                break;
            };
            if due > now {
                return Ok(due - now);
            }
            // A connection that becomes free ends the wait.
            let Some(index) = self.idle.pop() else { return Ok(TICK) };
            let Some(request) = self.source.next() else {
                self.idle.push(index);
                self.is_over = true;
                break;
            };
            let number = self.seen.sent;
            self.seen.sent += 1;
            self.waiting += 1;
            let waiting = State::Waiting { number, due, sent: now };
            if let Err(trouble) = self.client.connections[index].send(request, waiting) {
                self.fail(index, trouble);
            }
        }
        Ok(TICK)
    }

    /// When the next request is due; `None` when there is none any more.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        let end = self.start + self.plan.duration;
        let Pace::Open(rate) = self.plan.pace else { return (now < end).then_some(now) };
        let left = self.plan.meant().unwrap_or_default() - self.seen.sent;
        if left > 0 && now >= end + self.plan.timeout {
            self.seen.unsent = left;
            return None;
        }
        (left > 0).then(|| self.start + Duration::from_secs_f64(self.seen.sent as f64 / rate))
    }

    /// Takes what has come on a connection.
    fn ready(&mut self, index: usize) -> io::Result<()> {
        match self.client.connections[index].state {
            State::Waiting { number, due, .. } => self.receive(index, number, due),
            State::Opening(_) => self.opened(index),
            State::Idle => {
                // Nothing but its end can come while nothing was asked.
                self.idle.retain(|other| *other != index);
                self.client.connections[index].lose();
                Ok(())
            }
            State::Down => Ok(()),
        }
    }

    fn receive(&mut self, index: usize, number: u64, due: Instant) -> io::Result<()> {
        let now = self.now();
        let connection = &mut self.client.connections[index];
        let keep = match connection.read() {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => {
                self.seen.note(answer, now.duration_since(due), self.attention.is_undivided());
                answer.keep
            }
            Err(trouble) => {
                self.fail(index, trouble);
                return Ok(());
            }
        };
        self.waiting -= 1;
        self.attention.finished(number);
        if keep {
            connection.state = State::Idle;
            self.idle.push(index);
        } else {
            connection.lose();
            self.reopen(index, Instant::now())?;
        }
        Ok(())
    }

    /// Its callback is lost, and so is the connection. It is opened again at the next look, so that a server that is
    /// not there is not asked all the time.
    fn fail(&mut self, index: usize, trouble: Trouble) {
        if let State::Waiting { number, .. } = self.client.connections[index].state {
            self.attention.finished(number);
        }
        self.seen.note_trouble(trouble);
        self.waiting -= 1;
        self.client.connections[index].lose();
    }

    fn opened(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.client.connections[index];
        let Some(stream) = connection.stream.as_ref().filter(|stream| is_open(stream)) else {
            connection.lose();
            return Ok(());
        };
        epoll::modify(&self.client.epoll, stream, data(index), epoll::EventFlags::IN)?;
        connection.state = State::Idle;
        self.idle.push(index);
        Ok(())
    }

    /// Looks for answers that come too late and for connections that are lost.
    fn look(&mut self, now: Instant) -> io::Result<()> {
        for index in 0..self.client.connections.len() {
            match self.client.connections[index].state {
                State::Waiting { sent, .. } if now - sent >= self.plan.timeout => {
                    self.fail(index, Trouble::Timeout);
                }
                State::Opening(since) if now - since >= self.plan.timeout => {
                    self.client.connections[index].lose();
                }
                State::Down => self.reopen(index, now)?,
                _ => {}
            }
        }
        self.seen.elapsed = self.start.elapsed();
        if (self.watch)(&self.seen).is_break() && !self.is_over {
            (self.is_over, self.seen.is_partial) = (true, true);
        }
        Ok(())
    }

    fn reopen(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let connection = &mut self.client.connections[index];
        connection.reopen(self.client.server, now)?;
        self.seen.reopened += 1;
        if let Some(stream) = &connection.stream {
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT;
            epoll::add(&self.client.epoll, stream, data(index), flags)?;
        }
        Ok(())
    }
}

fn data(index: usize) -> epoll::EventData {
    epoll::EventData::new_u64(index as u64)
}

fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.take_error(), Ok(None))
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
