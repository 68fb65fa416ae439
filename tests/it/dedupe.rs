//! A retry is never a second event, and a genuine repeat is never swallowed.

use std::time::Duration;

use crate::support::brokers;
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::files;
use crate::support::readers::{self, Delivered, topics};
use crate::support::relay::{Home, Relay};
use crate::support::wait::{until, until_true};

/// The shortest window that the tests wait for.
const WINDOW: Duration = Duration::from_secs(1);

fn short_window() -> Config {
    Config::files().spool("dedupe_window = \"1s\"")
}

/// Sends the same content, newly signed each time, until the window has passed and it is taken for new.
fn accepted_again(relay: &Relay, callback: &Callback) -> String {
    until("the end of the window", || {
        let answer = relay.send(&callback.clone().signed_again());
        assert_eq!(answer.status, 200, "{answer:?}");
        (answer.text("status") == "accepted").then(|| answer.text("id"))
    })
}

#[test]
fn retries_are_published_once_and_a_repeat_after_the_window_is_a_new_occurrence() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let prefix = fresh_prefix("retry");
    let home =
        Home::new(&short_window().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").text());
    let relay = home.start();
    let callback = Callback::new("number_linking", "created");
    let first = relay.accept(&callback);
    for _ in 0..3 {
        assert_eq!(relay.send(&callback).text("id"), first);
    }
    let second = accepted_again(&relay, &callback);
    assert_ne!(first, second);
    relay.drained();

    let on_kafka = readers::kafka(&kafka, &topics(&prefix));
    let on_nats = readers::nats(&nats, &prefix, &[]);
    for delivered in [on_kafka, on_nats] {
        let seen: Vec<_> = delivered.iter().map(|one| (one.id(), &one.value["data"]["occurrence"])).collect();
        assert_eq!(seen, [(first.as_str(), &0.into()), (second.as_str(), &1.into())]);
    }
    // The attempts before the window's end never moved it, and the very first signature never makes an event again.
    assert_eq!(relay.send(&callback).text("status"), "duplicate");
}

#[test]
fn the_window_does_not_slide() {
    let home = Home::new(&short_window().text());
    let relay = home.start();
    let callback = Callback::new("brand", "rejected");
    let began = std::time::Instant::now();
    relay.accept(&callback);
    accepted_again(&relay, &callback);
    assert!(began.elapsed() >= WINDOW, "{:?}", began.elapsed());
    assert!(began.elapsed() < WINDOW * 10, "{:?}: every attempt moved it", began.elapsed());
}

#[test]
fn an_occurrence_is_counted_on_after_retention_has_deleted_the_first() {
    let home = Home::new(&short_window().spool("retention = \"1s\"").text());
    let relay = home.start();
    let callback = Callback::new("number_unlinking", "success");
    let first = relay.accept(&callback);
    relay.drained();
    // Retention looks a second after the start, and each minute.
    relay.stop();
    let relay = home.start();
    until_true("retention at work", || {
        relay.metrics().sum("tendlc_spool_deleted_total", &[("reason", "retention")]) >= 1.0
    });
    let second = accepted_again(&relay, &callback);
    assert_ne!(first, second);
    // The signature of the first is known for good.
    assert_eq!(relay.send(&callback).text("status"), "duplicate");
    relay.drained();
    let events = files::topic_events(&home.events(), "plivo.10dlc.number_unlinking");
    let seen: Vec<_> =
        events.iter().map(|event| (event["id"].as_str().unwrap(), &event["data"]["occurrence"])).collect();
    assert_eq!(seen, [(first.as_str(), &0.into()), (second.as_str(), &1.into())]);
}

#[test]
fn what_was_known_is_known_after_a_restart() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let callback = Callback::new("campaign", "rejected");
    let id = relay.accept(&callback);
    relay.kill();
    let relay = home.start();
    assert_eq!(relay.send(&callback).text("id"), id);
    assert_eq!(relay.send(&callback.clone().signed_again()).text("status"), "duplicate");
    let tampered = Callback::about("campaign", "registered", callback.entity()).nonce(&callback.nonce);
    assert_eq!(relay.send(&tampered).text("status"), "quarantined");
}

#[test]
fn a_replay_right_after_publication_reaches_the_readers_of_both_brokers() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let prefix = fresh_prefix("replay");
    let home = Home::new(&Config::new().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").text());
    let relay = home.start();
    let id = relay.accept(&Callback::new("brand", "registered"));
    relay.drained();
    for sink in ["kafka", "nats"] {
        home.run(&["replay", "--yes", "--sink", sink, "--from-sequence", "1"]).ok();
    }
    let twice =
        |read: &dyn Fn() -> Vec<Delivered>| until("the replay", || Some(read()).filter(|all| all.len() == 2));
    let on_kafka = twice(&|| readers::kafka(&kafka, &topics(&prefix)));
    let on_nats = twice(&|| readers::nats(&nats, &prefix, &[]));
    for delivered in [&on_kafka, &on_nats] {
        let [original, replayed] = delivered.as_slice() else { panic!("{delivered:?}") };
        assert!(!original.headers.contains_key("tendlc-replay"));
        assert_eq!((original.id(), replayed.id()), (id.as_str(), id.as_str()));
        assert_eq!(original.value, replayed.value);
        assert!(!replayed.header("tendlc-replay").is_empty());
    }
    let replay = on_nats[1].header("tendlc-replay");
    assert_eq!(on_nats[0].header("Nats-Msg-Id"), id);
    assert_eq!(on_nats[1].header("Nats-Msg-Id"), format!("{id}:{replay}"));
}
