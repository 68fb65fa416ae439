//! A relay that is killed and started again in the midst of chaos, with real brokers behind it: one that keeps its
//! promises keeps them through that, and of one that does not the checker finds out.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;

use super::run::{assert_holds, by_path, sim, verify_all};
use crate::support::brokers::{self, lasting_port};
use crate::support::config::{Config, fresh_prefix};
use crate::support::process::Process;
use crate::support::readers::{self, topics};
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

const CALLBACKS: usize = 1_500;

#[test]
fn what_was_answered_survives_kill_nine_with_every_consumer() {
    let Some(verdict) = after_kills("") else { return };
    assert_holds(&verdict);
}

#[test]
fn what_was_answered_before_it_was_written_is_named_as_lost_for_every_consumer() {
    let Some((code, report)) = after_kills("spool_ack=25") else { return };
    assert_eq!(code, Some(1));
    for consumer in report["consumers"].as_array().unwrap() {
        assert!(consumer["found"]["lost"]["count"].as_u64() > Some(10), "{consumer:#}");
    }
}

/// The verdict on a relay that breaks its promises so, and is killed three times. A minute is a second and a fifth
/// here: Plivo's last retry comes long after the relay is there again.
fn after_kills(how: &str) -> Option<(Option<i32>, Value)> {
    let (kafka, nats) = (brokers::kafka()?, brokers::nats()?);
    let prefix = fresh_prefix("killed");
    let config =
        Config::new().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").file_sink("files", "");
    let home = Home::new(&config.text());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lasting_port()));
    let mut relay = home.start_broken_at(address, how);
    let mut sending = send(&home, address);
    for _ in 0..3 {
        let before = answered(&relay);
        until_true("some callbacks", || answered(&relay) > before + 100.0);
        assert!(sending.ended().is_none(), "it is killed while callbacks come");
        relay.kill();
        relay = home.start_broken_at(address, how);
    }
    let status = sending.wait();
    assert!(status.success(), "{status}: {}", sending.log.tail());
    relay.drained();
    let from_kafka = readers::kafka(&kafka, &topics(&prefix));
    let from_nats = readers::nats(&nats, &prefix, &[]);
    // Who is killed between a broker's acknowledgement and his own note of it publishes again under the same id.
    Some(verify_all(&home, &from_kafka, &from_nats, &["--allow-republished"]))
}

fn send(home: &Home, relay: SocketAddr) -> Process {
    let (to, via, count) = (by_path(), format!("http://{relay}"), CALLBACKS.to_string());
    let how = ["send", "--time-scale", "0.02", "--slow", "0.2", "--chaos", "0.1", "--seed", "6"];
    let what = ["--entities", "150", "--callbacks", &count, "--to", &to, "--via", &via, "--ledger", "ledger"];
    Process::spawn(&mut sim(&home.path(""), &[how.as_slice(), &what].concat()))
}

fn answered(relay: &Relay) -> f64 {
    relay.metrics().sum("tendlc_callbacks_total", &[])
}
