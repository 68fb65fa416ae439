//! One of two sinks is away while callbacks pile up for it, and comes back beside the load.

use std::io::{BufRead as _, BufReader};

use rustix::process::Signal;
use serde_json::Value;

use super::report::{say, size};
use crate::sim::run::sim;
use crate::support::brokers::Own;
use crate::support::callback::ORIGIN;
use crate::support::config::{Config, fresh_prefix};
use crate::support::process::Process;
use crate::support::readers;
use crate::support::relay::{Home, Relay};
use crate::support::wait::{until, until_still};

/// What the order allows, in megabytes.
const HEAVIEST: f64 = 150.0;

/// In milliseconds: the relay's own deadline for an answer.
const DEADLINE: f64 = 5_000.0;

/// Callbacks until it is told to end.
struct Load(Process);

impl Load {
    /// One whose first callbacks have come.
    fn start(home: &Home, relay: &Relay, pace: &[&str]) -> Self {
        let (to, via) = (format!("{ORIGIN}/tendlc_status/"), format!("http://{}", relay.callbacks));
        let fixed =
            ["load", "--json", "--duration", "24h", "--connections", "16", "--to", &to, "--via", &via];
        let before = relay.accepted();
        let load = Process::spawn_heard(&mut sim(&home.path(""), &[&fixed, pace].concat()));
        // It signs for long.
        until_still("its first callbacks", || {
            if relay.accepted() > before { Ok(()) } else { Err(load.processor_time()) }
        });
        Load(load)
    }

    /// Ends it. How many it sent: each was answered 200, and in time.
    fn end(mut self) -> u64 {
        self.0.signal(Signal::INT);
        self.0.wait();
        let result = self.0.log.entries().remove(0);
        assert!(result["failed"] == 0 && result["errors"] == serde_json::json!({}), "{result:#}");
        assert!(result["latency_ms"]["max"].as_f64().unwrap() < DEADLINE, "{result:#}");
        result["answers"]["accepted"].as_u64().unwrap()
    }
}

fn depth(relay: &Relay, sink: &str) -> f64 {
    relay.metrics().sum("tendlc_depth", &[("sink", sink)])
}

#[test]
fn memory_comes_in_small_pages() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    assert!(relay.process.refuses_huge_pages());
    relay.stop();
}

#[test]
fn a_sink_that_is_away_for_long_holds_up_nobody_and_is_drained_beside_the_load() {
    let Some(mut server) = Own::nats() else { return };
    let stream = fresh_prefix("backlog");
    let home = Home::new(&Config::files().nats_sink(&server.address(), &stream, "").text());
    let relay = home.start();
    let waiting = size(20_000, 1_000_000);
    let load = Load::start(&home, &relay, &[]);
    until_still("callbacks that wait", || {
        let depth = depth(&relay, "nats");
        if depth >= f64::from(waiting) { Ok(()) } else { Err(depth.to_bits()) }
    });
    let mut sent = load.end();
    // The other lane has published all of it.
    until("the files' lane", || (depth(&relay, "files") == 0.0).then_some(()));
    assert_eq!(depth(&relay, "nats"), sent as f64);
    let filled = relay.process.most_resident();

    let load = Load::start(&home, &relay, &["--rate", "50"]);
    server.start();
    until_still("the drain", || {
        let depth = depth(&relay, "nats");
        // What comes now is never all published.
        if depth < 50.0 { Ok(()) } else { Err(depth.to_bits()) }
    });
    sent += load.end();
    relay.drained();
    let heaviest = relay.process.most_resident();
    assert!(heaviest < HEAVIEST, "{heaviest:.0} MB");
    relay.stop();
    let mut in_files = ids_in_files(&home);
    let mut on_nats = readers::nats_ids(&server.address(), &stream);
    in_files.sort_unstable();
    on_nats.sort_unstable();
    assert_eq!((in_files.len() as u64, on_nats.len() as u64), (sent, sent));
    assert!(in_files == on_nats, "not the same events");
    say(&format!(
        "backlog: {waiting} events waited for one sink of two, {sent} each once on both; at most {filled:.0} MB until it came \
         back, {heaviest:.0} MB in all"
    ));
}

/// Line by line, since there may be a million.
fn ids_in_files(home: &Home) -> Vec<String> {
    let files = std::fs::read_dir(home.events()).unwrap().map(|file| file.unwrap().path());
    let lines = files.flat_map(|file| BufReader::new(std::fs::File::open(file).unwrap()).lines());
    lines
        .map(|line| {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            event["id"].as_str().unwrap().to_owned()
        })
        .collect()
}
