//! Plivo's 10DLC API, as its SDKs meet it.
//!
//! Paths, answers and error bodies are those of the exchanges in `tests/vectors/rest_traffic.json`. What the
//! exchanges do not show goes by Plivo's API pages: a page of a list has 20 entries at most, a brand must be
//! registered before it has campaigns, and a rejected campaign that is updated is submitted again. Lengths of texts
//! are not checked: the exchanges have campaigns without a description that were taken.

mod answer;
mod args;
mod auth;
mod brands;
mod campaigns;
mod canned;
mod numbers;
mod page;
mod server;
#[cfg(test)]
mod tests;
mod usecases;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

pub use canned::{Canned, CannedError};
pub use server::{Limits, Server};

use super::state::State;

/// What every handler has.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    state: Arc<State>,
    canned: Arc<[Canned]>,
}

/// The whole API.
pub fn router(state: Arc<State>, canned: Vec<Canned>) -> Router {
    let api = Api { state, canned: canned.into() };
    let routes = Router::new()
        .route("/Brand/", get(brands::list).post(brands::create))
        .route("/Brand/{id}/", get(brands::get).delete(brands::delete))
        .route("/Brand/{id}/usecases/", get(brands::usecases))
        .route("/Campaign/", get(campaigns::list).post(campaigns::create))
        .route("/Campaign/Import/", axum::routing::post(campaigns::import))
        .route("/Campaign/{id}/", get(campaigns::get).post(campaigns::update).delete(campaigns::delete))
        .route("/Campaign/{id}/Number/", get(numbers::list).post(numbers::link))
        .route("/Campaign/{id}/Number/{number}/", get(numbers::get).delete(numbers::unlink))
        .method_not_allowed_fallback(wrong_method);
    Router::new()
        .nest("/v1/Account/{auth_id}/10dlc", routes)
        .route_layer(from_fn_with_state(api.clone(), auth::require))
        .fallback(no_route)
        .with_state(api)
}

async fn no_route() -> axum::response::Response {
    answer::json(StatusCode::NOT_FOUND, &serde_json::json!({ "error": "no route" }))
}

async fn wrong_method(axum::extract::State(api): axum::extract::State<Api>) -> axum::response::Response {
    api.error(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
}
