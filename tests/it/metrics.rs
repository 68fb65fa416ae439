//! What Prometheus sees.

use crate::support::callback::{Callback, PAIRS};
use crate::support::config::Config;
use crate::support::http::{self, Request};
use crate::support::relay::Home;

#[test]
fn every_series_is_there_from_the_start() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let metrics = relay.metrics();
    for series in metrics.series() {
        assert!(series.starts_with("tendlc_"), "{series}");
    }
    // What is not 0 in a relay that has seen nothing yet: states and sizes, no events.
    let states =
        ["accounts", "build_info", "connections", "ready", "sink_up", "spool_", "process_", "start_time"];
    for (series, value) in metrics.risen() {
        let name = series.strip_prefix("tendlc_").unwrap();
        assert!(states.iter().any(|state| name.starts_with(state)), "{series} is {value}");
    }
    for (endpoint, status) in PAIRS {
        metrics.sum("tendlc_events_total", &[("endpoint", endpoint), ("status", status)]);
        for outcome in ["accepted", "duplicate", "held_back", "quarantined"] {
            metrics.sum("tendlc_callbacks_total", &[("endpoint", endpoint), ("outcome", outcome)]);
        }
        metrics.sum(
            "tendlc_published_total",
            &[("sink", "files"), ("topic", &format!("plivo.10dlc.{endpoint}"))],
        );
    }
    for reason in ["missing_signature", "malformed_signature", "missing_nonce", "mismatch", "v3_required"] {
        metrics.sum("tendlc_verifications_total", &[("result", "refused"), ("reason", reason)]);
    }
    for name in [
        "v3_mismatches_total",
        "key_matches_total",
        "append_duration_seconds_count",
        "commit_duration_seconds_count",
        "commit_group_size_count",
        "publish_retries_total",
        "dead_lettered_total",
        "publish_duration_seconds_count",
        "accept_to_publish_seconds_count",
        "depth",
        "lag_seconds",
        "producer_rebuilds_total",
        "spool_cap_bytes",
        "ledger_rows",
        "requests_in_flight",
    ] {
        metrics.sum(&format!("tendlc_{name}"), &[]);
    }
}

#[test]
fn nothing_that_a_caller_sends_makes_a_series() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let before: Vec<String> = relay.metrics().series().map(str::to_owned).collect();
    for request in [
        Request::new("GET", "/nobody/knows/this"),
        Request::new("BREW", "/tendlc_status/"),
        Request::new("GET", "/tendlc_status/some-account/some-tag/"),
        Request::new("GET", "/tendlc_status/?a=b").header("X-Plivo-Signature-V2", "x"),
        Callback::new("brand", "status-of-my-own").request(),
        Callback::with_params("/tendlc_status/", &[("my", "own")]).request(),
        Callback::new("brand", "created").path("/tendlc_status/acme/a-tag-of-my-own/").request(),
    ] {
        relay.request(&request);
    }
    relay.drained();
    let after: Vec<String> = relay.metrics().series().map(str::to_owned).collect();
    assert_eq!(before, after);
}

#[test]
fn a_callback_is_counted_along_its_whole_way() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    relay.accept(&Callback::new("campaign", "registered"));
    relay.drained();
    let metrics = relay.metrics();
    for (name, labels) in [
        ("requests_total", &[("endpoint", "campaign"), ("method", "POST"), ("code", "200")][..]),
        ("verifications_total", &[("scheme", "v2"), ("result", "ok")]),
        ("key_matches_total", &[("key", "account"), ("slot", "0")]),
        ("callbacks_total", &[("endpoint", "campaign"), ("outcome", "accepted")]),
        ("events_total", &[("endpoint", "campaign"), ("status", "registered")]),
        ("append_duration_seconds_count", &[]),
        ("published_total", &[("sink", "files"), ("topic", "plivo.10dlc.campaign")]),
        ("accept_to_publish_seconds_count", &[("sink", "files")]),
    ] {
        assert_eq!(metrics.sum(&format!("tendlc_{name}"), labels), 1.0, "{name}");
    }
    assert_eq!(metrics.sum("tendlc_lag_seconds", &[]), 0.0);
    assert!(metrics.sum("tendlc_spool_bytes", &[]) > 0.0);
}

#[test]
fn the_admin_listener_is_another_one_and_only_reads() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    assert_ne!(relay.callbacks.port(), relay.admin.port());
    assert!(relay.admin.ip().is_loopback());
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(relay.admin(path).status, 200, "{path}");
        assert_eq!(
            relay.request(&Request::new("GET", path)).status,
            404,
            "{path} on the callbacks' listener"
        );
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(
                http::send(relay.admin, &Request::new(method, path)).unwrap().status,
                405,
                "{method} {path}"
            );
        }
    }
    let callback = Callback::new("brand", "created").request();
    assert_eq!(http::send(relay.admin, &callback).unwrap().status, 404);
    assert_eq!(relay.admin("/anything").status, 404);
}

#[test]
fn a_verification_that_is_off_is_logged_and_shown() {
    let config = Config::files().ingress("verification = \"off\"").text();
    let home = Home::new(&config);
    let relay = home.start();
    assert_eq!(relay.metrics().sum("tendlc_verification_off", &[]), 1.0);
    let entries = relay.process.log.entries();
    assert!(
        entries.iter().any(|entry| entry["level"] == "WARN" && entry.to_string().contains("verification"))
    );
    let unsigned = Callback::new("brand", "created").request().without_header("X-Plivo-Signature-V2");
    assert_eq!(relay.request(&unsigned).status, 200);
}
