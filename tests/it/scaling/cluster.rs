//! Replicas behind a balancer over three NATS servers that keep a stream together, one of which is killed.

use std::time::Duration;

use crate::faults::plivo::{Calls, Plivo, slowest_of_all_taken_at_once};
use crate::faults::report::{say, size};
use crate::sim::run::{assert_holds, verify_read};
use crate::support::balancer::{Balancer, Rule};
use crate::support::cluster::NatsCluster;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, is_torture};
use crate::support::relay::Home;
use crate::support::replica::Replica;

/// So many that each of four replicas has some of them.
const PATHS: usize = 24;

#[test]
fn replicas_over_a_cluster_whose_servers_are_killed_lose_nothing_and_keep_the_order() {
    let counts: &[usize] = if is_torture() { &[1, 2, 4] } else { &[2] };
    for count in counts {
        servers_are_killed(*count, "haproxy", Balancer::haproxy);
    }
    if is_torture() {
        servers_are_killed(2, "nginx", Balancer::nginx);
    }
}

fn servers_are_killed(count: usize, name: &str, balancer: impl FnOnce(Rule, &[Replica]) -> Option<Balancer>) {
    let Some(mut cluster) = NatsCluster::start() else { return };
    let stream = fresh_prefix("scaling");
    let config = cluster.sink(Config::new(), &stream).text();
    let mut replicas: Vec<Replica> = (0..count).map(|_| Replica::new(&config)).collect();
    let Some(balancer) = balancer(Rule::Path, &replicas) else { return };
    let home = Home::new("");
    let paths = (0..PATHS).map(|tag| format!("/tendlc_status/acme/t{tag}/")).collect();
    let calls = Calls { paths, ..Calls::every(Duration::from_millis(5)) };
    let plivo = Plivo::making(&home, balancer.address, &calls);
    // The cluster has found itself, and the stream is there.
    replicas.iter().for_each(|one| one.relay().takes_more());
    settle(&plivo, &replicas);
    plivo.go_on();
    let kills = size(1, 6);
    for _ in 0..kills {
        let leader = cluster.leader(&stream);
        cluster.0[leader].kill();
        // While it is away.
        replicas.iter().for_each(|one| one.relay().takes_more());
        settle(&plivo, &replicas);
        plivo.go_on();
        cluster.0[leader].start();
    }
    settle(&plivo, &replicas);
    let callbacks = plivo.end();
    let slowest = slowest_of_all_taken_at_once(&home);
    let shares: Vec<f64> = replicas.iter().map(|one| one.relay().taken()).collect();
    assert!(shares.iter().all(|share| *share > 0.0), "{shares:?}");
    // The reader's server may be the one that has the last of it last.
    let read = readers::nats(&cluster.url(), &stream, &["--count", &callbacks.to_string(), "--settle", "1"]);
    home.write("reading.jsonl", &read.iter().map(|one| format!("{}\n", one.line)).collect::<String>());
    assert_holds(&verify_read(&home, "nats=reading.jsonl", &[]));
    replicas.iter_mut().for_each(Replica::stop);
    say(&format!(
        "{count} replicas behind {name}, three NATS servers, the stream's leader killed {kills} times: {callbacks} callbacks \
         ({shares:?}), each taken at its first attempt, the slowest in {slowest:?}, each once on NATS and in order"
    ));
}

/// Nothing comes any more, and everything is published.
fn settle(plivo: &Plivo, replicas: &[Replica]) {
    plivo.rest();
    replicas.iter().for_each(|one| one.relay().drained());
}
