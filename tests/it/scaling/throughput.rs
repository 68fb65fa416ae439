//! How much replicas take, and what it costs whom: printed, since it says as much about the machine as about the relay.

use std::time::{Duration, Instant};

use crate::faults::report::say;
use crate::sim::run::{by_path, sim};
use crate::support::balancer::{Balancer, Rule};
use crate::support::callback::Callback;
use crate::support::cluster::NatsCluster;
use crate::support::config::{Config, fresh_prefix};
use crate::support::process::Process;
use crate::support::readers::is_torture;
use crate::support::replica::Replica;

/// For how long callbacks come.
const SECONDS: u32 = 10;

/// Callbacks come as fast as they are answered, by four paths, to 1, 2 and 4 replicas behind haproxy over three NATS
/// servers that keep a stream together.
#[test]
fn what_one_two_and_four_replicas_take() {
    if !is_torture() {
        return;
    }
    for rule in [Rule::Path, Rule::Turns] {
        for count in [1, 2, 4] {
            measure(rule, count);
        }
    }
}

fn measure(rule: Rule, count: usize) {
    let Some(cluster) = NatsCluster::start() else { return };
    let config = cluster.sink(Config::new(), &fresh_prefix("throughput")).text();
    let mut replicas: Vec<Replica> = (0..count).map(|_| Replica::new(&config)).collect();
    let Some(balancer) = Balancer::haproxy(rule, &replicas) else { return };
    // The cluster has found itself, and the stream is there.
    replicas.iter().for_each(|one| drop(one.relay().accept(&Callback::new("campaign", "created"))));
    replicas.iter().for_each(|one| one.relay().drained());
    let (to, via) = (by_path(), format!("http://{}", balancer.address));
    let duration = format!("{SECONDS}s");
    let load =
        ["load", "--json", "--connections", "128", "--duration", &duration, "--to", &to, "--via", &via];
    let relays = || replicas.iter().map(|one| one.relay().process.processor_time()).sum::<Duration>();
    let servers = || cluster.0.iter().map(|one| one.process().processor_time()).sum::<Duration>();
    let balancing = || balancer.process.processor_time();
    let before = [relays(), servers(), balancing()];
    let began = Instant::now();
    let mut load = Process::spawn_heard(&mut sim(&replicas[0].home.path(""), &load));
    let status = load.wait();
    let took = began.elapsed().as_secs_f64();
    let published: f64 =
        replicas.iter().map(|one| one.relay().metrics().sum("tendlc_published_total", &[])).sum();
    let after = [relays(), servers(), balancing()];
    let result = load.log.entries().remove(0);
    assert!(status.success() && result["failed"] == 0, "{result:#}");
    let delivered = result["delivered"].as_f64().unwrap();
    let each = |one: usize| (after[one] - before[one]).as_secs_f64() * 1e6 / delivered;
    let shares: Vec<f64> =
        replicas.iter().map(|one| (100.0 * one.relay().taken() / delivered).round()).collect();
    say(&format!(
        "{rule:?}, {count} replicas: {:.0} callbacks a second ({shares:?} %), p50 {} ms, p99 {} ms; {:.0} events a second \
         published meanwhile; processor time of a callback: relays {:.0} µs, balancer {:.0} µs, NATS {:.0} µs",
        result["delivered_per_second"].as_f64().unwrap(),
        result["latency_ms"]["p50"],
        result["latency_ms"]["p99"],
        published / took,
        each(0),
        each(2),
        each(1),
    ));
    // The cluster, which syncs three times, would need long for what still waits.
    replicas.iter_mut().for_each(Replica::kill);
}
