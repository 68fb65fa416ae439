//! What each request gets: the table of answers, row by row.

use serde_json::Value;

use crate::support::callback::{Callback, ORIGIN, Scheme, Shape, TOKEN, fresh_nonce};
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::{Connection, Request, Response};
use crate::support::relay::{Home, Relay};
use crate::support::sign;
use crate::support::wait::{until, until_true};

fn verdict(answer: &Response) -> (u16, String) {
    (answer.status, answer.text("status"))
}

fn outcome(relay: &Relay, endpoint: &str, outcome: &str) -> f64 {
    relay.metrics().sum("tendlc_callbacks_total", &[("endpoint", endpoint), ("outcome", outcome)])
}

/// A signed POST of any body to the path that serves all endpoints.
fn signed(path: &str, body: &[u8]) -> Request {
    let nonce = fresh_nonce();
    Request::new("POST", path)
        .header("X-Plivo-Signature-V2", &sign::v2(&format!("{ORIGIN}{path}"), &nonce, TOKEN))
        .header("X-Plivo-Signature-V2-Nonce", &nonce)
        .body(body)
}

#[test]
fn a_new_callback_is_accepted_and_its_retry_is_a_duplicate() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let callback = Callback::new("brand", "created");
    let id = relay.accept(&callback);
    let again = relay.send(&callback);
    assert_eq!(verdict(&again), (200, "duplicate".to_owned()));
    assert_eq!(again.text("id"), id);
    assert_eq!((outcome(&relay, "brand", "accepted"), outcome(&relay, "brand", "duplicate")), (1.0, 1.0));
}

#[test]
fn the_same_content_newly_signed_is_held_back_and_listed() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let callback = Callback::new("number_linking", "failed");
    let id = relay.accept(&callback);
    let again = relay.send(&callback.clone().signed_again());
    assert_eq!(verdict(&again), (200, "duplicate".to_owned()));
    assert_eq!(again.text("id"), id);
    assert_eq!(outcome(&relay, "number_linking", "held_back"), 1.0);
    // A second attempt that is itself retried is held back once.
    let twice = callback.signed_again();
    relay.send(&twice);
    relay.send(&twice);
    assert_eq!(outcome(&relay, "number_linking", "held_back"), 2.0);
    assert_eq!(relay.metrics().sum("tendlc_held_rows", &[]), 2.0);
    relay.drained();
    assert_eq!(files::events(&home.events()).len(), 1);
}

#[test]
fn a_duplicate_after_a_change_of_status_is_counted_apart() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let created = Callback::new("campaign", "created");
    relay.accept(&created);
    let rejected = Callback::about("campaign", "rejected", created.entity());
    relay.accept(&rejected);
    assert_eq!(verdict(&relay.send(&created.signed_again())), (200, "duplicate".to_owned()));
    assert_eq!(relay.metrics().sum("tendlc_duplicates_after_status_change_total", &[]), 1.0);
}

#[test]
fn a_signature_with_other_content_is_quarantined_and_never_published_to_the_endpoints_topic() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let genuine = Callback::new("brand", "rejected");
    let id = relay.accept(&genuine);
    let tampered = Callback::about("brand", "registered", genuine.entity()).nonce(&genuine.nonce);
    let answer = relay.send(&tampered);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text("status"), "quarantined");
    assert_eq!(outcome(&relay, "brand", "quarantined"), 1.0);
    assert_eq!(relay.metrics().sum("tendlc_quarantine_rows", &[]), 1.0);
    relay.drained();
    let events = files::events(&home.events());
    assert_eq!(events.iter().map(|event| event["id"].as_str().unwrap()).collect::<Vec<_>>(), [id]);
}

