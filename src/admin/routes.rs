//! The paths of the admin listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::AdminState;

/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn router(state: AdminState) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        .with_state(Arc::new(state))
}

/// That this answers is all that liveness means: a restart would mend neither a broker nor a disk.
async fn livez() -> Response {
    document(StatusCode::OK, &json!({ "alive": true }))
}

async fn readyz(State(state): State<Arc<AdminState>>) -> Response {
    let asked = spawn_blocking(move || {
        let report = state.readiness.report();
        state.metrics.ready.set(i64::from(report.ready));
        let sinks = (state.lanes)();
        (report.ready, json!({ "ready": report.ready, "checks": report.checks, "sinks": sinks }))
    });
    match asked.await {
        Ok((true, report)) => document(StatusCode::OK, &report),
        Ok((false, report)) => document(StatusCode::SERVICE_UNAVAILABLE, &report),
        Err(_) => broken(),
    }
}

async fn metrics(State(state): State<Arc<AdminState>>) -> Response {
    let encoded = spawn_blocking(move || {
        state.metrics.ready.set(i64::from(state.readiness.report().ready));
        state.metrics.draining.set(i64::from(state.readiness.is_draining()));
        (state.refresh)();
        state.metrics.encode()
    });
    match encoded.await {
        Ok(text) => ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(_) => broken(),
    }
}

async fn unknown() -> Response {
    let text = "there are /metrics, /livez and /readyz; callbacks go to the other listener";
    document(StatusCode::NOT_FOUND, &json!({ "error": "unknown_path", "message": text }))
}

/// A closure of the state panicked; its own line is in the log.
fn broken() -> Response {
    let text = "the relay failed on this request; see its log";
    document(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "internal", "message": text }))
}

fn document(status: StatusCode, document: &serde_json::Value) -> Response {
    (status, axum::Json(document)).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tower::ServiceExt;

    use super::*;
    use crate::callback::Accounts;
    use crate::ingress::Readiness;
    use crate::metrics::Metrics;

    struct Relay {
        router: Router,
        spool_good: Arc<AtomicBool>,
        readiness: Readiness,
    }

    fn relay() -> Relay {
        let spool_good = Arc::new(AtomicBool::new(true));
        let probe = Arc::clone(&spool_good);
        let spool = move || if probe.load(Ordering::Relaxed) { Ok(()) } else { Err("disk full".to_owned()) };
        let readiness = Readiness::new(Accounts::default(), true, spool);
        let metrics = Metrics::new().unwrap();
        let measured = metrics.clone();
        let refresh = move || measured.spool_records.set(7);
        let lanes = || json!([{ "sink": "kafka", "up": false }]);
        let state = AdminState::new(metrics, readiness.clone(), refresh, lanes);
        Relay { router: router(state), spool_good, readiness }
    }

    impl Relay {
        async fn ask(&self, method: &str, path: &str) -> (StatusCode, String) {
            let request = axum::http::Request::builder().method(method).uri(path);
            let request = request.body(axum::body::Body::empty()).unwrap();
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            (status, String::from_utf8(bytes.to_vec()).unwrap())
        }
    }

    #[tokio::test]
    async fn a_sink_that_is_down_shows_and_does_not_change_the_code() {
        let (status, text) = relay().ask("GET", "/readyz").await;
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(report["ready"], true);
        assert_eq!(report["sinks"][0]["up"], false);
    }

    #[tokio::test]
    async fn a_spool_that_cannot_be_written_and_a_drain_make_it_unready_but_not_dead() {
        let relay = relay();
        relay.spool_good.store(false, Ordering::Relaxed);
        let (status, text) = relay.ask("GET", "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("disk full"), "{text}");

        relay.spool_good.store(true, Ordering::Relaxed);
        assert_eq!(relay.ask("GET", "/readyz").await.0, StatusCode::OK);
        relay.readiness.begin_drain();
        assert_eq!(relay.ask("GET", "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(relay.ask("GET", "/livez").await.0, StatusCode::OK);
        let (_, metrics) = relay.ask("GET", "/metrics").await;
        assert!(metrics.contains("tendlc_ready 0") && metrics.contains("tendlc_draining 1"));
    }

    #[tokio::test]
    async fn metrics_are_measured_when_they_are_asked_for() {
        let (status, text) = relay().ask("GET", "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("tendlc_spool_records 7"), "{text}");
        assert!(text.contains("tendlc_ready 1"));
    }

    #[tokio::test]
    async fn it_only_reads() {
        for path in ["/metrics", "/livez", "/readyz"] {
            assert_eq!(relay().ask("POST", path).await.0, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        }
        assert_eq!(relay().ask("GET", "/").await.0, StatusCode::NOT_FOUND);
    }
}
