//! The lane's own logic, in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::gate::LaneState;
use super::testing::{Rig, Stage};
use crate::sink::{Code, PublishError};
use crate::spool::Feed;

fn sinkwide() -> PublishError {
    PublishError::sink(Code::Connection, "broken")
}

#[tokio::test(start_paused = true)]
async fn every_record_is_published_and_acknowledged_as_it_comes() {
    let rig = Rig::new(8, Stage::new(|_, _| Ok(())));
    rig.append(&["a", "b"]);
    rig.run();
    rig.done(2).await;
    rig.append(&["a"]);
    rig.done(3).await;
    assert_eq!(rig.metrics.published.with_label_values(&["s", "t"]).get(), 3);
    assert_eq!(rig.metrics.accept_to_publish_seconds.with_label_values(&["s"]).get_sample_count(), 3);
    assert_eq!(rig.gate.state(), LaneState::Open);
    // Each record caused one claim, not one look more.
    assert!(rig.shelf.claims.lock().unwrap().len() <= 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_entity_does_not_hold_up_the_others() {
    let mut stage = Stage::new(|_, _| Ok(()));
    stage.latency =
        |sequence| if sequence == 1 { Duration::from_secs(3_600) } else { Duration::from_millis(1) };
    let rig = Rig::new(4, stage);
    rig.append(&["slow", "slow", "a", "a", "b", "", "", "c"]);
    rig.run();
    rig.done(6).await;
    assert_eq!(rig.stage.seen.lock().unwrap().stored.len(), 6);
    rig.done(8).await;
    let stored = rig.stage.seen.lock().unwrap().stored.clone();
    assert_eq!(stored[6..], [("slow".to_owned(), 1), ("slow".to_owned(), 2)]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_window_is_under_way() {
    let mut stage = Stage::new(|_, _| Ok(()));
    stage.latency = |_| Duration::from_millis(1);
    let rig = Rig::new(3, stage);
    rig.append(&[""; 20]);
    rig.run();
    rig.done(20).await;
    assert_eq!(rig.stage.seen.lock().unwrap().most_under_way, 3);
    assert_eq!(rig.metrics.publishing.with_label_values(&["s"]).get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_refused_for_good_is_buried_and_its_entity_goes_on() {
    let stage = Stage::new(|_, sequence| match sequence {
        2 => Err(PublishError::permanent(Code::TooLarge, "too large")),
        _ => Ok(()),
    });
    let rig = Rig::new(4, stage);
    rig.append(&["a", "a", "a"]);
    rig.run();
    rig.done(3).await;
    assert_eq!(rig.shelf.buried.lock().unwrap().get(&2).map(String::as_str), Some("too_large"));
    assert_eq!(rig.metrics.dead_letters_total.with_label_values(&["s", "t"]).get(), 1);
    assert_eq!(rig.gate.state(), LaneState::Open);
}

#[tokio::test(start_paused = true)]
async fn one_topics_trouble_is_tried_for_ever_while_others_go_on() {
    let stage = Stage::new(|number, sequence| match sequence {
        1 if number < 30 => Err(PublishError::record(Code::Missing, "no topic")),
        _ => Ok(()),
    });
    let rig = Rig::new(4, stage);
    rig.append(&["a", "b", "c"]);
    rig.run();
    rig.done(2).await;
    assert!(!rig.shelf.acked.lock().unwrap().contains(&1));
    rig.done(3).await;
    assert!(rig.metrics.publish_retries.with_label_values(&["s", "t"]).get() >= 20);
    assert!(rig.shelf.buried.lock().unwrap().is_empty());
    assert_eq!(rig.gate.last_error().map(|error| error.code), Some("missing"));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_missing_for_days_is_tried_by_one_and_seldom() {
    let there = Arc::new(AtomicBool::new(false));
    let looked = Arc::clone(&there);
    let stage = Stage::new(move |_, _| match looked.load(Ordering::Relaxed) {
        false => Err(PublishError::topic(Code::Missing, "no topic")),
        true => Ok(()),
    });
    let rig = Rig::new(100, stage);
    rig.append(&["a"; 50]);
    rig.append(&[""; 100]);
    rig.run();
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    // Each once, and from then on one of them: full jitter up to 5 s, 2.5 s on average.
    let tries = rig.stage.seen.lock().unwrap().tries;
    assert!((25_000..50_000).contains(&tries), "{tries}");
    assert_eq!(rig.gate.state(), LaneState::Open);
    there.store(true, Ordering::Relaxed);
    rig.done(150).await;
    assert_eq!(rig.stage.seen.lock().unwrap().most_per_entity, 1);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_for_days_is_asked_by_one_and_seldom() {
    let rig = Rig::new(100, Stage::new(|_, _| Ok(())));
    rig.stage.up.send_replace(false);
    rig.append(&["a"; 50]);
    rig.append(&[""; 300]);
    rig.run();
    tokio::time::sleep(Duration::from_secs(2 * 86_400)).await;
    {
        let seen = rig.stage.seen.lock().unwrap();
        assert_eq!(seen.tries, 0, "nothing is published before the broker answers");
        // Full jitter up to 5 s: 2.5 s on average.
        assert!(seen.checks > 50_000 && seen.checks < 100_000, "{}", seen.checks);
    }
    assert_eq!(rig.metrics.sink_up.with_label_values(&["s"]).get(), 0);
    rig.stage.up.send_replace(true);
    rig.done(350).await;
    assert_eq!(rig.metrics.sink_up.with_label_values(&["s"]).get(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_one_event_tries_before_all_go() {
    // The check succeeds all along, but nothing gets through from the third try to the 49th.
    let stage = Stage::new(|number, _| if (3..50).contains(&number) { Err(sinkwide()) } else { Ok(()) });
    let rig = Rig::new(50, stage);
    rig.append(&["a", "b"]);
    rig.run();
    rig.done(2).await;
    rig.append(&[""; 40]);
    rig.done(42).await;
    let seen = rig.stage.seen.lock().unwrap();
    // 2, then 40 that fail at once, then 7 that fail one at a time, each after a check, then the 40 again.
    assert_eq!((seen.tries, seen.checks), (2 + 40 + 7 + 40, 1 + 8));
    assert_eq!(seen.stored.len(), 42);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_lane_claims_no_more_and_waits_for_what_is_under_way() {
    let release = Arc::new(Semaphore::new(0));
    let stage = Stage { release: Some(Arc::clone(&release)), ..Stage::new(|_, _| Ok(())) };
    let rig = Rig::new(2, stage);
    rig.append(&["", "", ""]);
    let running = rig.run();
    while rig.stage.seen.lock().unwrap().tries < 2 {
        tokio::task::yield_now().await;
    }
    rig.stop.cancel();
    tokio::task::yield_now().await;
    assert!(!running.is_finished());
    release.add_permits(10);
    running.await.unwrap();
    let under_way = rig.stage.seen.lock().unwrap().tries;
    assert_eq!(rig.shelf.acked.lock().unwrap().len(), under_way);
    assert_eq!(under_way, 2);
}

#[tokio::test(start_paused = true)]
async fn other_feeds_are_read_while_they_last_and_their_delay_is_not_measured() {
    let rig = Rig::new(4, Stage::new(|_, _| Ok(())));
    rig.append(&["a", "b"]);
    rig.shelf.acked.lock().unwrap().extend([1]);
    rig.feeds.send_replace(Arc::new(vec![Feed::Replay(7)]));
    rig.run();
    rig.done(2).await;
    assert_eq!(rig.metrics.accept_to_publish_seconds.with_label_values(&["s"]).get_sample_count(), 0);
    rig.feeds.send_replace(Arc::new(vec![Feed::Live]));
    rig.append(&["c"]);
    rig.done(3).await;
    let claims = rig.shelf.claims.lock().unwrap().clone();
    assert!(claims.iter().any(|(feed, _)| *feed == Feed::Live));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_back_is_looked_for_from_the_beginning() {
    let rig = Rig::new(4, Stage::new(|_, _| Ok(())));
    rig.append(&["a", "b", "c"]);
    rig.shelf.acked.lock().unwrap().extend([1, 2]);
    rig.feeds.send_replace(Arc::new(vec![Feed::Requeued]));
    rig.run();
    rig.done(3).await;
    // An older one comes back later.
    rig.shelf.acked.lock().unwrap().remove(&1);
    rig.done(3).await;
    assert_eq!(rig.stage.seen.lock().unwrap().stored.last().map(|(_, sequence)| *sequence), Some(1));
}

/// One outcome of a try.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Stored,
    Record,
    Topic,
    Sink,
    Dead,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        5 => Just(Fate::Stored),
        2 => Just(Fate::Record),
        2 => Just(Fate::Topic),
        2 => Just(Fate::Sink),
        1 => Just(Fate::Dead),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_entitys_order_survives_any_failures_and_nothing_is_lost(
        entities in prop::collection::vec(0_u8..6, 1..120),
        fates in prop::collection::vec(fate(), 1..200),
        width in 1_usize..20,
    ) {
        let names: Vec<String> =
            entities.iter().map(|entity| if *entity == 0 { String::new() } else { format!("e{entity}") }).collect();
        let count = names.len();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let rig = runtime.block_on(async move {
            let mut stage = Stage::new(move |number, _| match fates.get(number) {
                None | Some(Fate::Stored) => Ok(()),
                Some(Fate::Record) => Err(PublishError::record(Code::Unconfirmed, "unconfirmed")),
                Some(Fate::Topic) => Err(PublishError::topic(Code::Missing, "missing")),
                Some(Fate::Sink) => Err(sinkwide()),
                Some(Fate::Dead) => Err(PublishError::permanent(Code::TooLarge, "large")),
            });
            stage.latency = |sequence| Duration::from_millis(sequence * 7919 % 50);
            let rig = Rig::new(width, stage);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (first, second) = names.split_at(names.len() / 2);
            rig.append(first);
            rig.run();
            tokio::time::sleep(Duration::from_millis(20)).await;
            rig.append(second);
            rig.done(count).await;
            rig
        });
        let seen = rig.stage.seen.lock().unwrap();
        prop_assert!(seen.most_per_entity <= 1);
        prop_assert!(seen.most_under_way <= width);
        let mut last = std::collections::HashMap::new();
        for (entity, sequence) in seen.stored.iter().filter(|(entity, _)| !entity.is_empty()) {
            let before = last.insert(entity.clone(), *sequence);
            prop_assert!(before.is_none_or(|before| before < *sequence), "{entity}: {before:?} then {sequence}");
        }
        let acked = rig.shelf.acked.lock().unwrap();
        let buried = rig.shelf.buried.lock().unwrap();
        prop_assert_eq!(acked.len() + buried.len(), count);
        prop_assert!(acked.iter().all(|sequence| !buried.contains_key(sequence)));
        prop_assert_eq!(seen.stored.len(), acked.len());
    }
}
