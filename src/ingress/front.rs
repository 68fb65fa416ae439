//! Between hyper and the routes: what is the same for every request of a listener.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use tower::ServiceExt;

use super::answer::Answer;
use super::shared::Shared;
use super::slots::Slot;

/// What a handler can know of how a request arrived. An extension of every request.
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

/// The `endpoint` label under which a request counts. An extension of every answer of a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedAs(pub(crate) &'static str);

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

    async fn answer(
        at: Instant,
        request: Request<Incoming>,
        slot: Arc<Slot>,
        shared: Arc<Shared>,
    ) -> Response {
        let method = method_label(request.method());
        let had_body = !request.body().is_end_stream();
        let mut response = route(request, &shared).await;
        if shared.draining.is_cancelled() || (had_body && response.status() != StatusCode::OK) {
            // While draining, the peer is to go elsewhere with its next request. After a refusal, what is left
            // unread of the body would stand where the next request is expected.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        shared.count(&response, method, at);
        slot.answered();
        response
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let at = self.slot.head_complete();
        let slot = Arc::clone(&self.slot);
        request.extensions_mut().insert(Arrival { at, peer: self.peer, slot: Arc::clone(&slot) });
        Box::pin(Self::answer(at, request, slot, Arc::clone(&self.shared)).map(Ok))
    }
}

/// A panic in a handler is a mistake of the relay, and no reason to leave its sender without an answer.
async fn route(request: Request<Incoming>, shared: &Shared) -> Response {
    if request.headers().len() > shared.limits.headers {
        return Answer::TooManyHeaders.into_response();
    }
    let routed = shared.router.clone().oneshot(request);
    match AssertUnwindSafe(routed).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!("a handler panicked; the callback was answered 503, see the panic's own line");
            Answer::Broken.into_response()
        }
    }
}

fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        _ => "other",
    }
}
