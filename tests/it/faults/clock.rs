//! A wall clock that is set back and forth by hours, while the relay runs and while it does not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::dice::dice;
use super::report::{say, size};
use super::shim::{Shim, Word};
use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

const HOUR: i64 = 3_600_000;

struct Case {
    shim: Shim,
    home: Home,
    /// In the order in which they were answered.
    ids: Vec<String>,
}

impl Case {
    fn new(spool: &str) -> Option<Self> {
        let home = Home::new(&Config::files().spool(spool).text());
        Some(Case { shim: Shim::new()?, home, ids: Vec::new() })
    }

    fn start(&self) -> Relay {
        self.home.start_with(|command| self.shim.preload(command))
    }

    /// Callbacks about one brand after the other, and each of them twice: a retry is no event.
    fn send(&mut self, relay: &Relay, count: usize) {
        for turn in 0..count {
            let callback = Callback::about("brand", "created", &format!("B{}", turn % 3))
                .param("turn", &self.ids.len().to_string());
            let id = relay.accept(&callback);
            let again = relay.send(&callback);
            assert_eq!((again.text("status"), again.text("id")), ("duplicate".to_owned(), id.clone()));
            self.ids.push(id);
        }
    }

    /// Every event that was answered, in that order, at times that never run backwards.
    fn assert_order(&self) -> Vec<Value> {
        let mut events = files::topic_events(&self.home.events(), "plivo.10dlc.brand");
        let mut seen = BTreeSet::new();
        events.retain(|event| seen.insert(event["id"].as_str().unwrap().to_owned()));
        events.sort_by_key(|event| event["sequence"].as_str().unwrap().to_owned());
        let ids: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids, self.ids);
        let times: Vec<&str> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        events
    }
}

#[test]
fn time_never_runs_backwards_and_order_holds_whatever_the_clock_does() {
    let mut dice = dice("clock");
    let Some(mut case) = Case::new("") else { return };
    let mut relay = case.start();
    let (steps, mut ahead) = (size(12, 200), 0);
    for step in 0..steps {
        ahead += dice.i64(-30 * HOUR..30 * HOUR);
        if step % 3 == 2 {
            relay.drained();
            relay.kill();
            case.shim.set(Word::Clock, ahead);
            relay = case.start();
        } else {
            case.shim.set(Word::Clock, ahead);
        }
        case.send(&relay, 5);
    }
    relay.drained();
    case.assert_order();
    relay.stop();
    say(&format!(
        "clock: {steps} steps of up to 30 hours, {} events in order, at times in order",
        case.ids.len()
    ));
}

/// Every record is older than its retention, by a clock that is a day ahead; and none of them is.
#[test]
fn after_a_jump_ahead_nothing_is_deleted() {
    for jump_while_running in [true, false] {
        let Some(mut case) = Case::new("retention = \"8m\"") else { return };
        let relay = case.start();
        case.send(&relay, 5);
        relay.drained();
        let relay = if jump_while_running {
            case.shim.set(Word::Clock, 24 * HOUR);
            relay
        } else {
            relay.stop();
            case.shim.set(Word::Clock, 24 * HOUR);
            case.start()
        };
        until_true("the jump noticed", || {
            relay.process.log.contains("nothing is deleted for its age before a day")
        });
        case.send(&relay, 5);
        relay.drained();
        assert_eq!(relay.metrics().sum("tendlc_spool_records", &[]), 10.0);
        assert_eq!(relay.metrics().sum("tendlc_spool_deleted_total", &[]), 0.0);
        // The clock is right again; the spool's own stays ahead, and nothing is old by that either.
        case.shim.set(Word::Clock, 0);
        case.send(&relay, 5);
        relay.drained();
        relay.stop();
        let relay = case.start();
        case.send(&relay, 5);
        relay.drained();
        assert_eq!(case.home.run(&["events", "--json"]).json_lines().len(), 20);
        case.assert_order();
        relay.stop();
    }
}
