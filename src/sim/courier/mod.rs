//! Brings callbacks to their URLs, as Plivo does.
//!
//! An attempt is delivered by exactly 200 within 8 seconds. Anything else is tried again 60, 120 and 240 seconds
//! after it failed, times the time scale, and then given up. Deliveries know nothing of each other: one that waits for
//! its next attempt holds up no other. How many attempts are under way at a time is bounded.
//!
//! Requests are written by hand over TCP, or over TLS by rustls, so that they can be stalled and cut. A connection is
//! used again for as long as both sides keep it.

mod errand;
mod exchange;
mod origin;
mod payload;
mod pool;
mod wire;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use errand::{Errand, Pen, RetryNonce, Sending, Signing};
pub use origin::Origin;
pub use payload::Payload;
pub use wire::{Head, request};

use self::pool::Pool;
use self::wire::Answer;
use crate::sim::content;
use crate::sim::ledger::{Attempt, Clock, Delivery, Outcome};
use crate::sim::sign::Signatures;

/// How long Plivo waits for an answer.
pub const TIMEOUT: Duration = Duration::from_secs(8);

/// What passes between a failed attempt and the next one.
pub const PAUSES: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(120), Duration::from_secs(240)];

/// How many attempts Plivo makes.
pub const ATTEMPTS: u32 = 1 + PAUSES.len() as u32;

/// How a courier works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What signs.
    pub pen: Pen,
    /// What pauses between attempts, and delays, are multiplied with.
    pub time_scale: f64,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many attempts are under way at a time.
    pub concurrency: usize,
    /// Where to connect instead of to the URL's own origin: what a proxy in front of the customer does.
    pub via: Option<Origin>,
    /// Certificates to trust beside the machine's own.
    pub ca_file: Option<PathBuf>,
}

/// Makes deliveries. Clones share connections and bounds.
#[derive(Clone)]
pub struct Courier(Arc<Shop>);

struct Shop {
    settings: Settings,
    clock: Clock,
    pool: Pool,
    places: Semaphore,
    stop: CancellationToken,
}

impl Courier {
    /// A courier with no connection yet.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub fn new(settings: Settings, clock: Clock) -> io::Result<Self> {
        let pool = Pool::new(settings.ca_file.as_deref())?;
        let places = Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Ok(Courier(Arc::new(Shop { settings, clock, pool, places, stop: CancellationToken::new() })))
    }

    /// How it works.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What an attempt of this errand is signed with, counted from 0.
    pub fn signatures(&self, errand: &Errand, attempt: u32) -> Signatures {
        self.0.settings.pen.sign(errand, attempt)
    }

    /// From now on no attempt begins; those under way end.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Delivers, or gives up, or leaves it unfinished when it is stopped.
    pub async fn deliver(&self, errand: &Errand) -> Delivery {
        let (mut attempts, mut pause) = (Vec::new(), errand.delay);
        let outcome = loop {
            let Some(attempt) = self.0.attempt_after(pause, errand, attempts.len()).await else {
                break Outcome::Unfinished;
            };
            attempts.push(attempt);
            if attempts.last().is_some_and(Attempt::is_delivered) {
                break Outcome::Delivered;
            }
            if attempts.len() >= errand.attempts as usize {
                break Outcome::GivenUp;
            }
            pause = PAUSES.get(attempts.len() - 1).copied().unwrap_or_default();
        };
        written_up(errand, attempts, outcome)
    }
}

impl Shop {
    /// None where it was stopped before.
    async fn attempt_after(&self, pause: Duration, errand: &Errand, number: usize) -> Option<Attempt> {
        let scaled = pause.as_secs_f64() * self.settings.time_scale;
        let scaled = Duration::try_from_secs_f64(scaled).unwrap_or(pause);
        let turn = async {
            if !scaled.is_zero() {
                tokio::time::sleep(scaled).await;
            }
            self.places.acquire().await
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            _place = turn => Some(self.attempt(errand, u32::try_from(number).unwrap_or(u32::MAX)).await),
        }
    }

    async fn attempt(&self, errand: &Errand, number: u32) -> Attempt {
        let signatures = self.settings.pen.sign(errand, number);
        let request = wire::request(&errand.payload, &signatures);
        let sending = if number == 0 { errand.sending } else { Sending::Whole };
        let (started, started_ns) = self.clock.now();
        let answer =
            tokio::time::timeout(self.settings.timeout, self.exchange(errand, &request, sending)).await;
        let (ended, ended_ns) = self.clock.now();
        let mut attempt = Attempt { started, ended, started_ns, ended_ns, ..Attempt::default() };
        attempt.note_signatures(signatures);
        match answer {
            Ok(Ok(answer)) => attempt.note_answer(&answer),
            Ok(Err(error)) => attempt.error = Some(error.to_string()),
            Err(_) => attempt.error = Some(format!("no answer within {:?}", self.settings.timeout)),
        }
        attempt
    }

    async fn exchange(&self, errand: &Errand, request: &[u8], sending: Sending) -> io::Result<Answer> {
        let own = || Origin::of(&errand.payload.url).map_err(io::Error::other);
        let origin = self.settings.via.clone().map_or_else(own, Ok)?;
        let mut stream = self.pool.connection(&origin).await?;
        let answer = exchange::exchange(&mut stream, request, sending).await?;
        if answer.keep {
            self.pool.keep(&origin, stream);
        }
        Ok(answer)
    }
}

impl Attempt {
    fn note_signatures(&mut self, made: Signatures) {
        (self.nonce, self.v2, self.ma_v2) = (made.nonce, made.v2, made.ma_v2);
        (self.v3, self.ma_v3) = made.v3.unzip();
    }

    fn note_answer(&mut self, answer: &Answer) {
        self.code = Some(answer.code);
        let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        (self.answer_status, self.answer_id) = (text("status"), text("id"));
    }
}

fn written_up(errand: &Errand, attempts: Vec<Attempt>, outcome: Outcome) -> Delivery {
    let notice = &errand.notice;
    Delivery {
        number: notice.number,
        copy: errand.copy,
        label: errand.label,
        account: notice.account.auth_id.clone(),
        endpoint: notice.endpoint.word().to_owned(),
        entity: notice.entity().to_owned(),
        status: notice.status.word().to_owned(),
        method: errand.payload.method.word().to_owned(),
        url: content::short_url(&errand.payload.url),
        means: errand.means.clone(),
        parameters: errand.payload.content(),
        body_bytes: errand.payload.body.len(),
        attempts,
        outcome,
    }
}

#[cfg(test)]
mod tests;
