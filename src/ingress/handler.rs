//! The road of one callback, from its route to its answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request as HttpRequest;
use axum::http::request::Parts;
use bytes::Bytes;
use hyper::body::Body;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::body::{self, BodyError};
use super::config::IngressConfig;
use super::forwarded::TrustedProxies;
use super::front::Arrival;
use super::refusals::Refusals;
use super::request;
use super::routes::Route;
use super::state::State;
use super::tally;
use crate::callback::{Method, RawCallback, Request, VerifiedCallback, verify};
use crate::normalize::NormalizedCallback;

/// Seconds after which another attempt may find the disk quicker.
const RETRY_LATE: u32 = 5;

/// What every route's handler works with.
pub(crate) struct Handler {
    state: Arc<State>,
    refusals: Arc<Refusals>,
    proxies: TrustedProxies,
    /// A place for each callback between its last byte and its answer. Taken only then: a body that stalls keeps
    /// nobody else out.
    in_flight: Semaphore,
    body_limit: usize,
    deadline: Duration,
}

/// A request without its body.
struct Head {
    parts: Parts,
    method: Method,
    peer: IpAddr,
}

/// Why a callback is not taken: what is logged and what is answered.
struct Refused {
    /// From a closed set.
    reason: &'static str,
    /// What is wrong and the next step, for the operator alone.
    detail: String,
    answer: Answer,
}

impl Refused {
    fn new(answer: Answer, reason: &'static str, detail: impl ToString) -> Self {
        Refused { reason, detail: detail.to_string(), answer }
    }
}

impl Handler {
    pub(crate) fn new(
        config: &IngressConfig,
        state: Arc<State>,
        refusals: Arc<Refusals>,
    ) -> Result<Self, String> {
        Ok(Handler {
            state,
            refusals,
            proxies: TrustedProxies::parse(&config.trusted_proxies)?,
            in_flight: Semaphore::new(config.limits.in_flight),
            body_limit: config.limits.body_bytes(),
            deadline: config.limits.request_deadline.get(),
        })
    }

    /// The answer to a request on one of the routes.
    pub(crate) async fn answer<B>(&self, route: &Route, arrival: &Arrival, http: HttpRequest<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match self.take(route, arrival, http).await {
            Ok(answer) => answer,
            Err(refused) => self.refuse(route, arrival.peer, refused),
        }
    }

