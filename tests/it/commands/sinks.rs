//! `replay`, `dead` and `sinks`: changes of a relay that runs, and of one that does not.

use serde_json::Value;

use crate::support::brokers::{kafka, nats};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::files;
use crate::support::readers::{self, topics};
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

/// Takes bodies that are too large for a broker's limit of one megabyte.
const LARGE_BODIES: &str = "limits = { body = \"4MiB\" }";

fn too_large() -> Callback {
    Callback::new("brand", "created").param("padding", &"p".repeat(1_200_000))
}

fn dead(home: &Home, sink: &str) -> Vec<Value> {
    home.run(&["dead", "list", "--sink", sink, "--json"]).json_lines()
}

fn dead_letters(relay: &Relay) -> f64 {
    relay.metrics().sum("tendlc_dead_lettered_total", &[])
}

#[test]
fn a_stopped_relay_is_told_to_replay_and_does_when_it_runs() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let ids: Vec<String> = (0..3).map(|_| relay.accept(&Callback::new("brand", "created"))).collect();
    relay.drained();
    relay.stop();
    home.run(&["replay", "--yes", "--sink", "files", "--from-sequence", "2"]).ok();
    let relay = home.start();
    let published = || files::events(&home.events());
    until_true("the replay", || published().len() == 5);
    let seen: Vec<Value> = published().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(seen, [&ids[0], &ids[1], &ids[2], &ids[1], &ids[2]].map(|id| Value::from(id.as_str())));
    let unknown = home.run(&["replay", "--yes", "--sink", "nobody", "--from-sequence", "1"]);
    assert_eq!(unknown.code, Some(2), "{unknown:#?}");
    assert!(unknown.err.contains("files"), "the sinks there are: {}", unknown.err);

    // To one moment and one sequence, while it runs.
    home.run(&["replay", "--yes", "--sink", "files", "--from-time", "1h", "--to", "1"]).ok();
    until_true("the second replay", || published().len() == 6);
    assert_eq!(published()[5]["id"], ids[0]);
    relay.stop();
}

#[test]
fn a_replay_of_one_entity_or_endpoint_publishes_nothing_else() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let mut ids = Vec::new();
    for (endpoint, entity) in [("brand", "BONE"), ("brand", "BTWO"), ("campaign", "CONE"), ("brand", "BONE")]
    {
        let status = if ids.is_empty() { "created" } else { "registered" };
        ids.push(relay.accept(&Callback::about(endpoint, status, entity)));
    }
    relay.drained();
    let replay = |more: &[&str]| {
        let range = ["replay", "--yes", "--sink", "files", "--from-sequence", "1"];
        home.run(&[range.as_slice(), more].concat()).ok();
    };
    let times =
        |id: &String| files::events(&home.events()).iter().filter(|one| one["id"] == id.as_str()).count();
    let counts = || ids.iter().map(times).collect::<Vec<_>>();
    replay(&["--entity", "BONE"]);
    until_true("the replay of an entity", || counts() == [2, 1, 1, 2]);
    relay.stop();
    replay(&["--endpoint", "campaign"]);
    let relay = home.start();
    until_true("the replay of an endpoint", || counts() == [2, 1, 2, 2]);
    until_true("the end of both", || {
        let sinks = home.run(&["sinks", "list", "--json"]).json_lines();
        sinks[0]["replays"].as_array().is_some_and(Vec::is_empty)
    });
    assert_eq!(counts(), [2, 1, 2, 2]);
    relay.stop();
}

#[test]
fn what_is_too_large_for_kafka_is_a_dead_letter_until_it_is_requeued() {
    let Some(server) = kafka() else { return };
    let prefix = fresh_prefix("dead");
    let config = |lines: &str| Config::new().ingress(LARGE_BODIES).kafka_sink(&server, &prefix, lines).text();
    let home = Home::new(&config(""));
    let relay = home.start();
    let large = relay.accept(&too_large());
    let small = relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    assert_eq!(dead_letters(&relay), 1.0);
    let on_kafka = || -> Vec<String> {
        readers::kafka(&server, &topics(&prefix)).iter().map(|one| one.id().to_owned()).collect()
    };
    assert_eq!(on_kafka(), [small.as_str()], "the lane goes on");
    let listed = dead(&home, "kafka");
    assert_eq!(listed.len(), 1);
    assert!(
        listed[0].to_string().contains(&large) && listed[0].to_string().contains("too_large"),
        "{listed:?}"
    );
    relay.stop();

    home.write("relay.toml", &config("properties = { \"message.max.bytes\" = 4000000 }"));
    readers::make(&["config", &server, &prefix, "max.message.bytes", "4000000"]);
    home.run(&["dead", "requeue", "--yes", "--sink", "kafka", "--all"]).ok();
    let relay = home.start();
    until_true("no dead letter", || dead(&home, "kafka").is_empty());
    relay.drained();
    until_true("the large one on Kafka", || on_kafka().contains(&large));
}

#[test]
fn what_is_too_large_for_nats_is_a_dead_letter_again_when_nothing_was_mended() {
    let Some(url) = nats() else { return };
    let prefix = fresh_prefix("dead");
    let home = Home::new(&Config::new().ingress(LARGE_BODIES).nats_sink(&url, &prefix, "").text());
    let relay = home.start();
    relay.accept(&too_large());
    let small = relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    assert_eq!(dead_letters(&relay), 1.0);
    let sequence = dead(&home, "nats")[0]["sequence"].to_string();
    let shown = home.run(&["dead", "show", "--json", "--sink", "nats", &sequence]).json_lines().remove(0);
    assert_eq!((&shown["code"], &shown["event"]["data"]["endpoint"]), (&"too_large".into(), &"brand".into()));
    home.run(&["dead", "requeue", "--yes", "--sink", "nats", &sequence]).ok();
    until_true("the second refusal", || dead_letters(&relay) == 2.0);
    until_true("the dead letter", || dead(&home, "nats").len() == 1);
    let seen: Vec<String> = readers::nats(&url, &prefix, &[]).iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(seen, [small]);
    assert_eq!(relay.metrics().sum("tendlc_dead_letters", &[("sink", "nats")]), 1.0);
    home.run(&["dead", "discard", "--yes", "--sink", "nats", "--all"]).ok();
    assert!(dead(&home, "nats").is_empty());
    assert_eq!(relay.metrics().sum("tendlc_dead_letters", &[("sink", "nats")]), 0.0);
    assert_eq!(home.run(&["dead", "show", "--sink", "nats", &sequence]).code, Some(1), "it is none any more");
}

#[test]
fn a_sink_that_was_removed_is_reported_until_it_is_forgotten() {
    let two =
        Config::files().file_sink("spare", "").text().replacen("dir = \"events\"", "dir = \"other\"", 1);
    let home = Home::new(&two);
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    assert_eq!(home.run(&["sinks", "forget", "--yes", "spare"]).code, Some(2), "it is configured");
    relay.stop();

    home.write("relay.toml", &Config::files().text());
    let listed = || home.run(&["sinks", "list", "--json"]).ok();
    assert!(listed().contains("spare"), "{}", listed());
    let relay = home.start();
    assert!(listed().contains("spare"), "{}", listed());
    home.run(&["sinks", "forget", "--yes", "spare"]).ok();
    assert!(!listed().contains("spare"), "{}", listed());
    relay.stop();
    assert!(listed().contains("files") && !listed().contains("spare"), "{}", listed());
    assert_eq!(home.run(&["sinks", "forget", "--yes", "spare"]).code, Some(2), "it is unknown now");
}
