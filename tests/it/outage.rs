//! Brokers come and go; callbacks are taken all the while.

use std::time::Duration;

use serde_json::Value;

use crate::crash::assert_promises;
use crate::support::brokers::{Own, kafka, nats};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::files;
use crate::support::load::{Answered, Load};
use crate::support::readers::{self, Delivered, topics};
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

fn published(relay: &Relay, sink: &str) -> f64 {
    relay.metrics().sum("tendlc_published_total", &[("sink", sink)])
}

/// Load before, during and after a broker is killed, and is frozen; what was answered, when all is published.
fn through_outages(relay: &Relay, broker: &mut Own, sink: &str) -> Vec<Answered> {
    let load = Load::start(relay.callbacks, 4, Duration::from_millis(2));
    some_published(relay, sink);
    broker.kill();
    relay.accepts_more(200);
    assert_eq!(relay.admin("/readyz").status, 200);
    broker.start();
    some_published(relay, sink);
    broker.freeze();
    relay.accepts_more(200);
    assert_eq!(relay.admin("/readyz").status, 200);
    broker.thaw();
    some_published(relay, sink);
    let answered = load.end();
    relay.drained();
    let refused: Vec<_> = answered.iter().filter(|answer| answer.status != 200).collect();
    assert!(refused.is_empty(), "{} requests failed: {refused:?}", refused.len());
    answered
}

fn some_published(relay: &Relay, sink: &str) {
    let before = published(relay, sink);
    until_true("publishing", || published(relay, sink) > before + 50.0);
}

fn values(delivered: Vec<Delivered>) -> Vec<Value> {
    delivered.into_iter().map(|one| one.value).collect()
}

#[test]
fn nats_killed_and_frozen_under_load_costs_nothing() {
    let Some(mut broker) = Own::nats() else { return };
    broker.start();
    let prefix = fresh_prefix("nats-outage");
    let home = Home::new(&Config::new().nats_sink(&broker.address(), &prefix, "").text());
    let relay = home.start();
    let answered = through_outages(&relay, &mut broker, "nats");
    let events = values(readers::nats(&broker.address(), &prefix, &[]));
    assert_eq!(events.len(), answered.len(), "JetStream keeps one of each id");
    assert_promises(&answered, &events);
}

#[test]
fn kafka_killed_and_frozen_under_load_costs_nothing() {
    let Some(mut broker) = Own::kafka() else { return };
    broker.start();
    let prefix = fresh_prefix("kafka-outage");
    let home = Home::new(&Config::new().kafka_sink(&broker.address(), &prefix, "").text());
    let relay = home.start();
    let answered = through_outages(&relay, &mut broker, "kafka");
    let events = values(readers::kafka(&broker.address(), &topics(&prefix)));
    assert_promises(&answered, &events);
}

#[test]
fn with_every_broker_down_from_the_start_the_relay_is_ready_and_delivers_later() {
    let (Some(mut nats), Some(mut kafka)) = (Own::nats(), Own::kafka()) else { return };
    let prefix = fresh_prefix("down");
    let config =
        Config::files().kafka_sink(&kafka.address(), &prefix, "").nats_sink(&nats.address(), &prefix, "");
    let home = Home::new(&config.text());
    let relay = home.start();
    let mut ids: Vec<String> = (0..20).map(|_| relay.accept(&Callback::new("brand", "created"))).collect();
    // The sink that works is not held up by those that do not.
    until_true("the files", || files::topic_events(&home.events(), "plivo.10dlc.brand").len() == ids.len());
    for sink in ["kafka", "nats"] {
        until_true("the sink known to be down", || relay.sink(sink)["last_error"].is_string());
        assert_eq!(relay.sink(sink)["up"], false);
        assert_eq!(relay.metrics().sum("tendlc_sink_up", &[("sink", sink)]), 0.0);
        assert_eq!(relay.metrics().sum("tendlc_depth", &[("sink", sink)]), ids.len() as f64);
    }
    until_true("a lag that grows", || relay.metrics().sum("tendlc_lag_seconds", &[("sink", "nats")]) > 0.0);
    assert_eq!(relay.admin("/readyz").status, 200);
    assert_eq!(relay.admin("/livez").status, 200);
    // Down for longer than the process lives.
    relay.stop();
    let relay = home.start();
    ids.push(relay.accept(&Callback::new("brand", "created")));

    nats.start();
    kafka.start();
    relay.drained();
    ids.sort();
    let sorted = |delivered: Vec<Delivered>| {
        let mut ids: Vec<String> = delivered.iter().map(|one| one.id().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(sorted(readers::nats(&nats.address(), &prefix, &[])), ids);
    assert_eq!(sorted(readers::kafka(&kafka.address(), &topics(&prefix))), ids);
    assert_eq!(relay.sink("kafka")["up"], true);
}

#[test]
fn what_was_answered_is_on_every_sink_after_kill_nine_under_load() {
    let (Some(kafka), Some(nats)) = (kafka(), nats()) else { return };
    let prefix = fresh_prefix("crash");
    let home =
        Home::new(&Config::files().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").text());
    let mut relay = home.start();
    let load = Load::start(relay.callbacks, 4, Duration::from_millis(2));
    for _ in 0..3 {
        let before = published(&relay, "kafka");
        until_true("publishing", || published(&relay, "kafka") > before + 100.0);
        relay.kill();
        relay = home.start();
        load.redirect(relay.callbacks);
    }
    let answered = load.end();
    relay.drained();
    assert_promises(&answered, &files::topic_events(&home.events(), "plivo.10dlc.brand"));
    assert_promises(
        &answered,
        &values(readers::nats(&nats, &prefix, &["--subject", &format!("{prefix}.brand")])),
    );
    assert_promises(&answered, &values(readers::kafka(&kafka, &topics(&prefix)[..1])));
}
