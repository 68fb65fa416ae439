//! `plivo-sim load` against the real relay, and against a server that is overloaded.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::callback::ORIGIN;
use crate::support::cli::{self, Finished};
use crate::support::config::Config;
use crate::support::process::Process;
use crate::support::relay::Home;
use crate::support::wait::until_true;

use super::run::sim;

/// Two thousand callbacks at fixed times on 32 connections.
const PLAN: [&str; 6] = ["--rate", "1000", "--duration", "2s", "--connections", "32"];

/// Runs the load, and answers its exit code and its result.
fn load(home: &Home, server: SocketAddr, more: &[&str]) -> (Option<i32>, Value) {
    let (to, via) = (format!("{ORIGIN}/tendlc_status/"), format!("http://{server}"));
    let mut command = sim(&home.path(""), &["load", "--json", "--to", &to, "--via", &via]);
    let Finished { code, out, err } = cli::run(command.args(more));
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}")))
}

#[test]
fn every_callback_of_a_load_is_answered_and_counted_by_the_relay() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let (code, result) = load(&home, relay.callbacks, &PLAN);
    assert_eq!(code, Some(0), "{result:#}");
    for (key, expected) in [
        ("pace", Value::from("open")),
        ("rate", 1000.0.into()),
        ("connections", 32.into()),
        ("duration_s", 2.0.into()),
        ("sent", 2000.into()),
        ("delivered", 2000.into()),
        ("failed", 0.into()),
        ("answers", serde_json::json!({ "accepted": 2000 })),
        ("errors", serde_json::json!({})),
    ] {
        assert_eq!(result[key], expected, "{key} in {result:#}");
    }
    let latency: Vec<f64> = ["p50", "p90", "p99", "p999", "max"]
        .map(|name| result["latency_ms"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {result:#}")))
        .to_vec();
    assert!(latency[0] > 0.0 && latency.is_sorted(), "{result:#}");
    assert!(result["undisturbed"].as_u64().unwrap() <= 2000, "{result:#}");
    let metrics = relay.metrics();
    assert_eq!(relay.accepted(), 2000.0);
    assert_eq!(metrics.sum("tendlc_callbacks_total", &[]), 2000.0);
    relay.stop();
}

#[test]
fn what_is_not_answered_with_200_is_counted_and_ends_with_exit_code_1() {
    let home = Home::new("");
    let server = busy().0;
    let plan = ["--rate", "500", "--duration", "200ms", "--connections", "4"];
    let (code, result) = load(&home, server, &plan);
    assert_eq!((code, &result["failed"]), (Some(1), &75.into()), "{result:#}");
    assert_eq!(result["answers"], serde_json::json!({ "503": 75, "200": 25 }), "{result:#}");
    for (most, expected) in [("74", 1), ("75", 0)] {
        let (code, result) = load(&home, busy().0, &[&plan[..], &["--max-failures", most]].concat());
        assert_eq!(code, Some(expected), "{result:#}");
    }
}

#[test]
fn ctrl_c_ends_a_load_with_what_it_has_so_far() {
    let home = Home::new("");
    let (server, taken) = busy();
    let mut load = endless(&home, server, "100");
    until_true("the first callbacks", || taken.load(Ordering::Relaxed) > 8);
    load.signal(Signal::INT);
    assert_eq!(load.wait().code(), Some(130));
    let result = load.log.entries().remove(0);
    assert_eq!((&result["partial"], &result["errors"]), (&true.into(), &serde_json::json!({})), "{result:#}");
    assert_eq!(result["sent"], taken.load(Ordering::Relaxed), "each was answered: {result:#}");
}

#[test]
fn ctrl_c_before_the_first_callback_is_not_forgotten() {
    let home = Home::new("");
    let mut load = endless(&home, busy().0, "100");
    // It signs callbacks then, or connects.
    until_true("a load that listens", || load.catches(Signal::INT));
    load.signal(Signal::INT);
    assert_eq!(load.wait().code(), Some(130));
    assert_eq!(load.log.entries().remove(0)["partial"], true);
}

#[test]
fn what_a_load_that_stood_still_itself_has_seen_is_told_apart() {
    let home = Home::new("");
    let (server, taken) = busy();
    let mut load = endless(&home, server, "1000");
    until_true("the first callbacks", || taken.load(Ordering::Relaxed) > 100);
    load.stop();
    let (stopped, taken_until) = (Instant::now(), taken.load(Ordering::Relaxed));
    until_true("callbacks that are due", || stopped.elapsed() > Duration::from_millis(100));
    load.signal(Signal::CONT);
    until_true("callbacks in time again", || taken.load(Ordering::Relaxed) > taken_until + 300);
    load.signal(Signal::INT);
    load.wait();
    let result = load.log.entries().remove(0);
    assert!(result["away_s"].as_f64().unwrap() >= 0.1, "{result:#}");
    // A fourth of the hundred that were due meanwhile is answered with 200, and late.
    let count = |name: &str| result[name].as_u64().unwrap();
    assert!(count("undisturbed") + 20 <= count("delivered"), "{result:#}");
    let longest = |which: &str| result[which]["max"].as_f64().unwrap();
    assert!(longest("latency_ms") >= 90.0, "{result:#}");
    assert!(longest("undisturbed_latency_ms") <= longest("latency_ms"), "{result:#}");
}

/// A load at so many a second that lasts until it is told to end.
fn endless(home: &Home, server: SocketAddr, rate: &str) -> Process {
    let (to, via) = (format!("{ORIGIN}/"), format!("http://{server}"));
    let plan = ["load", "--json", "--duration", "1h", "--rate", rate, "--to", &to, "--via", &via];
    Process::spawn_heard(&mut sim(&home.path(""), &plan))
}

/// A server that has time for every fourth callback only, and how many it was sent.
fn busy() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || serve(stream.unwrap(), &counted));
        }
    });
    (address, taken)
}

fn serve(stream: TcpStream, taken: &AtomicUsize) {
    let mut stream = BufReader::new(stream);
    while let Some(length) = head(&mut stream) {
        stream.read_exact(&mut vec![0; length]).unwrap();
        let is_taken = taken.fetch_add(1, Ordering::Relaxed) % 4 == 3;
        let code = if is_taken { "200 OK" } else { "503 Busy" };
        let answer = format!("HTTP/1.1 {code}\r\nContent-Length: 0\r\n\r\n");
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
    }
}

/// Reads a request's head and answers how long its body is; `None` at the end of the connection.
fn head(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            return length;
        }
        length = line.strip_prefix("Content-Length: ").map(|text| text.trim().parse().unwrap()).or(length);
    }
}
