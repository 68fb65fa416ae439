//! The admin listener: not to be reached by the callback listener, and it changes nothing whatever it is sent.

use std::io::Write;
use std::net::TcpStream;

use super::wire::exchange_all;
use crate::support::callback::{Callback, Shape};
use crate::support::config::Config;
use crate::support::http::{self, Request};
use crate::support::metrics::Metrics;
use crate::support::relay::{Home, Relay};
use crate::support::wait::until;

const METHODS: [&str; 12] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PURGE",
    "BREW",
];

/// What it serves, and what others serve there.
const PATHS: [&str; 24] = [
    "/metrics",
    "/livez",
    "/readyz",
    "/",
    "/metrics/",
    "/readyz?drain=true",
    "/metrics?reset=1",
    "//metrics",
    "/drain",
    "/quit",
    "/-/quit",
    "/-/reload",
    "/shutdown",
    "/reload",
    "/config",
    "/log?level=trace",
    "/debug/pprof/heap",
    "/spool",
    "/replay",
    "/control.sock",
    "/../spool/spool.db",
    "/%2e%2e/relay.toml",
    "/tendlc_status/brand/",
    "http://relay.example.com/metrics",
];

/// What would show a change: the audit, readiness, and every series but those of the relay's own housekeeping.
fn state(home: &Home, relay: &Relay) -> Vec<String> {
    let own = ["process_", "tendlc_spool_bytes", "tendlc_spool_file_bytes", "tendlc_commit_"];
    let metrics = relay.admin("/metrics").body;
    let lasting = metrics.lines().filter(|line| !own.iter().any(|name| line.starts_with(name)));
    let mut state: Vec<String> = lasting.map(str::to_owned).collect();
    state.push(home.run(&["spool", "audit", "--json"]).ok());
    state.push(relay.admin("/readyz").body);
    state
}

#[test]
fn nothing_that_is_sent_to_the_admin_listener_changes_anything() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    let before = state(&home, &relay);
    let callback = Callback::new("brand", "created").request();
    let callback = String::from_utf8(callback.body).unwrap();
    let bodies = ["", "{\"drain\":true}", "\"drain\"\n", callback.as_str(), &"x".repeat(100_000)];
    let mut asked = Vec::new();
    for method in METHODS {
        for path in PATHS {
            for body in bodies {
                let head = format!(
                    "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                asked.push((method, path, head + body));
            }
        }
    }
    // As many at a time as it has places for.
    for some in asked.chunks(32) {
        let requests = some.iter().map(|(_, _, request)| request.clone().into_bytes());
        let answers = exchange_all(relay.admin, requests.collect());
        for ((method, path, _), answers) in some.iter().zip(answers) {
            let read = ["GET", "HEAD"].contains(method)
                && ["/metrics", "/livez", "/readyz"]
                    .iter()
                    .any(|known| path.split('?').next() == Some(known) || path.ends_with(".com/metrics"));
            for answer in answers {
                assert!((answer.status < 300) == read, "{method} {path}: {answer:?}");
                assert!([200, 400, 404, 405].contains(&answer.status), "{method} {path}: {answer:?}");
            }
        }
    }
    let after = state(&home, &relay);
    let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:#?}");
    relay.accept(&Callback::new("brand", "created"));
}

#[test]
fn a_crowd_at_the_admin_listener_keeps_neither_callbacks_nor_scrapes_out() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let crowd: Vec<TcpStream> = (0..500)
        .map(|number| {
            let mut stream = TcpStream::connect(relay.admin).unwrap();
            let beginning: &[u8] = if number % 2 == 0 { b"" } else { b"GET /metrics HTTP/1.1\r\nX-" };
            let _ = stream.write_all(beginning);
            stream
        })
        .collect();
    for _ in 0..20 {
        relay.accept(&Callback::new("brand", "created"));
    }
    // Among newcomers a scrape may have to come again.
    let scraped = until("a scrape", || {
        http::send(relay.admin, &Request::new("GET", "/metrics")).ok().filter(|answer| answer.status == 200)
    });
    assert!(Metrics::parse(&scraped.body).sum("tendlc_callbacks_total", &[("outcome", "accepted")]) == 20.0);
    assert_eq!(crowd.len(), 500);
}

#[test]
fn the_callback_listener_serves_nothing_of_the_admin_listener() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let admin = relay.admin;
    for path in PATHS.into_iter().filter(|path| !path.starts_with("/tendlc_status")) {
        for target in [path.to_owned(), format!("http://{admin}{path}")] {
            for method in ["GET", "POST"] {
                let request = Request::new(method, &target)
                    .header("X-Forwarded-Host", &admin.to_string())
                    .header("X-Original-URL", "/metrics")
                    .header("X-Forwarded-For", "127.0.0.1");
                let answer = relay.request(&request);
                assert!([400, 404].contains(&answer.status), "{method} {target}: {answer:?}");
                assert!(!answer.body.contains("tendlc_"), "{method} {target}: {answer:?}");
            }
        }
    }
    // And the other way round: a genuine callback is nothing to the admin listener.
    let genuine = Callback::new("brand", "created").shape(Shape::Query).request();
    assert_eq!(http::send(relay.admin, &genuine).unwrap().status, 404);
    assert_eq!(relay.metrics().sum("tendlc_callbacks_total", &[]), 0.0);
}
