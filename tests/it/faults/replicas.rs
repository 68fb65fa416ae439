//! Replicas that are ended in good order while callbacks come: one by itself, and two behind haproxy, one after the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::plivo::{Calls, Plivo, attempts_of_all_delivered};
use super::report::{say, size};
use crate::sim::run::{assert_holds, broken, verify_read};
use crate::support::balancer::{Balancer, Rule};
use crate::support::brokers::{self, lasting_port};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, Delivered, topics};
use crate::support::relay::Home;
use crate::support::replica::Replica;

/// Plivo's last retry comes 4.2 s after its first attempt: later than any restart.
const TIME_SCALE: &str = "0.01";

fn write(home: &Home, name: &str, delivered: &[Delivered]) {
    home.write(name, &delivered.iter().map(|one| format!("{}\n", one.line)).collect::<String>());
}

#[test]
fn sigterm_under_load_loses_nothing_and_publishes_nothing_twice() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let prefix = fresh_prefix("term");
    let config = Config::files().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "");
    let home = Home::new(&config.text());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lasting_port()));
    let mut relay = home.start_at(address);
    let calls = Calls { time_scale: TIME_SCALE, ..Calls::every(Duration::from_millis(5)) };
    let plivo = Plivo::making(&home, address, &calls);
    let ends = size(4, 40);
    for _ in 0..ends {
        relay.takes_more();
        relay.stop();
        relay = home.start_at(address);
        // No callback meets two of them: nobody restarts a relay four times in seven minutes.
        plivo.rest();
        plivo.go_on();
    }
    let callbacks = plivo.end();
    relay.drained();
    let attempts = attempts_of_all_delivered(&home);
    write(&home, "kafka.jsonl", &readers::kafka(&kafka, &topics(&prefix)));
    write(&home, "nats.jsonl", &readers::nats(&nats, &prefix, &[]));
    for read in ["kafka=kafka.jsonl", "nats=nats.jsonl", "files=events"] {
        assert_holds(&verify_read(&home, read, &[]));
    }
    relay.stop();
    say(&format!(
        "SIGTERM: {ends} ends under load, {callbacks} callbacks in {attempts} attempts, each once on 3 sinks"
    ));
}

#[test]
fn two_replicas_behind_a_proxy_are_restarted_in_turn_and_no_callback_is_given_up() {
    let Some(nats) = brokers::nats() else { return };
    let prefix = fresh_prefix("replicas");
    // Longer than haproxy needs to see that it is not ready.
    let config = Config::new().drain_delay("1s").nats_sink(&nats, &prefix, "").text();
    let mut replicas = [Replica::new(&config), Replica::new(&config)];
    let home = Home::new("");
    let Some(balancer) = Balancer::haproxy(Rule::Path, &replicas) else { return };
    // Several paths, of which each replica has some.
    let paths = (0..6).map(|tag| format!("/tendlc_status/acme/t{tag}/")).collect();
    let calls = Calls { time_scale: TIME_SCALE, paths, ..Calls::every(Duration::from_millis(5)) };
    let plivo = Plivo::making(&home, balancer.address, &calls);
    let rounds = size(2, 20);
    for _ in 0..rounds {
        for replica in &mut replicas {
            replica.relay().takes_more();
            replica.stop();
            replica.start();
        }
        replicas[0].relay().takes_more();
        replicas[0].kill();
        replicas[0].start();
    }
    let callbacks = plivo.end();
    let attempts = attempts_of_all_delivered(&home);
    // A retry that meets the other replica.
    let retried = Callback::new("campaign", "created");
    let ids = replicas.each_ref().map(|replica| replica.relay().accept(&retried));
    assert_eq!(ids[0], ids[1]);
    replicas.iter().for_each(|replica| replica.relay().drained());
    let read = |kind: &str| readers::nats(&nats, &prefix, &["--subject", &format!("{prefix}.{kind}")]);
    assert_eq!(read("campaign").iter().map(Delivered::id).collect::<Vec<_>>(), [&ids[0]]);
    write(&home, "reading.jsonl", &read("brand"));
    let (_, report) = verify_read(&home, "nats=reading.jsonl", &[]);
    // Each replica keeps the order of what it took, and an entity's callbacks may have met both.
    let broken: Vec<_> = broken(&report).into_iter().filter(|kind| *kind != "out_of_order").collect();
    assert!(broken.is_empty(), "{report:#}");
    replicas.iter_mut().for_each(Replica::stop);
    say(&format!(
        "two replicas behind haproxy: {rounds} rolling restarts and kills, {callbacks} callbacks in {attempts} attempts, \
         none given up, each once on NATS"
    ));
}