    async fn take<B>(&self, route: &Route, arrival: &Arrival, http: HttpRequest<B>) -> Result<Answer, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = http.into_parts();
        let method = request::method(&parts.method).ok_or_else(|| {
            Refused::new(
                Answer::WrongMethod,
                "wrong_method",
                "callbacks come by get or post; look at who sends these",
            )
        })?;
        let head = Head { parts, method, peer: arrival.peer };
        let deadline = arrival.at + self.deadline;
        let raw = self.receive(route, head, body, deadline).await?;
        arrival.body_complete();
        let _place = self.place()?;
        let callback = self.verify(route, raw)?;
        self.keep(self.state.normalizer.normalize(callback), deadline).await
    }

    /// Everything that the request brings, body included. The header ends before the body is awaited: while it is alive,
    /// hyper cannot use its buffer again, and would make another one for each body that is slow to come and each callback
    /// that waits for its commit.
    async fn receive<B>(
        &self,
        route: &Route,
        Head { parts, method, peer }: Head,
        body: B,
        deadline: Instant,
    ) -> Result<RawCallback, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let tenant = route.pattern.tenant(parts.uri.path()).ok_or_else(|| {
            let detail = "the path has no account, or its tag is not 1 to 128 letters, digits, '-', '.', '_' or '~'; \
                          correct the callback url";
            Refused::new(Answer::UnknownPath, "bad_tag", detail)
        })?;
        let raw = RawCallback {
            request: request::request(&parts, method, Bytes::new()),
            signatures: request::signatures(&parts.headers),
            route_endpoint: route.endpoint,
            account: tenant.account,
            tag: tenant.tag,
            forwarded_origin: self.proxies.origin(peer, &parts.headers),
        };
        drop(parts);
        let body = timeout_at(deadline, body::read(body, self.body_limit))
            .await
            .map_err(|_| {
                let detail = "the body was not complete in time; look at the network and the proxy in front";
                Refused::new(Answer::TooSlow, "too_slow", detail)
            })?
            .map_err(refused_body)?;
        Ok(RawCallback { request: Request { body, ..raw.request }, ..raw })
    }

    fn place(&self) -> Result<Place<'_>, Refused> {
        let permit = self.in_flight.try_acquire().map_err(|_| {
            self.state.metrics.append_failures.with_label_values(&["overload"]).inc();
            let detail = "limits.in_flight callbacks are at work; look at the disk's commit time";
            Refused::new(Answer::Overloaded, "overloaded", detail)
        })?;
        self.state.metrics.requests_in_flight.inc();
        Ok(Place { handler: self, _permit: permit })
    }

    fn verify(&self, route: &Route, raw: RawCallback) -> Result<VerifiedCallback, Refused> {
        let metrics = &self.state.metrics;
        let sent = tally::schemes_sent(&raw.signatures);
        match verify(raw, &route.policy, &self.state.accounts.load()) {
            Ok(verified) => {
                tally::verified(metrics, &verified);
                Ok(verified.callback)
            }
            Err(refusal) => {
                tally::refused(metrics, sent, refusal);
                Err(Refused::new(Answer::Refused, refusal.code(), refusal))
            }
        }
    }

    /// Makes the callback durable. When that comes too late, it may be durable all the same: the retry is then known
    /// for a duplicate.
    async fn keep(&self, callback: NormalizedCallback, deadline: Instant) -> Result<Answer, Refused> {
        if Instant::now() >= deadline {
            return Err(self.late());
        }
        let seen = tally::Seen::of(callback.facts());
        match timeout_at(deadline, self.state.spool.append(callback)).await {
            Ok(Ok(outcome)) => {
                seen.count(&self.state.metrics, &self.refusals, &outcome);
                Ok(tally::answer(outcome))
            }
            // The spool has counted it.
            Ok(Err(error)) => {
                let answer = Answer::NotDurable { retry_after: error.retry_after() };
                Err(Refused::new(answer, error.code(), error))
            }
            Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> Refused {
        self.state.metrics.append_failures.with_label_values(&["late"]).inc();
        let answer = Answer::NotDurable { retry_after: RETRY_LATE };
        Refused::new(answer, "late", "the commit was not done in time; look at the disk")
    }

    fn refuse(&self, route: &Route, peer: IpAddr, refused: Refused) -> Answer {
        let Refused { reason, detail, answer } = refused;
        if let Some(left_out) = self.refusals.admit(reason) {
            let code = answer.status().as_u16();
            tracing::warn!(route = %route.name, %peer, code, reason, detail, left_out, "a callback was refused");
        }
        answer
    }
}

fn refused_body(error: BodyError) -> Refused {
    match error {
        BodyError::TooLarge => Refused::new(
            Answer::TooLarge,
            "too_large",
            "the body is over limits.body; raise it if Plivo really sends as much",
        ),
        BodyError::Broken => Refused::new(
            Answer::BrokenBody,
            "broken_body",
            "the body ended early or its framing is broken; look at the proxy in front",
        ),
    }
}

/// One of the places for requests in flight, and its metric.
struct Place<'a> {
    handler: &'a Handler,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.handler.state.metrics.requests_in_flight.dec();
    }
}

/// The codes of this stage, beside those of [`crate::spool::AppendError`].
#[cfg(test)]
const OWN_APPEND_FAILURES: [&str; 1] = ["late"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::AppendError;

    #[test]
    fn every_failure_to_append_has_its_series() {
        let errors = [AppendError::Full, AppendError::Overload, AppendError::Closed];
        for code in errors.iter().map(AppendError::code).chain(OWN_APPEND_FAILURES) {
            assert!(crate::metrics::APPEND_FAILURES.contains(&code), "{code}");
        }
    }
}
