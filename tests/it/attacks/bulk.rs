//! Much in one request: parameters by the hundred thousand, depth, numbers without end, and what is compressed.

use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::faults::report::say;
use crate::support::callback::{Callback, ORIGIN, TOKEN, fresh_nonce};
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::Request;
use crate::support::relay::{Home, Relay};
use crate::support::sign;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const PATH: &str = "/tendlc_status/";
const MANY: usize = 100_000;

/// Its query, which V2 does not sign, makes each content another one.
fn signed(content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    let nonce = fresh_nonce();
    Request::new("POST", &format!("{PATH}?n={nonce}"))
        .header("X-Plivo-Signature-V2", &sign::v2(&format!("{ORIGIN}{PATH}"), &nonce, TOKEN))
        .header("X-Plivo-Signature-V2-Nonce", &nonce)
        .header("Content-Type", content_type)
        .body(body)
}

/// The same under V3, whose check has to look into the body.
fn signed_v3(pairs: &[(String, String)]) -> Request {
    let nonce = fresh_nonce();
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Request::new("POST", PATH)
        .header("X-Plivo-Signature-V3", &sign::v3_post(&format!("{ORIGIN}{PATH}"), pairs, &nonce, TOKEN))
        .header("X-Plivo-Signature-V3-Nonce", &nonce)
        .header("Content-Type", FORM)
        .body(body)
}

/// A relay that takes bodies of 4 MiB.
fn roomy() -> (Home, Relay) {
    let home = Home::new(&Config::files().ingress("limits = { body = \"4MiB\" }").text());
    let relay = home.start();
    (home, relay)
}

fn unrecognized(relay: &Relay, reason: &str) -> f64 {
    relay.metrics().sum("tendlc_unrecognized_total", &[("reason", reason)])
}

/// Sends it, and callbacks before and after that have to pass; its event, once published.
fn assert_kept(home: &Home, relay: &Relay, name: &str, request: &Request, reason: &str) -> serde_json::Value {
    let before = unrecognized(relay, reason);
    let answer = relay.request(request);
    assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"), "{name}: {answer:?}");
    assert_eq!(unrecognized(relay, reason), before + 1.0, "{name}");
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    let events = files::topic_events(&home.events(), "plivo.10dlc.unrecognized");
    let id = answer.text("id");
    events.into_iter().find(|event| event["id"] == id.as_str()).unwrap_or_else(|| panic!("{name}: no event"))
}

#[test]
fn a_hundred_thousand_parameters_are_kept_and_not_looked_into() {
    let (home, relay) = roomy();
    let pairs: Vec<(String, String)> = (0..MANY).map(|n| (format!("p{}", n % 977), n.to_string())).collect();
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let members: Vec<String> =
        pairs.iter().map(|(name, value)| format!("\"{name}x{value}\":{value}")).collect();
    let object = format!("{{\"brand_id\":\"B1\",{}}}", members.join(","));
    let list = format!("[{}]", vec!["0"; MANY].join(","));
    for (name, request) in [
        ("a form", signed(FORM, form.clone())),
        ("names alone", signed(FORM, "a&".repeat(MANY))),
        ("one name", signed(FORM, "brand_id=1&".repeat(MANY))),
        ("an object", signed(JSON, object)),
        ("a list", signed(JSON, list)),
        ("signed one by one", signed_v3(&pairs[1..])),
    ] {
        let event = assert_kept(&home, &relay, name, &request, "too_many_parameters");
        let raw = &event["data"]["raw"];
        assert!(raw["form"].is_object() || !raw["json"].is_null(), "{name}: what was received is lost");
    }
    // The same forged: it costs no more than its check.
    let forged = signed_v3(&pairs)
        .without_header("X-Plivo-Signature-V3-Nonce")
        .header("X-Plivo-Signature-V3-Nonce", "1");
    assert_eq!(relay.request(&forged).status, 403);
    // By the limits that a relay has by itself it is refused before it is read.
    drop(relay);
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    assert_eq!(relay.request(&signed(FORM, form.clone())).status, 413);
    let in_query = Request::new("GET", &format!("{PATH}?{form}"));
    assert_eq!(relay.request(&in_query).status, 431);
    relay.accept(&Callback::new("brand", "created"));
}

#[test]
fn depth_and_numbers_without_end_exhaust_nothing() {
    let (home, relay) = roomy();
    let deep =
        |open: &str, close: &str, levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
    for (name, document, reason) in [
        ("as deep as may be", deep("[", "]", 64), "unknown_fields"),
        ("deeper", deep("[", "]", 65), "malformed"),
        ("deeper than the parser goes", deep("{\"a\":", "}", 1_000), "malformed"),
        ("a hundred thousand levels", deep("[", "]", MANY), "malformed"),
        ("levels without an end", "[{\"a\":".repeat(MANY), "malformed"),
        ("a long number", format!("[1{}]", "0".repeat(MANY)), "malformed"),
        ("a large number", "[1e999999999]".to_owned(), "malformed"),
        ("a small number", "[1e-999999999]".to_owned(), "unknown_fields"),
        ("a long fraction", format!("[0.{}1]", "0".repeat(MANY)), "unknown_fields"),
        ("a long text", format!("{{\"colour\":\"{}\"}}", "x".repeat(3 << 20)), "unknown_fields"),
        ("a long name", format!("{{\"{}\":1}}", "x".repeat(3 << 20)), "unknown_fields"),
        ("half a pair", "{\"brand_id\":\"\\ud800\"}".to_owned(), "malformed"),
        ("a control character", "{\"a\":\"\u{1}\"}".to_owned(), "malformed"),
    ] {
        assert_kept(&home, &relay, name, &signed(JSON, document), reason);
    }
}

#[test]
fn what_is_compressed_is_kept_and_never_decompressed() {
    let (home, relay) = roomy();
    let bomb = gzip("head -c 200000000 /dev/zero");
    assert!(bomb.len() < 1 << 20);
    let (_, before) = relay.process.memory();
    for (content_type, coding) in [
        (FORM, "gzip"),
        (JSON, "gzip"),
        (JSON, "GZIP"),
        (JSON, "x-gzip, identity"),
        (JSON, "gzip, gzip, gzip"),
        (FORM, "deflate"),
        (FORM, "br"),
        (FORM, "zstd;q=1"),
    ] {
        let request = signed(content_type, bomb.clone()).header("Content-Encoding", coding);
        let event = assert_kept(&home, &relay, coding, &request, "content_encoding");
        let raw = &event["data"]["raw"];
        assert_eq!(STANDARD.decode(raw["body"].as_str().unwrap()).unwrap(), bomb, "{coding}");
        assert_eq!(raw["content_encoding"], coding);
    }
    // Without the header it is what it is: bytes of another type, or no JSON.
    assert_kept(&home, &relay, "said to be JSON", &signed(JSON, bomb.clone()), "malformed");
    let (_, after) = relay.process.memory();
    assert!(after < before + (100 << 20), "{} MB, then {} MB", before >> 20, after >> 20);
    say(&format!(
        "bulk: 200 MB in {} kB, memory from {} to {} MB",
        bomb.len() >> 10,
        before >> 20,
        after >> 20
    ));
}

/// What a command says, compressed.
fn gzip(command: &str) -> Vec<u8> {
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &format!("{command} | gzip -9")]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    output.stdout
}
