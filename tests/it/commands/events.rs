//! `events`, `spool status` and what both read while the relay runs and when it does not.

use serde_json::Value;

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::process::Process;
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

/// Three callbacks about two entities; their ids.
fn told(relay: &Relay) -> Vec<String> {
    vec![
        relay.accept(&Callback::about("brand", "created", "BEVENTS")),
        relay.accept(&Callback::about("brand", "rejected", "BEVENTS").param("reason", "no EIN")),
        relay.accept(&Callback::about("campaign", "registered", "CEVENTS")),
    ]
}

fn ids(home: &Home, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["events", "--json"];
    arguments.extend(more);
    let events = home.run(&arguments).json_lines();
    events.iter().map(|event| event["id"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned()).collect()
}

#[test]
fn events_are_listed_and_filtered_while_the_relay_runs_and_when_it_does_not() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let sent = told(&relay);
    let look = || {
        assert_eq!(ids(&home, &[]), sent);
        assert_eq!(ids(&home, &["--endpoint", "brand"]), sent[..2]);
        assert_eq!(ids(&home, &["--entity", "CEVENTS"]), sent[2..]);
        assert_eq!(ids(&home, &["--status", "rejected"]), sent[1..2]);
        assert_eq!(ids(&home, &["--since", "1h"]), sent);
        assert_eq!(ids(&home, &["--until", "1h"]), Vec::<String>::new());
        assert_eq!(ids(&home, &["--limit", "1"]), sent[2..]);
    };
    look();
    relay.stop();
    look();
    let wrong = home.run(&["events", "--endpoint", "brands"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("number_unlinking"), "{}", wrong.err);
}

#[test]
fn events_can_be_followed() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let first = relay.accept(&Callback::new("brand", "created"));
    let follower =
        Process::spawn_heard(&mut home.command(&["events", "--follow", "--json", "--config", "relay.toml"]));
    until_true("what is there already", || follower.log.contains(&first));
    let second = relay.accept(&Callback::new("brand", "registered"));
    until_true("what comes later", || follower.log.contains(&second));
    assert_eq!(follower.log.lines().len(), 2);
}

#[test]
fn the_state_of_the_spool_is_told() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let sent = told(&relay);
    relay.drained();
    let look = || home.run(&["spool", "status", "--json"]).json_lines().remove(0);
    let running: Value = look();
    relay.stop();
    let stopped = look();
    for status in [running, stopped] {
        assert!(has_number(&status, sent.len() as u64), "nowhere {} records: {status}", sent.len());
        assert!(status.to_string().contains("files"), "no cursors: {status}");
    }
}

fn has_number(value: &Value, number: u64) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| has_number(field, number)),
        Value::Array(items) => items.iter().any(|item| has_number(item, number)),
        other => other.as_u64() == Some(number),
    }
}
