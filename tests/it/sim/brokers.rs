//! The same chaos with real brokers behind the relay, read by independent clients.

use super::run::{assert_holds, by_path, send, verify_all};
use crate::support::brokers;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, topics};
use crate::support::relay::Home;

/// Callbacks and entities; more where `make torture` asks for it.
fn size() -> (usize, usize) {
    if readers::is_torture() { (100_000, 5_000) } else { (3_000, 300) }
}

#[test]
fn chaos_holds_for_every_consumer_by_itself() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let (callbacks, entities) = size();
    let prefix = fresh_prefix("sim");
    let config =
        Config::new().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").file_sink("files", "");
    let home = Home::new(&config.text());
    let relay = home.start();
    let (count, of) = (callbacks.to_string(), entities.to_string());
    let more =
        ["--entities", &of, "--callbacks", &count, "--chaos", "0.1", "--profile", "nested", "--seed", "5"];
    let summary = send(&home, relay.callbacks, &by_path(), "ledger", &more);
    for (label, counts) in summary["labels"].as_object().unwrap() {
        assert!(counts["deliveries"].as_u64() > Some(callbacks as u64 / 50), "{label}: {summary:#}");
    }
    assert_eq!(summary["labels"].as_object().unwrap().len(), 11, "everything happened: {summary:#}");
    relay.drained();
    let from_kafka = readers::kafka(&kafka, &topics(&prefix));
    let from_nats = readers::nats(&nats, &prefix, &[]);
    let verdict = verify_all(&home, &from_kafka, &from_nats, &[]);
    assert_holds(&verdict);
    for consumer in verdict.1["consumers"].as_array().unwrap() {
        assert_eq!(consumer["events"], callbacks, "{consumer:#}");
    }
    // What one has lost is not made good by the others.
    let (code, report) = verify_all(&home, &from_kafka, &from_nats[1..], &[]);
    let holds = |one: &serde_json::Value| one["holds"].as_bool().unwrap();
    let verdicts: Vec<bool> = report["consumers"].as_array().unwrap().iter().map(holds).collect();
    assert_eq!((code, verdicts), (Some(1), vec![true, false, true]));
}
