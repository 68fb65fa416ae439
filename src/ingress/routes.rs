//! The configured routes as axum's.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::answer::Answer;
use super::config::IngressConfig;
use super::front::CountedAs;
use super::handler::Handler;
use super::pattern::Pattern;
use super::refusals::Refusals;
use crate::callback::VerifyPolicy;
use crate::event::Endpoint;
use crate::metrics::route_label;

/// The longest part of an unknown path that is logged.
const PATH_LOGGED: usize = 100;

/// One route, ready for requests.
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) pattern: Pattern,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) policy: VerifyPolicy,
}

/// The router of all routes. axum matches the path as sent: what differs by a doubled slash, a dot or a percent-escape
/// is another path.
pub(crate) fn router(
    config: &IngressConfig,
    handler: &Arc<Handler>,
    refusals: &Arc<Refusals>,
) -> Result<Router, String> {
    let mut router = Router::new();
    for route in routes(config)? {
        let paths = route.pattern.paths();
        let route = Arc::new(route);
        for path in paths {
            let (handler, route) = (Arc::clone(handler), Arc::clone(&route));
            router = router.route(&path, any(move |request| answer(handler, route, request)));
        }
    }
    let refusals = Arc::clone(refusals);
    Ok(router.fallback(move |request| unknown(refusals, request)))
}

fn routes(config: &IngressConfig) -> Result<Vec<Route>, String> {
    let route = |(name, route): (&String, &super::config::RouteConfig)| {
        Ok(Route {
            name: name.clone(),
            pattern: Pattern::parse(&route.path)?,
            endpoint: route.endpoint,
            policy: config.policy(route),
        })
    };
    config.routes.iter().map(route).collect()
}

async fn answer(handler: Arc<Handler>, route: Arc<Route>, request: Request) -> Response {
    let mut response = handler.answer(&route, request).await.into_response();
    response.extensions_mut().insert(CountedAs(route_label(route.endpoint)));
    response
}

async fn unknown(refusals: Arc<Refusals>, request: Request) -> Response {
    if let Some(left_out) = refusals.admit("unknown_path") {
        let path = masked(request.uri().path());
        tracing::warn!(
            ?path,
            left_out,
            "a request for a path that no route has; compare it with ingress.routes"
        );
    }
    Answer::UnknownPath.into_response()
}

/// The path without its digits: whatever else it is, it must not be a phone number.
fn masked(path: &str) -> String {
    path.chars()
        .take(PATH_LOGGED)
        .map(|character| if character.is_ascii_digit() { '#' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_path_is_short_and_holds_no_number() {
        assert_eq!(masked("/cb/+15550100/x"), "/cb/+########/x");
        assert_eq!(masked(&"/".repeat(500)).len(), PATH_LOGGED);
    }
}
