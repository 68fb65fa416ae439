//! From the customer's own code to the consumer: Plivo's SDKs register, the simulator sends, the relay publishes, and
//! what independent clients read agrees with the ledger and with what the SDK shows.

use std::process::Command;

use serde_json::Value;

use super::run::{assert_holds, verify_all};
use super::sdks::IMPORTED;
use crate::support::brokers::{self, variable};
use crate::support::callback::{AUTH_ID, ORIGIN, TOKEN};
use crate::support::cli;
use crate::support::config::{Config, fresh_prefix};
use crate::support::files;
use crate::support::readers::{self, Delivered, manifest, topics};
use crate::support::relay::Home;
use crate::support::sim::Sim;
use crate::support::wait::until_true;

/// A brand and a campaign, three links and one unlink, and a campaign taken over, each told of twice.
const CALLBACKS: usize = 14;

#[test]
fn what_the_python_sdk_asks_for_reaches_every_consumer() {
    let Some(python) = variable("TENDLC_TEST_SDK_PYTHON") else { return };
    let mut command = Command::new(python);
    command.arg(manifest("tests/interop/sdk.py"));
    reaches_every_consumer("python", command);
}

#[test]
fn what_the_node_sdk_asks_for_reaches_every_consumer() {
    let Some(node) = variable("TENDLC_TEST_SDK_NODE") else { return };
    let modules = variable("TENDLC_TEST_SDK_NODE_PATH").expect("set together with it");
    let mut command = Command::new(node);
    command.arg(manifest("tests/interop/sdk.js")).env("NODE_PATH", modules);
    reaches_every_consumer("node", command);
}

fn reaches_every_consumer(name: &str, mut script: Command) {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let prefix = fresh_prefix(&format!("customer-{name}"));
    let config =
        Config::new().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").file_sink("files", "");
    let home = Home::new(&config.text());
    let relay = home.start();
    let ledger = home.path("ledger");
    let (account, via) = (format!("{AUTH_ID}:{TOKEN}"), format!("http://{}", relay.callbacks));
    // Seconds lie between the two callbacks of a request, so that they do not overtake each other.
    let mut sim = Sim::sending(&[
        "--account",
        &account,
        "--via",
        &via,
        "--ledger",
        ledger.to_str().unwrap(),
        "--created-after",
        "0",
        "--brand-after",
        "2",
        "--campaign-after",
        "2",
        "--number-after",
        "2",
    ]);
    let url = format!("{ORIGIN}/tendlc_status/?tenant=42");
    let out = cli::run(script.args([sim.base_url(), AUTH_ID, TOKEN, &url])).ok();
    let seen: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    until_true("the last callback", || sim.sent().len() == CALLBACKS);
    let ended = sim.end();
    let genuine = &ended["callbacks"]["labels"]["genuine"];
    assert_eq!(
        (&genuine["deliveries"], &genuine["delivered"]),
        (&CALLBACKS.into(), &CALLBACKS.into()),
        "{ended:#}"
    );
    relay.drained();

    let from_kafka = readers::kafka(&kafka, &topics(&prefix));
    let from_nats = readers::nats(&nats, &prefix, &[]);
    let verdict = verify_all(&home, &from_kafka, &from_nats, &[]);
    assert_holds(&verdict);
    for consumer in verdict.1["consumers"].as_array().unwrap() {
        assert_eq!(consumer["events"], CALLBACKS, "{consumer:#}");
    }
    let values =
        |delivered: Vec<Delivered>| delivered.into_iter().map(|one| one.value).collect::<Vec<Value>>();
    for events in [values(from_kafka), values(from_nats), files::events(&home.events())] {
        agrees(&seen, &events);
    }
}

/// What the SDK shows at the end is what each topic says last.
fn agrees(seen: &Value, events: &[Value]) {
    let text = |name: &str| seen[name].as_str().unwrap();
    let (brand, campaign) = (text("brand_id"), text("campaign_id"));
    let last = |subject: &str| {
        let of = events.iter().rfind(|event| event["subject"] == subject);
        of.map(|event| event["data"]["status"].as_str().unwrap()).unwrap_or_else(|| panic!("no {subject}"))
    };
    assert_eq!(seen["shown"]["brand"], serde_json::json!(["COMPLETED", "COMPLETED"]));
    assert_eq!(last(&format!("brand/{brand}")), "registered");
    assert_eq!(seen["shown"]["campaign"], serde_json::json!(["ACTIVE", "ACTIVE"]));
    assert_eq!(last(&format!("campaign/{campaign}")), "registered");
    assert_eq!(seen["imported"]["id"], IMPORTED);
    assert_eq!(last(&format!("campaign/{IMPORTED}")), "registered");
    let numbers = seen["numbers"].as_array().unwrap();
    let shown: Vec<&str> = numbers.iter().map(|number| number["number"].as_str().unwrap()).collect();
    assert_eq!(shown, ["14155550102", "14155550103"]);
    for number in numbers {
        assert_eq!(number["status"], "COMPLETED");
        assert_eq!(last(&format!("number_linking/+{}", number["number"].as_str().unwrap())), "success");
    }
    assert!(text("unlinked").contains("not found"));
    assert_eq!(last("number_unlinking/+14155550101"), "success");
}
