//! The limit on everything that a sender can make the relay hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// hyper reads into a buffer of at least this size, so a smaller limit on headers could not be kept.
const HEADER_BYTES_MIN: u64 = 8 << 10;

/// Limits of the callback listener. What they allow in the worst case is `connections` × (`body` + `header_bytes`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest body, in bytes: 413 beyond it.
    pub body: Size,
    /// From the first byte of a request to its answer, header, body and commit together: 408 or 503 beyond it.
    /// Plivo waits 8 s and then tries again.
    pub request_deadline: Span,
    /// How long a connection may stay open without a request. Longer than load balancers keep theirs for reuse.
    pub idle_timeout: Span,
    /// Open connections. At the limit idle ones are closed first, then those that have kept a request half sent.
    pub connections: usize,
    /// Callbacks being verified and made durable at one time: 503 beyond it.
    pub in_flight: usize,
    /// Request line and headers together: 431 beyond it.
    pub header_bytes: Size,
    /// The number of headers: 431 beyond it.
    pub headers: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            body: Size::from_kib(64),
            request_deadline: Span::from_secs(5),
            idle_timeout: Span::from_secs(75),
            connections: 4096,
            in_flight: 1024,
            header_bytes: Size::from_kib(16),
            headers: 64,
        }
    }
}

impl LimitsConfig {
    /// Refuses what cannot work, naming the key below `ingress.limits`.
    ///
    /// # Errors
    /// The key, its value, and what is accepted.
    pub fn validate(&self) -> Result<(), String> {
        within("body", self.body.bytes(), 1 << 10, 16 << 20, "1KiB to 16MiB")?;
        within("header_bytes", self.header_bytes.bytes(), HEADER_BYTES_MIN, 1 << 20, "8KiB to 1MiB")?;
        within("headers", self.headers as u64, 16, 1024, "16 to 1024")?;
        within("connections", self.connections as u64, 1, 1_000_000, "1 to 1000000")?;
        within("in_flight", self.in_flight as u64, 1, 1_000_000, "1 to 1000000")?;
        let deadline = self.request_deadline.as_millis();
        within("request_deadline", deadline, 100, 7_500, "100ms to 7500ms: Plivo stops waiting after 8 s")?;
        within("idle_timeout", self.idle_timeout.as_millis(), 1_000, 3_600_000, "1s to 1h")
    }

    /// The part that the connections need.
    pub(crate) fn connection(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections: self.connections,
            request_deadline: self.request_deadline.get(),
            idle_timeout: self.idle_timeout.get(),
            header_bytes: usize_of(self.header_bytes),
            headers: self.headers,
        }
    }

    pub(crate) fn body_bytes(&self) -> usize {
        usize_of(self.body)
    }
}

/// The limits below HTTP's meaning, shared with the admin listener.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    pub(crate) connections: usize,
    pub(crate) request_deadline: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) header_bytes: usize,
    pub(crate) headers: usize,
}

fn usize_of(size: Size) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

fn within(key: &str, value: u64, least: u64, most: u64, accepted: &str) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("limits.{key}: {value} is out of range, accepted is {accepted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_an_answer_that_plivo_would_not_wait_for_is_refused() {
        let limits = LimitsConfig::default();
        assert_eq!(limits.validate(), Ok(()));
        let slow = LimitsConfig { request_deadline: Span::from_secs(9), ..limits.clone() };
        assert!(slow.validate().unwrap_err().contains("limits.request_deadline"));
        let none = LimitsConfig { connections: 0, ..limits.clone() };
        assert!(none.validate().unwrap_err().contains("limits.connections"));
        let tiny = LimitsConfig { header_bytes: Size::from_kib(4), ..limits };
        assert!(tiny.validate().unwrap_err().contains("8KiB"));
    }
}