#[test]
fn what_is_signed_and_not_understood_is_kept_as_unrecognized() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let many: String = (0..300).map(|n| format!("p{n}=v&")).collect();
    let form = "application/x-www-form-urlencoded";
    let any = "/tendlc_status/";
    let gzip = signed(any, b"\x1f\x8b\x08not really")
        .header("Content-Type", form)
        .header("Content-Encoding", "gzip");
    let cases = [
        ("content_type", signed(any, b"<xml/>").header("Content-Type", "application/xml")),
        ("content_encoding", gzip),
        ("malformed", signed(any, b"{\"brand_id\":").header("Content-Type", "application/json")),
        ("too_many_parameters", signed(any, many.as_bytes()).header("Content-Type", form)),
        ("unknown_fields", signed(any, b"colour=green").header("Content-Type", form)),
    ];
    for (reason, request) in &cases {
        let answer = relay.request(request);
        assert_eq!(verdict(&answer), (200, "accepted".to_owned()), "{reason}: {answer:?}");
        assert_eq!(relay.metrics().sum("tendlc_unrecognized_total", &[("reason", reason)]), 1.0, "{reason}");
    }
    relay.drained();
    let events = files::topic_events(&home.events(), "plivo.10dlc.unrecognized");
    assert_eq!(events.len(), cases.len());
    for event in events {
        assert_eq!(event["type"], "com.plivo.10dlc.unrecognized", "{event}");
        let raw = &event["data"]["raw"];
        assert!(
            ["form", "json", "body"].iter().any(|kind| has_content(&raw[kind])),
            "bytes are lost: {event}"
        );
    }
}

fn has_content(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => false,
    }
}

#[test]
fn an_unknown_status_is_passed_on_and_counted() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    relay.accept(&Callback::new("brand", "on_the_moon"));
    relay.drained();
    let events = files::topic_events(&home.events(), "plivo.10dlc.brand");
    assert_eq!(events[0]["data"]["status"], "unknown");
    assert_eq!(events[0]["data"]["provider_status"], "on_the_moon");
    let counted = relay.metrics().sum("tendlc_events_total", &[("endpoint", "brand"), ("status", "unknown")]);
    assert_eq!(counted, 1.0);
}

#[test]
fn a_forgery_is_refused_and_counted_by_its_reason() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let genuine = || Callback::new("brand", "created");
    let unsigned = genuine().request().without_header("X-Plivo-Signature-V2");
    let garbled = unsigned.clone().header("X-Plivo-Signature-V2", "not base64!");
    let cases = [
        ("missing_signature", unsigned.clone().without_header("X-Plivo-Signature-V2-Nonce")),
        ("malformed_signature", garbled),
        ("missing_nonce", genuine().request().without_header("X-Plivo-Signature-V2-Nonce")),
        ("mismatch", genuine().token("t0ken-of-a-stranger").request()),
        ("mismatch", Request { target: "/tendlc_status/campaign/".to_owned(), ..genuine().request() }),
    ];
    for (reason, request) in cases {
        let before = refused(&relay, reason);
        let answer = relay.request(&request);
        assert_eq!(answer.status, 403, "{reason}: {answer:?}");
        assert_eq!(refused(&relay, reason), before + 1.0, "{reason}");
    }
    until_true("a warning in the log", || {
        relay.process.log.entries().iter().any(|entry| entry["level"] == "WARN")
    });
    assert_eq!(outcome(&relay, "brand", "accepted"), 0.0);
}

fn refused(relay: &Relay, reason: &str) -> f64 {
    relay.metrics().sum("tendlc_verifications_total", &[("result", "refused"), ("reason", reason)])
}

#[test]
fn a_route_that_requires_v3_takes_nothing_less() {
    let route = "[ingress.routes.strict]\npath = \"/strict/\"\nendpoint = \"brand\"\nrequire = \"v3\"";
    let home = Home::new(&Config::files().tables(route).text());
    let relay = home.start();
    let callback = || Callback::new("brand", "created").path("/strict/");
    assert_eq!(relay.send(&callback()).status, 403);
    assert_eq!(refused(&relay, "v3_required"), 1.0);
    relay.accept(&callback().scheme(Scheme::V3));
    relay.accept(&callback().scheme(Scheme::V3).shape(Shape::Query));
}

#[test]
fn a_tenants_path_pins_the_account_and_its_tag_is_in_the_event() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let about = Callback::new("brand", "created").entity().to_owned();
    let at = |path: &str| Callback::with_params(path, &[("brand_id", &about), ("status", "created")]);
    relay.accept(&at("/tendlc_status/acme/store-17/"));
    assert_eq!(relay.send(&at("/tendlc_status/nobody/store-17/")).status, 403);
    assert_eq!(refused(&relay, "unknown_account"), 1.0);
    relay.drained();
    let events = files::topic_events(&home.events(), "plivo.10dlc.brand");
    assert_eq!(
        events.iter().map(|event| event["data"]["tag"].as_str()).collect::<Vec<_>>(),
        [Some("store-17")]
    );
}

