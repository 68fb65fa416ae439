//! What all connections of a listener share, and how they are counted.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::front::{CountedAs, Service};
use super::limits::ConnectionLimits;
use super::refusals::Refusals;
use super::slots::Slots;
use crate::metrics::Metrics;

/// What all connections of a listener share.
pub(crate) struct Shared {
    pub(crate) service: Service,
    pub(crate) limits: ConnectionLimits,
    pub(crate) draining: CancellationToken,
    /// `None` for the admin listener: it does not count itself.
    pub(crate) metrics: Option<Metrics>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) slots: Slots,
}

impl Shared {
    /// Counts an answered request.
    pub(crate) fn count(
        &self,
        CountedAs(endpoint): CountedAs,
        method: &'static str,
        status: StatusCode,
        first_byte: Instant,
    ) {
        let Some(metrics) = &self.metrics else { return };
        metrics.requests.with_label_values(&[endpoint, method, status.as_str()]).inc();
        metrics.request_seconds.observe(first_byte.elapsed().as_secs_f64());
    }

    /// Counts an answer that was given without a readable header, and the closing that goes with it.
    pub(crate) fn count_headless(&self, code: u16, reason: CloseReason) {
        if let Some(metrics) = &self.metrics {
            metrics.requests.with_label_values(&["none", "other", code.to_string().as_str()]).inc();
        }
        self.count_closed(reason);
    }

    pub(crate) fn count_closed(&self, reason: CloseReason) {
        if let Some(metrics) = &self.metrics {
            metrics.connections_closed.with_label_values(&[reason.label()]).inc();
        }
        let Some(detail) = reason.detail() else { return };
        let reason = reason.label();
        if let Some(left_out) = self.refusals.admit(reason) {
            tracing::warn!(reason, detail, left_out, "a connection was closed");
        }
    }
}

/// Why the relay has closed a connection before its peer did: the `reason` label of `connections_closed_total`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CloseReason {
    Cap,
    IdleCap,
    HeaderTimeout,
    IdleTimeout,
    BadRequest,
}

impl CloseReason {
    const fn label(self) -> &'static str {
        match self {
            CloseReason::Cap => "cap",
            CloseReason::IdleCap => "idle_cap",
            CloseReason::HeaderTimeout => "header_timeout",
            CloseReason::IdleTimeout => "idle_timeout",
            CloseReason::BadRequest => "bad_request",
        }
    }

    /// What is wrong and the next step; nothing for an ordinary end.
    const fn detail(self) -> Option<&'static str> {
        match self {
            CloseReason::Cap => {
                Some("limits.connections is reached and none is idle; see who connects, or raise the limit")
            }
            CloseReason::HeaderTimeout => {
                Some("the header was not complete in time; look at the network and the proxy in front")
            }
            CloseReason::BadRequest => Some(
                "what was sent is not HTTP/1, or has too much header; see who connects (TLS ends at the proxy in front)",
            ),
            CloseReason::IdleCap | CloseReason::IdleTimeout => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_series() {
        let reasons = [
            CloseReason::Cap,
            CloseReason::IdleCap,
            CloseReason::HeaderTimeout,
            CloseReason::IdleTimeout,
            CloseReason::BadRequest,
        ];
        assert_eq!(reasons.map(CloseReason::label), crate::metrics::CLOSE_REASONS);
    }
}
