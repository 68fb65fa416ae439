//! What librdkafka says outside of deliveries: errors, logs, and requests for a token.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::Notify;

use super::config::Sasl;
use super::delivery::{Delivery, Report};
use super::oauth;
use crate::sink::error::{Code, one_line};

/// The last trouble of a client, as told by its callbacks: the delivery report alone would only say "timed out".
pub(super) struct Ear {
    last: Mutex<Option<(Code, String)>>,
    fatal: AtomicBool,
    /// Deliveries reported so far.
    reports: AtomicU64,
    /// Wakes whoever tends the sink.
    trouble: Arc<Notify>,
}

impl Ear {
    pub(super) fn new(trouble: Arc<Notify>) -> Self {
        Ear { last: Mutex::default(), fatal: AtomicBool::new(false), reports: AtomicU64::new(0), trouble }
    }

    /// What was heard last.
    pub(super) fn last(&self) -> Option<(Code, String)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was heard, before something is tried.
    pub(super) fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many deliveries were reported so far.
    pub(super) fn reports(&self) -> u64 {
        self.reports.load(Ordering::Relaxed)
    }

    /// Whether the client is of no more use.
    pub(super) fn is_fatal(&self) -> bool {
        self.fatal.load(Ordering::Acquire)
    }

    /// The client is of no more use.
    pub(super) fn set_fatal(&self) {
        self.fatal.store(true, Ordering::Release);
        self.trouble.notify_one();
    }

    fn hear(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::Fatal) {
            self.set_fatal();
        }
        // Says nothing that was not said before it, broker by broker.
        if code != Some(RDKafkaErrorCode::AllBrokersDown) {
            let heard = (kind(code), one_line(reason));
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
        }
        self.trouble.notify_one();
    }
}

/// The kind of a client-wide error.
fn kind(code: Option<RDKafkaErrorCode>) -> Code {
    match code {
        Some(RDKafkaErrorCode::SSL) => Code::Tls,
        Some(RDKafkaErrorCode::Resolve) => Code::UnknownHost,
        Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
            Code::Authentication
        }
        Some(
            RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed,
        ) => Code::Authorization,
        Some(RDKafkaErrorCode::Fatal) => Code::Fatal,
        _ => Code::Connection,
    }
}

/// The callbacks of one client.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) sink: Arc<str>,
    pub(super) ear: Arc<Ear>,
    pub(super) sasl: Option<Arc<Sasl>>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let (sink, text) = (&*self.sink, one_line(text));
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::warn!(sink, facility, text, "librdkafka");
            }
            // Errors come once more through the lane's own, deduplicated report.
            _ => tracing::debug!(sink, facility, text, "librdkafka"),
        }
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(sink = &*self.sink, %error, reason = one_line(reason), "librdkafka reports");
        self.ear.hear(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let sasl = self.sasl.as_deref().ok_or("no token source is configured")?;
        oauth::token(sasl).map_err(|problem| problem.replace('\0', " ").into())
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Self::DeliveryOpaque) {
        self.ear.reports.fetch_add(1, Ordering::Relaxed);
        delivery.report(match result {
            // An event that was answered for has an offset.
            Ok(event) if event.offset() >= 0 => Report::Stored,
            Ok(_) => Report::Concluded,
            Err((error, _)) => {
                Report::Failed(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown))
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_outlives_the_remark_that_all_brokers_are_down() {
        let ear = Ear::new(Arc::default());
        ear.hear(&KafkaError::Global(RDKafkaErrorCode::SSL), "ssl://k:9093: handshake failed\n");
        ear.hear(&KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(ear.last(), Some((Code::Tls, "ssl://k:9093: handshake failed".to_owned())));
        assert!(!ear.is_fatal());
        ear.hear(&KafkaError::Global(RDKafkaErrorCode::Fatal), "fenced");
        assert!(ear.is_fatal());
        ear.forget();
        assert_eq!(ear.last(), None);
    }
}
