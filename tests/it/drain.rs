//! The end in good order.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::http::{self, Connection, Request};
use crate::support::relay::Home;
use crate::support::terminal;
use crate::support::wait::until_true;

#[test]
fn on_sigterm_readiness_fails_at_once_and_callbacks_are_still_taken_for_a_while() {
    let home = Home::new(&Config::files().drain_delay("2s").text());
    let mut relay = home.start();
    assert_eq!(relay.admin("/readyz").status, 200);
    let mut kept = Connection::open(relay.callbacks).unwrap();
    let told = Instant::now();
    relay.process.signal(Signal::TERM);
    until_true("readiness failing", || relay.admin("/readyz").status == 503);
    assert!(told.elapsed() < Duration::from_millis(1_500), "it took {:?}", told.elapsed());
    assert_eq!(relay.metrics().sum("tendlc_draining", &[]), 1.0);
    let mut accepted = vec![relay.accept(&Callback::new("brand", "created"))];
    accepted.push(kept.send(&Callback::new("brand", "created").request()).unwrap().text("id"));

    let status = relay.process.wait();
    assert!(status.success(), "{status}");
    assert!(told.elapsed() >= Duration::from_secs(2), "callbacks were taken for {:?} only", told.elapsed());
    assert!(http::send(relay.callbacks, &Request::new("GET", "/")).is_err(), "the listener is still there");
    assert!(!home.path("spool/spool.db-wal").exists(), "the spool was not closed");

    let stored = home.run(&["events", "--json"]).json_lines();
    let stored: Vec<&str> = stored.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(stored, accepted);
}

#[test]
fn a_second_signal_ends_at_once() {
    let home = Home::new(&Config::files().drain_delay("60s").text());
    let mut relay = home.start();
    relay.process.signal(Signal::TERM);
    until_true("the start of the drain", || relay.admin("/readyz").status == 503);
    let told = Instant::now();
    relay.process.signal(Signal::TERM);
    let status = relay.process.wait();
    assert!(told.elapsed() < Duration::from_secs(10), "it took {:?}", told.elapsed());
    assert!(!status.success(), "an end that was not in order says so: {status}");
}

#[test]
fn sigint_is_the_same() {
    let home = Home::new(&Config::files().drain_delay("0s").text());
    let mut relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    relay.process.signal(Signal::INT);
    assert!(relay.process.wait().success());
    assert!(!home.path("spool/spool.db-wal").exists());
}

#[test]
fn a_replica_is_drained_by_command_until_all_is_published_and_takes_callbacks_meanwhile() {
    let home = Home::new(&Config::files().text());
    assert_eq!(home.run(&["drain", "--yes"]).code, Some(1), "no relay runs");
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    assert_eq!(home.run(&["drain"]).code, Some(2), "nobody agreed");
    home.run(&["drain", "--dry-run"]).ok();
    assert_eq!(relay.admin("/readyz").status, 200);
    home.run(&["drain", "--yes", "--until-published"]).ok();
    assert_eq!(relay.admin("/readyz").status, 503);
    assert_eq!(relay.metrics().sum("tendlc_draining", &[]), 1.0);
    assert_eq!(crate::support::files::events(&home.events()).len(), 1);
    relay.accept(&Callback::new("brand", "created"));
    relay.stop();
    let relay = home.start();
    assert_eq!(relay.admin("/readyz").status, 200, "until the next start");
    relay.stop();
}

#[test]
fn a_drain_that_cannot_end_says_what_is_left() {
    // Nobody listens on a port that was given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::new(&Config::new().nats_sink(&format!("nats://{free}"), "nowhere", "").text());
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    let drained = home.run(&["drain", "--yes", "--until-published", "--timeout", "1s"]);
    assert_eq!(drained.code, Some(1), "{drained:#?}");
    assert!(drained.err.contains("nats has 1 waiting"), "{}", drained.err);
    assert!(!drained.err.contains("waiting until"), "progress where nobody looks: {}", drained.err);

    let command = ["drain", "--until-published", "--timeout", "3s", "--config", "relay.toml"];
    let watched = terminal::answer(&mut home.command(&command), "y");
    assert_eq!(watched.code, Some(1), "{watched:#?}");
    let line = "\r\u{1b}[Kwaiting until everything is published: nats has 1 waiting";
    assert!(watched.err.contains(line), "{watched:#?}");
    // The line is gone before the error is told.
    assert!(watched.err.contains("\r\u{1b}[Kerror: not everything is published"), "{watched:#?}");
    relay.kill();
}
