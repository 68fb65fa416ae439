//! `signature explain`: captured requests that are taken, and those that are not, with what is wrong.

use serde_json::Value;

use crate::support::callback::{ORIGIN, TOKEN};
use crate::support::cli::{self, Finished};
use crate::support::config::Config;
use crate::support::relay::Home;
use crate::support::sign;

const BODY: &str = "brand_id=BEXPLAIN&status=registered";

/// The message as it arrived at the relay, signed for this URL.
fn message(target: &str, host: &str, url: &str, token: &str) -> String {
    let signature = sign::v2(url, "77", token);
    let length = BODY.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         X-Plivo-Signature-V2: {signature}\r\nX-Plivo-Signature-V2-Nonce: 77\r\nContent-Length: {length}\r\n\r\n{BODY}\n"
    )
}

fn explain(home: &Home, message: &str, more: &[&str]) -> Finished {
    home.write("capture.http", message);
    let arguments = ["signature", "explain", "--config", "relay.toml", "capture.http"];
    cli::run(&mut home.command(&[&arguments, more].concat()))
}

/// The answer to a request that the relay refuses.
fn refused(finished: Finished) -> Value {
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    let answer: Value = serde_json::from_str(&finished.out).unwrap();
    assert_eq!(answer["accepted"], false);
    assert!(!answer["advice"].as_array().unwrap().is_empty());
    answer
}

#[test]
fn a_request_that_is_taken_says_by_which_token_and_over_what() {
    let home = Home::new(&Config::files().text());
    let url = format!("{ORIGIN}/tendlc_status/brand/");
    let sent = message("/tendlc_status/brand/", "10.0.0.1", &url, TOKEN);
    let answer: Value = serde_json::from_str(&explain(&home, &sent, &[]).ok()).unwrap();
    assert_eq!((&answer["accepted"], &answer["verdict"]["scheme"]), (&Value::Bool(true), &"v2".into()));
    assert_eq!(answer["tried"][0]["signed"], format!("{url}77"));
    // The same by options, as one would ask curl.
    let signature = format!("X-Plivo-Signature-V2: {}", sign::v2(&url, "77", TOKEN));
    let arguments = ["signature", "explain", "-c", "relay.toml", "--url", &url, "-H", &signature];
    let more = ["-H", "x-plivo-signature-v2-nonce: 77", "-d", BODY];
    let told: Value =
        serde_json::from_str(&cli::run(&mut home.command(&[&arguments[..], &more].concat())).ok()).unwrap();
    assert_eq!(told["verdict"], answer["verdict"]);
}

#[test]
fn what_is_wrong_is_named_with_the_next_step() {
    let home = Home::new(&Config::files().text());
    let path = "/tendlc_status/brand/";
    // Plivo was given another host, which the Host header tells.
    let elsewhere = format!("http://other.example:8080{path}");
    let answer = refused(explain(&home, &message(path, "other.example:8080", &elsewhere, TOKEN), &[]));
    assert_eq!(answer["near"][0]["differs"], serde_json::json!(["origin"]));
    assert!(answer["advice"][0].as_str().unwrap().contains("public_urls"), "{answer}");
    // The same, where only the operator knows.
    let unknown = message(path, "10.0.0.1", &elsewhere, TOKEN);
    assert_eq!(refused(explain(&home, &unknown, &[]))["near"], serde_json::json!([]));
    let told = refused(explain(&home, &unknown, &["--registered-url", &elsewhere]));
    assert_eq!(told["near"][0]["url"], elsewhere);
    // A token that was rotated.
    let rotated = message(path, "10.0.0.1", &format!("{ORIGIN}{path}"), "the-new-token");
    home.write("tokens", "an-old-token\nthe-new-token\n");
    let given = refused(explain(&home, &rotated, &["--token-file", "tokens"]));
    assert_eq!(given["near"][0]["account"], "given");
    assert!(!given.to_string().contains("the-new-token"), "{given}");
    // A proxy that dropped the headers.
    let bare = format!("POST {path} HTTP/1.1\nHost: a\n\n{BODY}");
    assert_eq!(refused(explain(&home, &bare, &[]))["reason"], "missing_signature");
}

#[test]
fn what_never_gets_as_far_as_a_check_is_usage() {
    let home = Home::new(&Config::files().text());
    for (message, what) in [
        ("POST /elsewhere/ HTTP/1.1\n\n", "no route has the path"),
        ("PUT /tendlc_status/ HTTP/1.1\n\n", "GET or POST"),
        ("not http", "capture.http"),
    ] {
        let finished = explain(&home, message, &[]);
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        assert!(finished.err.contains(what), "{}", finished.err);
    }
}
