//! Path tricks, and proxies that lie. A path is what was sent, byte for byte; the origin is what the configuration says,
//! or what a trusted peer itself has written.

use super::wire::{IMPATIENT, exchange_all, latin1};
use crate::support::callback::{ACCOUNT, Callback, ORIGIN, TOKEN, fresh_nonce};
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::Request;
use crate::support::relay::{Home, Relay};
use crate::support::sign;

/// None is a path of the relay, though somebody between might make one of it.
const TRICKS: [&str; 44] = [
    "//tendlc_status/brand/",
    "/tendlc_status//brand/",
    "/tendlc_status/brand//",
    "///tendlc_status/brand/",
    "/./tendlc_status/brand/",
    "/tendlc_status/./brand/",
    "/tendlc_status/brand/.",
    "/tendlc_status/brand/./",
    "/../tendlc_status/brand/",
    "/tendlc_status/../tendlc_status/brand/",
    "/tendlc_status/x/../brand/",
    "/tendlc_status/brand/..",
    "/tendlc_status/brand/../brand/",
    "/%2e/tendlc_status/brand/",
    "/tendlc_status/%2e/brand/",
    "/tendlc_status/%2E%2E/tendlc_status/brand/",
    "/tendlc_status/%252e%252e/tendlc_status/brand/",
    "/tendlc_status/%c0%ae%c0%ae/brand/",
    "/tendlc_status%2fbrand/",
    "/tendlc_status/brand%2f",
    "/tendlc_status%5cbrand/",
    "/tendlc_status\\brand/",
    "/tendlc_status/..;/tendlc_status/brand/",
    "/tendlc_status/..;/brand/",
    "/tendlc_status;x=y/brand/",
    "/tendlc_status/brand;/",
    "/tendlc_status/brand;jsessionid=1/",
    "/tendlc_status/%62rand/",
    "/tendlc_status/bran%64/",
    "/%74endlc_status/brand/",
    "/TENDLC_STATUS/brand/",
    "/tendlc_status/Brand/",
    "/tendlc_status/brand%00/",
    "/tendlc_status/brand/%00",
    "/tendlc_status/brand%20/",
    "/tendlc_status/brand%0d%0aX-Other:%20x/",
    "/tendlc_status/brand.json",
    "/tendlc_status/brand/index.php",
    "/tendlc_status/\u{e9}brand/",
    "/tendlc_status/brand:443/",
    "/tendlc_status/brand/%3Fa=b",
    "/tendlc_status/brand@evil/",
    "/index.php/tendlc_status/brand/",
    "/metrics/..;/tendlc_status/brand/",
];

/// Tags that are none, with an account that is one.
const NO_TAGS: [&str; 9] = ["%2e%2e", "..", ".", "a%2fb", "a;b", "<script>", "a:b", "a@b", "\u{e9}"];

#[test]
fn a_path_is_taken_as_sent_or_not_at_all() {
    let home = Home::new(&Config::files().ingress(IMPATIENT).text());
    let relay = home.start();
    let captured = Callback::new("brand", "created");
    relay.accept(&captured);
    let tenants = NO_TAGS.iter().map(|tag| format!("/tendlc_status/{ACCOUNT}/{tag}/"));
    let paths: Vec<String> = TRICKS.iter().map(|path| (*path).to_owned()).chain(tenants).collect();
    let mut requests = Vec::new();
    for path in &paths {
        // As if Plivo had been given it, and by somebody who has captured another.
        let nonce = fresh_nonce();
        requests.push(post(path, &sign::v2(&format!("{ORIGIN}{path}"), &nonce, TOKEN), &nonce));
        let own = sign::v2(&format!("{ORIGIN}{}", captured.path), &captured.nonce, TOKEN);
        requests.push(post(path, &own, &captured.nonce));
    }
    let answers = exchange_all(relay.callbacks, requests);
    for (path, answers) in paths.iter().flat_map(|path| [path, path]).zip(answers) {
        let codes: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert!([vec![403], vec![404], vec![400]].contains(&codes), "{path}: {answers:?}");
    }

    let longest = "t".repeat(128);
    for tag in ["a.b-c_d~e", "...", "-", longest.as_str()] {
        relay.accept(&Callback::new("brand", "created").path(&format!("/tendlc_status/{ACCOUNT}/{tag}/")));
    }
    let longer = Callback::new("brand", "created").path(&format!("/tendlc_status/{ACCOUNT}/{longest}t/"));
    assert_eq!(relay.send(&longer).status, 404);
    relay.drained();
    assert_eq!(files::events(&home.events()).len(), 5);
}

