//! What each request gets: every row of the table in the design.

use serde_json::Value;
use tokio::time::Instant;

use super::relay::{Relay, brand, config, nonce, post, post_as, signed, state};
use super::wire::Reply;
use crate::ingress::answer::Answer;
use crate::ingress::front::Arrival;
use crate::ingress::{IngressConfig, LimitsConfig, RouteConfig};
use crate::units::{Size, Span};

const BRAND: &str = "/tendlc_status/brand/";

fn json(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{reply:?}"))
}

fn limited(limits: LimitsConfig) -> IngressConfig {
    IngressConfig { limits, ..config() }
}

#[tokio::test]
async fn a_new_callback_is_accepted_and_its_retry_is_a_duplicate_with_the_same_id() {
    let relay = Relay::start(config()).await;
    let callback = post(BRAND, &brand());
    let first = relay.ask(&callback).await;
    assert_eq!((first.status, json(&first)["status"].as_str()), (200, Some("accepted")), "{first:?}");
    assert!(first.head.contains("content-type: application/json"));

    let retry = relay.ask(&callback).await;
    assert_eq!((retry.status, json(&retry)["status"].as_str()), (200, Some("duplicate")));
    assert_eq!(json(&retry)["id"], json(&first)["id"]);

    let metrics = &relay.state.metrics;
    assert_eq!(relay.requests("brand", "POST", "200"), 2);
    for outcome in ["accepted", "duplicate"] {
        assert_eq!(metrics.callbacks.with_label_values(&["brand", outcome]).get(), 1, "{outcome}");
    }
    assert_eq!(metrics.events.with_label_values(&["brand", "registered"]).get(), 1);
    assert_eq!(metrics.verifications.with_label_values(&["v2", "ok", "none"]).get(), 2);
    assert_eq!(metrics.key_matches.with_label_values(&["account", "0"]).get(), 2);
}

#[tokio::test]
async fn a_signature_with_other_content_is_quarantined() {
    let relay = Relay::start(config()).await;
    let headers = signed(BRAND, &nonce());
    assert_eq!(relay.ask(&post_as(BRAND, &brand(), &headers)).await.status, 200);
    let tampered = relay.ask(&post_as(BRAND, &brand(), &headers)).await;
    assert_eq!((tampered.status, json(&tampered)["status"].as_str()), (200, Some("quarantined")));
    assert_eq!(relay.state.metrics.callbacks.with_label_values(&["brand", "quarantined"]).get(), 1);
}

#[tokio::test]
async fn every_default_path_is_served_with_and_without_its_slash_by_get_and_post() {
    let relay = Relay::start(config()).await;
    for name in ["", "brand", "campaign", "number_linking", "number_unlinking", "acme/tag-1"] {
        let path = format!("/tendlc_status/{name}");
        let path = path.trim_end_matches('/');
        for path in [path.to_owned(), format!("{path}/")] {
            assert_eq!(relay.ask(&post(&path, &brand())).await.status, 200, "{path}");
            let get =
                format!("GET {path}?{} HTTP/1.1\r\nhost: inside\r\n{}\r\n", brand(), signed(&path, &nonce()));
            let reply = relay.ask(&get).await;
            assert_eq!((reply.status, json(&reply)["status"].as_str()), (200, Some("accepted")), "{path}");
        }
    }
    assert_eq!(relay.requests("any", "GET", "200"), 4);
    assert_eq!(relay.requests("campaign", "POST", "200"), 2);
}

