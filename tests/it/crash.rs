//! kill -9: what was answered 200 is not lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use crate::support::config::Config;
use crate::support::files;
use crate::support::load::{Answered, Load};
use crate::support::relay::Home;

#[test]
fn what_was_answered_is_published_after_kill_nine_again_and_again() {
    let home = Home::new(&Config::files().text());
    let mut relay = home.start();
    // No pause, so that a commit is nearly always under way when the relay is killed.
    let load = Load::start(relay.callbacks, 16, Duration::ZERO);
    for _ in 0..20 {
        relay.accepts_more(40);
        relay.kill();
        relay = home.start();
        load.redirect(relay.callbacks);
    }
    let answered = load.end();
    relay.drained();
    assert_promises(&answered, &files::topic_events(&home.events(), "plivo.10dlc.brand"));
}

/// Every id that was answered 200 is among the events, and an entity's events first appear in the order in which
/// they were answered.
pub fn assert_promises(answered: &[Answered], events: &[Value]) {
    assert!(answered.len() > 300, "{} answers are no load", answered.len());
    let published: HashSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    let promised: Vec<&Answered> = answered.iter().filter(|answer| answer.id.is_some()).collect();
    let lost: Vec<_> = promised.iter().filter(|a| !published.contains(a.id.as_deref().unwrap())).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), promised.len());
    let entity_of: HashMap<&str, &str> =
        promised.iter().map(|answer| (answer.id.as_deref().unwrap(), answer.entity.as_str())).collect();
    let mut seen = HashSet::new();
    let mut last: HashMap<&str, &str> = HashMap::new();
    for event in events {
        let id = event["id"].as_str().unwrap();
        if !seen.insert(id) {
            continue;
        }
        let entity = event["data"]["brand_id"].as_str().unwrap();
        assert!(entity_of.get(id).is_none_or(|answered| *answered == entity), "{id} is about {entity}");
        let sequence = event["sequence"].as_str().unwrap();
        let before = last.insert(entity, sequence);
        assert!(before.is_none_or(|before| before < sequence), "{entity}: {sequence} after {before:?}");
    }
}