fn post(path: &str, signature: &str, nonce: &str) -> Vec<u8> {
    latin1(&format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nX-Plivo-Signature-V2: {signature}\r\nX-Plivo-Signature-V2-Nonce: {nonce}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b"
    ))
}

const OLD: &str = "https://old.example.com";

/// Signed for an origin that is not configured.
fn for_old_origin() -> Request {
    let callback = Callback::new("brand", "created");
    callback
        .request()
        .without_header("X-Plivo-Signature-V2")
        .header("X-Plivo-Signature-V2", &sign::v2(&format!("{OLD}{}", callback.path), &callback.nonce, TOKEN))
}

type Told = &'static [(&'static str, &'static str)];

const PROTO: (&str, &str) = ("X-Forwarded-Proto", "https");

/// What a peer tells, and whether it says that the old origin was called.
const TOLD: [(Told, bool); 19] = [
    (&[PROTO, ("X-Forwarded-Host", "old.example.com")], true),
    (&[PROTO, ("x-forwarded-host", "evil.example, old.example.com")], true),
    (&[PROTO, ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "old.example.com")], true),
    (&[("X-Forwarded-Proto", "http, https"), ("X-Forwarded-Host", "old.example.com")], true),
    // Whoever spoke before the trusted peer is not believed.
    (&[PROTO, ("X-Forwarded-Host", "old.example.com, evil.example")], false),
    (&[PROTO, ("X-Forwarded-Host", "old.example.com"), ("X-Forwarded-Host", "evil.example")], false),
    (&[("X-Forwarded-Proto", "https, http"), ("X-Forwarded-Host", "old.example.com")], false),
    (&[PROTO, ("X-Forwarded-Host", "old.example.com/x")], false),
    (&[PROTO, ("X-Forwarded-Host", "a@old.example.com")], false),
    (&[PROTO, ("X-Forwarded-Host", "old.example.com#")], false),
    (&[PROTO, ("X-Forwarded-Host", "old.example.com?")], false),
    (&[PROTO, ("X-Forwarded-Host", "OLD.example.com")], false),
    (&[PROTO, ("X-Forwarded-Host", "old.example.com:0")], false),
    (&[PROTO, ("X-Forwarded-Host", "")], false),
    (&[("X-Forwarded-Proto", "javascript"), ("X-Forwarded-Host", "old.example.com")], false),
    (&[("X-Forwarded-Proto", ""), ("X-Forwarded-Host", "old.example.com")], false),
    (&[("X-Forwarded-Host", "old.example.com")], false),
    (&[("Forwarded", "proto=https;host=old.example.com")], false),
    (&[PROTO, ("X-Forwarded-Server", "old.example.com"), ("X-Original-Host", "old.example.com")], false),
];

/// What some services behind proxies believe of anybody.
const LIES: [(&str, &str); 6] = [
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Real-IP", "10.0.0.1"),
    ("Forwarded", "for=10.0.0.1"),
    ("X-Forwarded-Port", "1"),
    ("X-Forwarded-Prefix", "/metrics"),
    ("Via", "1.1 10.0.0.1"),
];

fn with(request: Request, told: &[(&str, &str)]) -> Request {
    told.iter().fold(request, |request, (name, value)| request.header(name, value))
}

fn relay_that_trusts(network: &str) -> (Home, Relay) {
    let home = Home::new(&Config::files().ingress(&format!("trusted_proxies = [\"{network}\"]")).text());
    let relay = home.start();
    (home, relay)
}

#[test]
fn a_peer_that_is_not_trusted_says_what_it_likes() {
    let (_home, relay) = relay_that_trusts("10.0.0.0/8");
    for (told, _) in TOLD {
        let lying = |request| with(with(request, told), &LIES);
        assert_eq!(relay.request(&lying(for_old_origin())).status, 403, "{told:?}");
        let genuine = relay.request(&lying(Callback::new("brand", "created").request()));
        assert_eq!(genuine.status, 200, "{told:?} turned a genuine callback away");
    }
}

#[test]
fn a_trusted_peer_is_believed_in_its_own_words_alone() {
    let (_home, relay) = relay_that_trusts("127.0.0.0/8");
    for (told, believed) in TOLD {
        let code = relay.request(&with(for_old_origin(), told)).status;
        assert_eq!(code, if believed { 200 } else { 403 }, "{told:?}");
        let genuine = relay.request(&with(with(Callback::new("brand", "created").request(), told), &LIES));
        assert_eq!(genuine.status, 200, "{told:?} turned a genuine callback away");
    }
    let long = "a".repeat(10_000);
    let endless = for_old_origin().header("X-Forwarded-Proto", "https").header("X-Forwarded-Host", &long);
    assert_eq!(relay.request(&endless).status, 403);
}
