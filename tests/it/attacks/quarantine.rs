//! One captured V2 signature, used to fill disk and log with bodies that it never signed.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::faults::report::{say, size};
use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::Connection;
use crate::support::relay::{Home, Relay};

/// Nearly as much as a body may have.
const BODY: usize = 60_000;

const SENDERS: usize = 3;

/// Bytes of all files of the spool.
fn bytes(dir: &Path) -> u64 {
    std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

fn quarantined(relay: &Relay) -> (f64, f64) {
    let metrics = relay.metrics();
    (metrics.sum("tendlc_quarantine_rows", &[]), metrics.sum("tendlc_quarantine_overflow_total", &[]))
}

#[test]
fn one_captured_signature_fills_neither_disk_nor_log_and_callbacks_pass() {
    let home = Home::new(&Config::files().spool("wal_limit = \"4MiB\"").text());
    let relay = home.start();
    let captured = Callback::new("brand", "created");
    let id = relay.accept(&captured);
    relay.drained();
    let before = bytes(&home.path("spool"));
    let began = Instant::now();
    let each = size(700, 20_000);
    let flood: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (captured, address) = (captured.clone(), relay.callbacks);
            std::thread::spawn(move || {
                let mut connection = Connection::open(address).unwrap();
                for number in 0..each {
                    let mut padding = format!("{sender}-{number}-");
                    padding += &"x".repeat(BODY - padding.len());
                    let answer = connection.send(&captured.clone().param("x", &padding).request()).unwrap();
                    assert_eq!((answer.status, answer.text("status").as_str()), (200, "quarantined"));
                }
            })
        })
        .collect();
    let mut passed = 1;
    while flood.iter().any(|sender| !sender.is_finished()) {
        let asked = Instant::now();
        relay.accept(&Callback::new("brand", "created"));
        assert!(asked.elapsed() < Duration::from_secs(5), "Plivo would have given up on it");
        passed += 1;
    }
    flood.into_iter().for_each(|sender| sender.join().unwrap());
    let lasted = began.elapsed();
    relay.drained();

    let sent = SENDERS * each;
    assert_eq!(quarantined(&relay), (16.0, (sent - 16) as f64), "rows kept, and counted alone");
    let grown = bytes(&home.path("spool")).saturating_sub(before);
    assert!(grown < 32 << 20, "{} MB for {} MB of bodies", grown >> 20, (sent * BODY) >> 20);
    let warnings = relay.process.log.entries().iter().filter(|entry| entry["level"] == "WARN").count();
    assert!((1..=10 * (lasted.as_secs() as usize + 2)).contains(&warnings), "{warnings} lines in {lasted:?}");
    // What was captured is still its own event's, and nothing of the flood was published.
    assert_eq!(relay.send(&captured).text("id"), id);
    assert_eq!(files::events(&home.events()).len(), passed);
    say(&format!(
        "quarantine: {sent} bodies ({} MB) under one signature: 16 kept, the spool grew by {} MB, {warnings} lines of log; \
         {} callbacks passed",
        (sent * BODY) >> 20,
        grown >> 20,
        passed - 1
    ));
}

#[test]
fn many_captured_signatures_fill_no_more_than_the_cap_of_all() {
    let caps = "quarantine_per_signature = 4\nquarantine_max = 20";
    let home = Home::new(&Config::files().spool(caps).text());
    let relay = home.start();
    for _ in 0..10 {
        let captured = Callback::new("brand", "created");
        relay.accept(&captured);
        for number in 0..6 {
            let tampered = captured.clone().param("x", &number.to_string());
            // The same again is the same.
            for _ in 0..2 {
                assert_eq!(relay.send(&tampered).text("status"), "quarantined");
            }
        }
    }
    let (rows, overflow) = quarantined(&relay);
    assert_eq!(rows, 20.0);
    assert!(overflow >= 40.0, "{overflow}");
    relay.accept(&Callback::new("brand", "created"));
}
