//! What can go wrong between a lane and its broker, in one closed vocabulary for all sinks.

use std::fmt;

/// The kind of a failure: the `code` label of `tendlc_publish_failures_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Nobody answers at the address, or the connection broke.
    Connection,
    /// The server's name does not resolve.
    UnknownHost,
    /// The TLS handshake failed: a wrong CA, an expired certificate, a client certificate not accepted.
    Tls,
    /// The broker does not accept the credentials.
    Authentication,
    /// The credentials are good, but do not allow this.
    Authorization,
    /// A secret or certificate file of our own cannot be read.
    Credentials,
    /// The topic or stream does not exist.
    Missing,
    /// The topic or stream exists, but would not keep what is published.
    Unsafe,
    /// No acknowledgement in time. The event may have been stored.
    Timeout,
    /// The client takes the event for stored, but no answer of the broker's says so.
    Unconfirmed,
    /// The broker, stream or disk has no room.
    Full,
    /// The event is larger than the broker takes.
    TooLarge,
    /// The broker refuses this event as invalid.
    Refused,
    /// The client can no longer be used and is built anew.
    Fatal,
    /// A file could not be written.
    Io,
    /// Anything else that the broker answered.
    Other,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 16] = [
        Code::Connection,
        Code::UnknownHost,
        Code::Tls,
        Code::Authentication,
        Code::Authorization,
        Code::Credentials,
        Code::Missing,
        Code::Unsafe,
        Code::Timeout,
        Code::Unconfirmed,
        Code::Full,
        Code::TooLarge,
        Code::Refused,
        Code::Fatal,
        Code::Io,
        Code::Other,
    ];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Connection => "connection",
            Code::UnknownHost => "unknown_host",
            Code::Tls => "tls",
            Code::Authentication => "authentication",
            Code::Authorization => "authorization",
            Code::Credentials => "credentials",
            Code::Missing => "missing",
            Code::Unsafe => "unsafe",
            Code::Timeout => "timeout",
            Code::Unconfirmed => "unconfirmed",
            Code::Full => "full",
            Code::TooLarge => "too_large",
            Code::Refused => "refused",
            Code::Fatal => "fatal",
            Code::Io => "io",
            Code::Other => "other",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a transient failure tells about the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Nothing: another event may well get through.
    Record,
    /// No event of this topic gets through before this is mended; others may.
    Topic,
    /// No event gets through before this is mended.
    Sink,
}

/// Why an event was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It can get through later: the lane tries again, for ever.
    #[error("{reason}")]
    Transient {
        /// The kind.
        code: Code,
        /// What it concerns.
        scope: Scope,
        /// What is wrong and what to do.
        reason: String,
    },
    /// This event will never be taken: it becomes a dead letter and the lane goes on.
    #[error("{reason}")]
    Permanent {
        /// The kind.
        code: Code,
        /// What is wrong and what to do.
        reason: String,
    },
}

impl PublishError {
    /// A failure of the whole sink.
    pub fn sink(code: Code, reason: impl Into<String>) -> Self {
        PublishError::Transient { code, scope: Scope::Sink, reason: reason.into() }
    }

    /// A failure of the event's topic.
    pub fn topic(code: Code, reason: impl Into<String>) -> Self {
        PublishError::Transient { code, scope: Scope::Topic, reason: reason.into() }
    }

    /// A failure of this event that can pass.
    pub fn record(code: Code, reason: impl Into<String>) -> Self {
        PublishError::Transient { code, scope: Scope::Record, reason: reason.into() }
    }

    /// A failure of this event that cannot pass.
    pub fn permanent(code: Code, reason: impl Into<String>) -> Self {
        PublishError::Permanent { code, reason: reason.into() }
    }

    /// The metric label.
    pub const fn code(&self) -> &'static str {
        match self {
            PublishError::Transient { code, .. } | PublishError::Permanent { code, .. } => code.as_str(),
        }
    }
}

/// What a check of the broker found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CheckError {
    code: Code,
    reason: String,
    blocking: bool,
}

impl CheckError {
    /// Nothing can be published before this is mended.
    pub fn blocking(code: Code, reason: impl Into<String>) -> Self {
        CheckError { code, reason: reason.into(), blocking: true }
    }

    /// Some events will have to wait until this is mended; the others can go.
    pub fn advice(code: Code, reason: impl Into<String>) -> Self {
        CheckError { code, reason: reason.into(), blocking: false }
    }

    /// The kind.
    pub const fn kind(&self) -> Code {
        self.code
    }

    /// The metric label.
    pub const fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// Whether nothing can be published before this is mended.
    pub const fn is_blocking(&self) -> bool {
        self.blocking
    }
}

/// Why a sink cannot be made from its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sink {sink:?}: {problem}")]
pub struct SinkError {
    sink: String,
    problem: String,
}

impl SinkError {
    pub(super) fn new(sink: &str, problem: impl Into<String>) -> Self {
        SinkError { sink: sink.to_owned(), problem: problem.into() }
    }

    /// The short name of the kind.
    pub const fn code(&self) -> &'static str {
        "configuration"
    }
}

/// A broker's text made fit for one log line: bounded, without control characters.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 400;
    let mut line: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    if text.trim().chars().count() > LONGEST {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        let mut labels = Code::ALL.map(Code::as_str);
        labels.sort_unstable();
        assert!(labels.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_brokers_text_fits_one_line() {
        assert_eq!(one_line(" a\r\nlevel=error b\u{1b}[31m "), "a  level=error b [31m");
        assert_eq!(one_line(&"x".repeat(5_000)).chars().count(), 401);
    }
}