#[test]
fn the_path_with_and_without_its_trailing_slash_is_served() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    for path in ["/tendlc_status", "/tendlc_status/", "/tendlc_status/brand", "/tendlc_status/brand/"] {
        relay.accept(&Callback::new("brand", "created").path(path));
    }
}

#[test]
fn wrong_methods_and_unknown_paths_are_told_so() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = relay.request(&Request::new(method, "/tendlc_status/brand/"));
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")), "{answer:?}");
    }
    for path in
        ["/", "/tendlc_status/brands/", "/tendlc_status//brand/", "/tendlc_status/%62rand/", "/metrics"]
    {
        assert_eq!(relay.request(&Request::new("GET", path)).status, 404, "{path}");
    }
}

#[test]
fn a_body_over_the_limit_is_refused_however_it_comes() {
    let home = Home::new(&Config::files().ingress("limits = { body = \"2KiB\" }").text());
    let relay = home.start();
    let over = signed("/tendlc_status/brand/", &[b'a'; 2049]).header("Content-Type", "text/plain");
    assert_eq!(relay.request(&over).status, 413);
    let mut connection = Connection::open(relay.callbacks).unwrap();
    let head = "POST /tendlc_status/brand/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.write(head.as_bytes()).unwrap();
    for _ in 0..3 {
        // The relay may stop reading and answer at any of these.
        let _ = connection.write(format!("400\r\n{}\r\n", "a".repeat(0x400)).as_bytes());
    }
    assert_eq!(connection.read().unwrap().status, 413);
    assert_eq!(relay.metrics().sum("tendlc_requests_total", &[("code", "413")]), 2.0);
}

#[test]
fn headers_over_the_limit_are_refused() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let padded = Callback::new("brand", "created").request().header("X-Padding", &"p".repeat(20_000));
    assert_eq!(relay.request(&padded).status, 431);
    let mut many = Callback::new("brand", "created").request();
    for number in 0..100 {
        many = many.header(&format!("X-Number-{number}"), "1");
    }
    assert_eq!(relay.request(&many).status, 431);
}

#[test]
fn a_request_that_does_not_come_to_its_end_is_answered_408() {
    let home = Home::new(&Config::files().ingress("limits = { request_deadline = \"300ms\" }").text());
    let relay = home.start();
    let mut slow_body = Connection::open(relay.callbacks).unwrap();
    let request = Callback::new("brand", "created").request().bytes();
    slow_body.write(&request[..request.len() - 1]).unwrap();
    let mut slow_head = Connection::open(relay.callbacks).unwrap();
    slow_head.write(b"POST /tendlc_status/brand/ HTTP/1.1\r\nHost: h\r\nX-").unwrap();
    for mut connection in [slow_body, slow_head] {
        assert_eq!(connection.read().unwrap().status, 408);
        assert!(connection.is_at_end());
    }
    relay.accept(&Callback::new("brand", "created"));
}

#[test]
fn what_was_not_registered_with_plivo_is_not_believed_from_a_proxy_either() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let callback = Callback::new("brand", "created");
    let nonce = fresh_nonce();
    let forwarded = callback
        .request()
        .without_header("X-Plivo-Signature-V2")
        .without_header("X-Plivo-Signature-V2-Nonce")
        .header(
            "X-Plivo-Signature-V2",
            &sign::v2("https://evil.example.com/tendlc_status/brand/", &nonce, TOKEN),
        )
        .header("X-Plivo-Signature-V2-Nonce", &nonce)
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "evil.example.com");
    assert_eq!(relay.request(&forwarded).status, 403);
    drop(relay);
    let home = Home::new(&Config::files().ingress("trusted_proxies = [\"127.0.0.0/8\"]").text());
    assert_eq!(home.start().request(&forwarded).status, 200);
}

#[test]
fn a_refusal_names_nothing_that_would_help_a_forger() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let answer = relay.send(&Callback::new("brand", "created").token("t0ken-of-a-stranger"));
    assert!(!answer.body.contains("relay.example.com") && !answer.body.contains("acme"), "{answer:?}");
    until("the refusal in the log", || {
        let lines = relay.process.log.lines();
        lines.into_iter().find(|line| line.contains("mismatch"))
    });
}
