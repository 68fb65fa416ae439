//! The same chaos with real brokers behind the relay, read by independent clients.

use std::fmt::Write;

use super::run::{by_path, send, sim};
use crate::support::brokers;
use crate::support::cli;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, Delivered, topics};
use crate::support::relay::Home;

fn lines(delivered: &[Delivered]) -> String {
    delivered.iter().fold(String::new(), |mut text, one| {
        writeln!(text, "{}", one.line).unwrap();
        text
    })
}

#[test]
fn chaos_holds_for_every_consumer_by_itself() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let prefix = fresh_prefix("sim");
    let home = Home::new(&Config::new().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").text());
    let relay = home.start();
    let more =
        ["--entities", "60", "--callbacks", "600", "--chaos", "0.1", "--profile", "nested", "--seed", "5"];
    send(&home, relay.callbacks, &by_path(), "ledger", &more);
    relay.drained();
    home.write("kafka.jsonl", &lines(&readers::kafka(&kafka, &topics(&prefix))));
    let from_nats = readers::nats(&nats, &prefix, &[]);
    home.write("nats.jsonl", &lines(&from_nats));
    let verify = |nats: &str| {
        let mut command = sim(&home.path(""), &["verify-ledger", "--json", "--ledger", "ledger"]);
        let finished = cli::run(command.args(["--read", "kafka=kafka.jsonl", "--read", nats]));
        let report: serde_json::Value = serde_json::from_str(&finished.out).unwrap();
        let verdicts: Vec<bool> = report["consumers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["holds"].as_bool().unwrap())
            .collect();
        assert_eq!(report["consumers"][0]["events"], 600, "{report:#}");
        (finished.code, verdicts)
    };
    assert_eq!(verify("nats=nats.jsonl"), (Some(0), vec![true, true]));
    // What one has lost is not made good by the other.
    home.write("fewer.jsonl", &lines(&from_nats[1..]));
    assert_eq!(verify("nats=fewer.jsonl"), (Some(1), vec![true, false]));
}
