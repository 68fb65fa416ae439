//! The configured routes, and which of them a request is for.

use std::sync::Arc;

use axum::http::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Body;

use super::answer::Answer;
use super::config::IngressConfig;
use super::front::{Arrival, CountedAs};
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

impl Route {
    /// The configured ones, the least vague first: the first that matches a path is the one.
    pub(crate) fn all(config: &IngressConfig) -> Result<Vec<Route>, String> {
        let route = |(name, route): (&String, &super::config::RouteConfig)| {
            Ok(Route {
                name: name.clone(),
                pattern: Pattern::parse(&route.path)?,
                endpoint: route.endpoint,
                policy: config.policy(route),
            })
        };
        let mut routes: Vec<Route> = config.routes.iter().map(route).collect::<Result<_, String>>()?;
        routes.sort_by_key(|route| route.pattern.vagueness());
        Ok(routes)
    }
}

/// All routes of the callback listener. A path is matched as sent: what differs by a doubled slash, a dot or a
/// percent-escape is another path.
pub(crate) struct Routes {
    routes: Vec<Route>,
    handler: Handler,
    refusals: Arc<Refusals>,
}

impl Routes {
    pub(crate) fn new(
        config: &IngressConfig,
        handler: Handler,
        refusals: Arc<Refusals>,
    ) -> Result<Self, String> {
        Ok(Routes { routes: Route::all(config)?, handler, refusals })
    }

    /// The answer to a request, and the label under which it counts.
    pub(crate) async fn answer<B>(&self, request: Request<B>, arrival: &Arrival) -> (Response, CountedAs)
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let path = request.uri().path();
        let Some(route) = self.routes.iter().find(|route| route.pattern.matches(path)) else {
            return (self.unknown(path).into_response(), CountedAs::NO_ROUTE);
        };
        let answer = self.handler.answer(route, arrival, request).await;
        (answer.into_response(), CountedAs(route_label(route.endpoint)))
    }

    fn unknown(&self, path: &str) -> Answer {
        if let Some(left_out) = self.refusals.admit("unknown_path") {
            let path = masked(path);
            tracing::warn!(
                ?path,
                left_out,
                "a request for a path that no route has; compare it with ingress.routes"
            );
        }
        Answer::UnknownPath
    }
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
