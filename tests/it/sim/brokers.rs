//! The same chaos with real brokers behind the relay, read by independent clients.

use serde_json::{Value, json};

use super::run::{assert_holds, broken, by_path, judged, send, sim, verify_all};
use crate::support::brokers;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, Delivered, topics};
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

/// The records of both brokers in the clothing of the tools that everybody has, `kcat -J` and `nats sub --dump=-`.
#[test]
fn what_the_brokers_own_tools_print_is_a_reading_in_both_modes() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    for mode in ["structured", "binary"] {
        let (prefix, mode) = (fresh_prefix(mode), format!("content_mode = \"{mode}\""));
        let config = Config::new().kafka_sink(&kafka, &prefix, &mode).nats_sink(&nats, &prefix, &mode);
        let home = Home::new(&config.text());
        let relay = home.start();
        send(&home, relay.callbacks, &by_path(), "ledger", &["--entities", "12", "--callbacks", "60"]);
        relay.drained();
        let from_kafka = readers::kafka(&kafka, &topics(&prefix));
        let from_nats = readers::nats(&nats, &prefix, &[]);
        assert_eq!((from_kafka.len(), from_nats.len()), (60, 60));
        let printed = |records: &[Delivered], by: fn(&Value) -> Value| {
            records.iter().fold(String::new(), |lines, one| lines + &by(&one.line).to_string() + "\n")
        };
        home.write("kcat.jsonl", &printed(&from_kafka, by_kcat));
        home.write("nats.jsonl", &printed(&from_nats, by_nats));
        home.write("fewer.jsonl", &printed(&from_kafka[1..], by_kcat));
        let verify = |kafka: &str| {
            let fixed =
                ["verify-ledger", "--json", "--ledger", "ledger", "--read", "nats=nats.jsonl", "--read"];
            judged(sim(&home.path(""), &fixed).arg(format!("kafka={kafka}.jsonl")))
        };
        assert_holds(&verify("kcat"));
        let (code, report) = verify("fewer");
        assert_eq!((code, broken(&report)), (Some(1), vec!["lost"]), "{report:#}");
    }
}

fn payload(line: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(line["body"].as_str().unwrap()).unwrap()
}

fn by_kcat(line: &Value) -> Value {
    let headers = line["headers"].as_object().unwrap();
    let headers: Vec<Value> = headers.iter().flat_map(|(name, value)| [json!(name), value.clone()]).collect();
    json!({
        "topic": line["topic"], "partition": line["partition"], "offset": line["offset"], "tstype": "create",
        "ts": line["timestamp"], "broker": 1, "headers": headers, "key": line["key"],
        "payload": String::from_utf8(payload(line)).unwrap(),
    })
}

fn by_nats(line: &Value) -> Value {
    let headers = line["headers"].as_object().unwrap();
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    json!({
        "Subject": line["topic"], "Reply": "$JS.ACK.x", "Header": headers, "Data": line["body"], "Sub": null,
    })
}