#[tokio::test]
async fn what_is_not_proven_is_refused_without_saying_why() {
    let relay = Relay::start(config()).await;
    let forged = signed("/another/path/", &nonce());
    let unknown = "/tendlc_status/nobody/tag/";
    let cases = [
        (post_as(BRAND, &brand(), ""), "none", "missing_signature"),
        (post_as(BRAND, &brand(), &forged), "v2", "mismatch"),
        (post(unknown, &brand()), "v2", "unknown_account"),
    ];
    let mut bodies = Vec::new();
    for (request, scheme, reason) in cases {
        let reply = relay.ask(&request).await;
        assert_eq!(reply.status, 403, "{reason}");
        let counted = relay.state.metrics.verifications.with_label_values(&[scheme, "refused", reason]);
        assert_eq!(counted.get(), 1, "{reason}");
        bodies.push(reply.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the sender learns nothing: {bodies:?}");
}

#[tokio::test]
async fn an_account_in_the_path_pins_the_tokens() {
    let relay = Relay::start(config()).await;
    let acme = post("/tendlc_status/acme/t/", &brand());
    assert_eq!(relay.ask(&acme).await.status, 200);
    // Signed by acme, for exactly this path.
    let beta = post("/tendlc_status/beta/t/", &brand());
    assert_eq!(relay.ask(&beta).await.status, 403);
}

#[tokio::test]
async fn other_paths_are_unknown_however_alike() {
    let relay = Relay::start(config()).await;
    let alike = [
        "/",
        "/tendlc_status//",
        "//tendlc_status/",
        "/tendlc_status/./",
        "/tendlc_status/x/../brand/",
        "/tendlc_status/br%61nd/",
        "/tendlc_statu%73/",
        "/TENDLC_STATUS/",
        "/tendlc_status/acme/tag/more/",
        "/tendlc_status/acme/%2e%2e/",
        "/tendlc_status/acme/../",
    ];
    for path in alike {
        let reply = relay.ask(&post(path, &brand())).await;
        assert_eq!((reply.status, json(&reply)["error"].as_str()), (404, Some("unknown_path")), "{path}");
    }
    assert!(relay.requests("none", "POST", "404") > 0);
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_are_taken() {
    let relay = Relay::start(config()).await;
    for method in ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "BREW"] {
        let request = format!("{method} {BRAND} HTTP/1.1\r\nhost: inside\r\nconnection: close\r\n\r\n");
        let mut wire = relay.connect().await;
        wire.send(&request).await;
        let reply = wire.end().await.to_ascii_lowercase();
        assert!(
            reply.starts_with("http/1.1 405 ") && reply.contains("allow: get, post"),
            "{method}: {reply}"
        );
    }
    assert_eq!(relay.requests("brand", "other", "405"), 6);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let relay =
        Relay::start(limited(LimitsConfig { body: Size::from_kib(1), ..LimitsConfig::default() })).await;
    let exact = "x".repeat(1 << 10);
    assert_eq!(relay.ask(&post(BRAND, &exact)).await.status, 200);
    let over = relay.ask(&post(BRAND, &format!("{exact}x"))).await;
    assert_eq!((over.status, json(&over)["error"].as_str()), (413, Some("too_large")));

    let announced = format!("POST {BRAND} HTTP/1.1\r\nhost: r\r\ncontent-length: 9999999999\r\n\r\n");
    assert_eq!(relay.ask(&announced).await.status, 413);

    let mut wire = relay.connect().await;
    wire.send(&format!("POST {BRAND} HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\n")).await;
    let mut chunks = 0;
    while wire.try_send(b"400\r\n").await
        && wire.try_send("z".repeat(0x400).as_bytes()).await
        && wire.try_send(b"\r\n").await
        && chunks < 64
    {
        chunks += 1;
    }
    assert_eq!(wire.reply().await.status, 413);
    wire.end().await;
}

#[tokio::test]
async fn a_body_that_stalls_is_answered_408_and_one_that_breaks_is_not_taken() {
    let limits = LimitsConfig { request_deadline: Span::from_millis(300), ..LimitsConfig::default() };
    let relay = Relay::start(limited(limits)).await;
    let mut wire = relay.connect().await;
    let whole = post(BRAND, &brand());
    wire.send(&whole[..whole.len() - 3]).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, json(&reply)["error"].as_str()), (408, Some("too_slow")));
    assert!(reply.head.contains("connection: close"));
    assert_eq!(wire.end().await, "");

    let broken = format!(
        "POST {BRAND} HTTP/1.1\r\nhost: r\r\n{}transfer-encoding: chunked\r\n\r\n2\r\nab\r\nnot a size\r\n",
        signed(BRAND, &nonce())
    );
    assert_eq!(relay.ask(&broken).await.status, 400);
}

