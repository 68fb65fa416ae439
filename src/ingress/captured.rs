//! A recorded request, as the callback listener would have taken it.

use std::net::IpAddr;

use axum::http::{HeaderMap, Request};
use bytes::Bytes;

use super::config::IngressConfig;
use super::forwarded::{self, TrustedProxies};
use super::request;
use super::routes::Route;
use crate::callback::{RawCallback, VerifyPolicy};

/// A request on its route.
pub struct Captured {
    /// The route's name.
    pub route: String,
    /// What the route asks of a callback.
    pub policy: VerifyPolicy,
    /// The request.
    pub raw: RawCallback,
}

/// Takes a request as if it had come from `peer`; from none that is trusted, where that is not known.
///
/// # Errors
/// When it would not get as far as a check of its signature, in words.
pub fn captured(
    config: &IngressConfig,
    http: Request<Bytes>,
    peer: Option<IpAddr>,
) -> Result<Captured, String> {
    let (parts, body) = http.into_parts();
    let path = parts.uri.path();
    let method = request::method(&parts.method)
        .ok_or_else(|| format!("callbacks come by GET or POST, not by {}", parts.method))?;
    let routes = Route::all(config)?;
    let paths = || config.routes.values().map(|route| route.path.as_str()).collect::<Vec<_>>().join(", ");
    let route = routes
        .into_iter()
        .find(|route| route.pattern.matches(path))
        .ok_or_else(|| format!("no route has the path {path:?} (answered 404); there are {}", paths()))?;
    let tenant = route
        .pattern
        .tenant(path)
        .ok_or("the tag in the path is not 1 to 128 letters, digits, '-', '.', '_' or '~' (answered 404)")?;
    let proxies = TrustedProxies::parse(&config.trusted_proxies)?;
    let raw = RawCallback {
        request: request::request(&parts, method, body),
        signatures: request::signatures(&parts.headers),
        route_endpoint: route.endpoint,
        account: tenant.account,
        tag: tenant.tag,
        forwarded_origin: peer.and_then(|peer| proxies.origin(peer, &parts.headers)),
    };
    Ok(Captured { route: route.name, policy: route.policy, raw })
}

/// Every origin that the headers speak of, whoever wrote them: where to look, never what to believe.
pub fn origins_spoken_of(headers: &HeaderMap) -> Vec<String> {
    forwarded::spoken_of(headers)
}
