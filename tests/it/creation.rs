//! Topics and streams that are not there, and those that would not keep what is published.

use serde_json::Value;

use crate::support::brokers::{kafka, nats};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix, topics};
use crate::support::readers;
use crate::support::relay::{Home, Relay};
use crate::support::secured::last_error;

fn delivers(relay: &Relay) {
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();
}

#[test]
fn missing_topics_are_told_with_the_command_that_makes_them_and_waited_for() {
    let Some(server) = kafka() else { return };
    let prefix = fresh_prefix("missing");
    let sink =
        format!("[sinks.kafka]\ntype = \"kafka\"\nservers = [\"{server}\"]\n{}", topics("kafka", &prefix));
    let home = Home::new(&Config::new().tables(&sink).text());
    let relay = home.start();
    let id = relay.accept(&Callback::new("brand", "created"));
    last_error(&relay, "kafka", &[&format!("{prefix}.brand"), "--create", "create"]);
    readers::make(&["topics", &server, &prefix]);
    relay.drained();
    let delivered = readers::kafka(&server, &readers::topics(&prefix));
    assert_eq!(delivered.iter().map(|one| one.id()).collect::<Vec<_>>(), [id]);
}

#[test]
fn a_missing_stream_is_told_with_the_command_that_makes_it_and_waited_for() {
    let Some(url) = nats() else { return };
    let prefix = fresh_prefix("missing");
    let sink = format!(
        "[sinks.nats]\ntype = \"nats\"\nservers = [\"{url}\"]\nstream = \"{prefix}\"\n{}",
        topics("nats", &prefix)
    );
    let home = Home::new(&Config::new().tables(&sink).text());
    let relay = home.start();
    let id = relay.accept(&Callback::new("brand", "created"));
    last_error(&relay, "nats", &[&prefix, "nats stream add", "create"]);
    readers::make(&["stream", &url, &prefix, "600"]);
    relay.drained();
    let delivered = readers::nats(&url, &prefix, &[]);
    assert_eq!(delivered.iter().map(|one| one.id()).collect::<Vec<_>>(), [id]);
}

#[test]
fn a_stream_that_would_take_a_retry_for_new_is_refused_until_it_is_mended() {
    let Some(url) = nats() else { return };
    let prefix = fresh_prefix("unsafe");
    readers::make(&["stream", &url, &prefix, "5"]);
    let home = Home::new(&Config::new().nats_sink(&url, &prefix, "").text());
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    last_error(&relay, "nats", &["--dupe-window"]);
    readers::make(&["stream", &url, &prefix, "600"]);
    delivers(&relay);
}

#[test]
fn what_the_relay_makes_is_safe() {
    let (Some(server), Some(url)) = (kafka(), nats()) else { return };
    let prefix = fresh_prefix("made");
    let home = Home::new(&Config::new().kafka_sink(&server, &prefix, "").nats_sink(&url, &prefix, "").text());
    let relay = home.start();
    delivers(&relay);
    let made = readers::make(&["show", &server, &url, &prefix]);
    let made: Vec<Value> = made.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [kafka, nats] = made.as_slice() else { panic!("{made:?}") };
    for topic in readers::topics(&prefix) {
        assert_eq!(kafka[&topic], 3, "partitions of {topic}: {kafka}");
    }
    assert_eq!((nats["storage"].as_str(), nats["discard"].as_str()), (Some("file"), Some("new")));
    assert!(nats["duplicate_window"].as_f64().unwrap() >= 600.0, "{nats}");
}
