//! The same seed sends the same, chaos and all.

use serde_json::Value;

use super::away::{ask, deliveries, sim};
use super::run::{by_path, send};
use crate::support::config::Config;
use crate::support::relay::Home;
use crate::support::wait::until_true;

/// All of a delivery but times, ports and what was answered, which also says how often it had to be tried.
const SENT: [&str; 12] = [
    "number",
    "copy",
    "label",
    "account",
    "endpoint",
    "entity",
    "status",
    "means",
    "method",
    "url",
    "parameters",
    "body_bytes",
];

/// What a ledger says was sent, with how the first attempt was signed, in the order of the notices: deliveries beside
/// each other end as they may.
fn sent(home: &Home) -> Vec<Value> {
    let mut sent: Vec<Value> = deliveries(home)
        .iter()
        .map(|delivery| {
            let first = &delivery["attempts"][0];
            let signed = ["nonce", "v2", "ma_v2", "v3", "ma_v3"].map(|name| (name, &first[name]));
            SENT.map(|name| (name, &delivery[name]))
                .into_iter()
                .chain(signed)
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect()
        })
        .collect();
    sent.sort_by_key(|one| (one["number"].as_u64(), one["copy"].as_u64()));
    sent
}

#[test]
fn send_sends_the_same_and_with_another_seed_something_else() {
    let run = |seed: &str| {
        let home = Home::new(&Config::files().text());
        let relay = home.start();
        let more = ["--entities", "20", "--callbacks", "150", "--chaos", "0.2", "--v3", "--seed", seed];
        send(&home, relay.callbacks, &by_path(), "ledger", &more);
        sent(&home)
    };
    let (first, again, other) = (run("9"), run("9"), run("10"));
    assert!(first.len() > 250, "{} deliveries are no chaos", first.len());
    assert_same(&first, &again);
    assert_ne!(first, other);
}

/// With serve, ids and signatures come of the seed too.
#[test]
fn serve_sends_the_same() {
    let run = || {
        let home = Home::new(&Config::files().text());
        let relay = home.start();
        let chaos = "duplicated=1,forged=1,tampered=1,truncated=1,oversized=1";
        let pace = ["--brand-after", "0.5", "--time-scale", "0.1"];
        let more = [&["--seed", "9", "--v3", "--chaos", chaos], pace.as_slice()].concat();
        let mut sim = sim(&home, relay.callbacks, &more);
        ask(&sim);
        until_true("both callbacks", || sim.sent().len() == 2);
        sim.end();
        sent(&home)
    };
    let (first, again) = (run(), run());
    assert!(first.len() >= 10, "{} deliveries are no chaos", first.len());
    assert_same(&first, &again);
}

#[track_caller]
fn assert_same(first: &[Value], again: &[Value]) {
    for (one, other) in first.iter().zip(again) {
        assert_eq!(one, other);
    }
    assert_eq!(first.len(), again.len());
}
