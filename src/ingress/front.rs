//! Between hyper and the routes: what is the same for every request of a listener.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use tower::ServiceExt;

use super::answer::Answer;
use super::routes::Routes;
use super::shared::Shared;
use super::slots::Slot;

/// What a handler can know of how a request arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// When its first byte arrived.
    pub(crate) at: Instant,
    /// Who is at the other end of the connection.
    pub(crate) peer: IpAddr,
    slot: Arc<Slot>,
}

impl Arrival {
    /// Says that the body is complete, so that the connection is not taken for a stalled one.
    pub(crate) fn body_complete(&self) {
        self.slot.body_complete();
    }

    /// An arrival at another time than now, for tests of deadlines.
    #[cfg(test)]
    pub(crate) fn at(at: Instant) -> Self {
        let super::slots::Admission::Free(slot) = super::slots::Slots::new(1).admit() else {
            panic!("no place in an empty house");
        };
        Arrival { at, peer: IpAddr::from([127, 0, 0, 1]), slot }
    }
}

/// The `endpoint` label under which a request counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedAs(pub(crate) &'static str);

impl CountedAs {
    /// Of a request that no route has answered.
    pub(crate) const NO_ROUTE: CountedAs = CountedAs("none");
}

/// Who answers the requests of a listener.
pub(crate) enum Service {
    /// Callbacks on their configured routes.
    Callbacks(Routes),
    /// axum's router, which finds the arrival among a request's extensions.
    Router(Router),
}

impl Service {
    async fn answer(&self, mut request: Request<Incoming>, arrival: Arrival) -> (Response, CountedAs) {
        match self {
            Service::Callbacks(routes) => routes.answer(request, &arrival).await,
            Service::Router(router) => {
                request.extensions_mut().insert(arrival);
                let Ok(response) = router.clone().oneshot(request).await;
                (response, CountedAs::NO_ROUTE)
            }
        }
    }
}

/// The service of one connection.
pub(crate) struct Front {
    peer: IpAddr,
    slot: Arc<Slot>,
    shared: Arc<Shared>,
}

impl Front {
    pub(crate) fn new(peer: IpAddr, slot: Arc<Slot>, shared: Arc<Shared>) -> Self {
        Front { peer, slot, shared }
    }

    async fn answer(arrival: Arrival, request: Request<Incoming>, shared: Arc<Shared>) -> Response {
        let method = method_label(request.method());
        let had_body = !request.body().is_end_stream();
        let (at, slot) = (arrival.at, Arc::clone(&arrival.slot));
        let (mut response, counted_as) = route(request, arrival, &shared).await;
        if shared.draining.is_cancelled() || (had_body && response.status() != StatusCode::OK) {
            // While draining, the peer is to go elsewhere with its next request. After a refusal, what is left
            // unread of the body would stand where the next request is expected.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        shared.count(counted_as, method, response.status(), at);
        slot.answered();
        response
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let arrival =
            Arrival { at: self.slot.head_complete(), peer: self.peer, slot: Arc::clone(&self.slot) };
        Box::pin(Self::answer(arrival, request, Arc::clone(&self.shared)).map(Ok))
    }
}

/// A panic in a handler is a mistake of the relay, and no reason to leave its sender without an answer.
async fn route(request: Request<Incoming>, arrival: Arrival, shared: &Shared) -> (Response, CountedAs) {
    if request.headers().len() > shared.limits.headers {
        return (Answer::TooManyHeaders.into_response(), CountedAs::NO_ROUTE);
    }
    let answered = shared.service.answer(request, arrival);
    AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a handler panicked; the callback was answered 503, see the panic's own line");
        (Answer::Broken.into_response(), CountedAs::NO_ROUTE)
    })
}

fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        _ => "other",
    }
}