#[tokio::test]
async fn what_is_signed_and_strange_is_accepted() {
    let relay = Relay::start(config()).await;
    let strange = [
        ("content-type: text/plain\r\n", "hello", "content_type"),
        ("content-encoding: gzip\r\ncontent-type: application/json\r\n", "\x1f\x08", "content_encoding"),
        ("content-type: application/json\r\n", "{", "malformed"),
        ("content-type: application/json\r\n", "{\"colour\":\"red\"}", "unknown_fields"),
    ];
    for (headers, body, reason) in strange {
        let path = "/tendlc_status/";
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: r\r\n{headers}{}content-length: {}\r\n\r\n{body}",
            signed(path, &nonce()),
            body.len()
        );
        let reply = relay.ask(&request).await;
        assert_eq!((reply.status, json(&reply)["status"].as_str()), (200, Some("accepted")), "{reason}");
        assert_eq!(relay.state.metrics.unrecognized.with_label_values(&[reason]).get(), 1, "{reason}");
    }
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_answered_503_with_the_time_to_come_back() {
    let relay = Relay::start(config()).await;
    relay.state.spool.clone().close().await;
    let reply = relay.ask(&post(BRAND, &brand())).await;
    assert_eq!((reply.status, json(&reply)["error"].as_str()), (503, Some("not_durable")));
    assert!(reply.head.contains("retry-after: "));
    assert_eq!(relay.state.metrics.append_failures.with_label_values(&["closed"]).get(), 1);
    let closed = relay.ask(&post_as(BRAND, &brand(), "")).await;
    assert_eq!(closed.status, 403, "what is forged is refused all the same");
}

/// Asks a handler directly, with limits and at times that no configuration file and no socket could bring about.
async fn ask_directly(limits: LimitsConfig, at: Instant) -> (Answer, std::sync::Arc<crate::ingress::State>) {
    use crate::ingress::handler::Handler;
    use crate::ingress::pattern::Pattern;
    use crate::ingress::routes::Route;

    let (state, _directory) = state();
    let config = limited(limits);
    let route = RouteConfig { endpoint: None, ..config.routes["brand"].clone() };
    let route = Route {
        name: "brand".to_owned(),
        pattern: Pattern::parse(&route.path).unwrap(),
        endpoint: None,
        policy: config.policy(&route),
    };
    let handler = Handler::new(&config, state.clone(), std::sync::Arc::default()).unwrap();
    let mut request = axum::http::Request::builder().method("POST").uri(BRAND);
    for line in signed(BRAND, &nonce()).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let request = request.body(axum::body::Body::from(brand())).unwrap();
    (handler.answer(&route, &Arrival::at(at), request).await, state)
}

#[tokio::test]
async fn a_commit_that_comes_late_is_answered_503() {
    let limits = LimitsConfig::default();
    let expired = Instant::now() - limits.request_deadline.get();
    let (answer, state) = ask_directly(limits, expired).await;
    assert!(matches!(answer, Answer::NotDurable { .. }), "{answer:?}");
    assert_eq!(state.metrics.append_failures.with_label_values(&["late"]).get(), 1);
}

#[tokio::test]
async fn over_the_limit_of_concurrent_requests_the_answer_is_503() {
    let (answer, state) =
        ask_directly(LimitsConfig { in_flight: 0, ..LimitsConfig::default() }, Instant::now()).await;
    assert_eq!(answer, Answer::Overloaded);
    assert_eq!(state.metrics.append_failures.with_label_values(&["overload"]).get(), 1);
    assert_eq!(state.metrics.requests_in_flight.get(), 0);
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_origin_and_others_do_not() {
    use super::relay::ORIGIN;
    let (scheme, host) = ORIGIN.split_once("://").unwrap();
    let told = format!("x-forwarded-proto: {scheme}\r\nx-forwarded-host: {host}\r\n");
    for (proxies, status) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 403)] {
        let config = IngressConfig {
            public_urls: vec!["https://another.example.com".to_owned()],
            trusted_proxies: vec![proxies.to_owned()],
            ..config()
        };
        let relay = Relay::start(config).await;
        let headers = format!("{}{told}", signed(BRAND, &nonce()));
        assert_eq!(relay.ask(&post_as(BRAND, &brand(), &headers)).await.status, status, "{proxies}");
    }
}
