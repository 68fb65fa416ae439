//! Replicas behind a balancer over three servers of a broker, one of which is killed.

use std::time::Duration;

use crate::faults::plivo::{Calls, Plivo, slowest_of_all_taken_at_once};
use crate::faults::report::{say, size};
use crate::sim::run::{assert_holds, verify_read};
use crate::support::balancer::{Balancer, Rule};
use crate::support::brokers::Own;
use crate::support::cluster::{KafkaCluster, NatsCluster};
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, Delivered, is_torture, topics};
use crate::support::relay::Home;
use crate::support::replica::Replica;

/// So many that each of four replicas has some of them.
const PATHS: usize = 24;

enum Cluster {
    Nats(NatsCluster),
    Kafka(KafkaCluster),
}

impl Cluster {
    fn servers(&mut self) -> &mut Vec<Own> {
        match self {
            Cluster::Nats(cluster) => &mut cluster.0,
            Cluster::Kafka(cluster) => &mut cluster.0,
        }
    }

    fn sink(&self, prefix: &str) -> Config {
        match self {
            Cluster::Nats(cluster) => cluster.sink(Config::new(), prefix),
            Cluster::Kafka(cluster) => cluster.sink(Config::new(), prefix),
        }
    }

    /// Who leads the stream, or a partition of the brands' topic.
    fn leader(&self, prefix: &str) -> usize {
        match self {
            Cluster::Nats(cluster) => cluster.leader(prefix),
            Cluster::Kafka(cluster) => cluster.leaders(&topics(prefix)[0], 3)[0],
        }
    }

    fn read(&self, prefix: &str, count: usize) -> Vec<Delivered> {
        match self {
            // The reader's server may be the one that has the last of it last.
            Cluster::Nats(cluster) => {
                let more = ["--count", &count.to_string(), "--settle", "1"];
                readers::nats(&cluster.url(), prefix, &more)
            }
            Cluster::Kafka(cluster) => readers::kafka(&cluster.servers(), &topics(prefix)[..1]),
        }
    }

    /// What of that may be: a Kafka client that had no answer for long is replaced, and publishes again.
    fn allows(&self) -> &[&str] {
        match self {
            Cluster::Nats(_) => &[],
            Cluster::Kafka(_) => &["--allow-republished"],
        }
    }
}

#[test]
fn replicas_over_a_cluster_whose_servers_are_killed_lose_nothing_and_keep_the_order() {
    let nats = || NatsCluster::start().map(Cluster::Nats);
    let counts: &[usize] = if is_torture() { &[1, 2, 4] } else { &[2] };
    for count in counts {
        servers_are_killed(nats(), "NATS", *count, "haproxy", Balancer::haproxy);
    }
    if is_torture() {
        servers_are_killed(nats(), "NATS", 2, "nginx", Balancer::nginx);
        let kafka = KafkaCluster::start().map(Cluster::Kafka);
        servers_are_killed(kafka, "Kafka", 2, "haproxy", Balancer::haproxy);
    }
}

fn servers_are_killed(
    cluster: Option<Cluster>,
    broker: &str,
    count: usize,
    name: &str,
    balancer: impl FnOnce(Rule, &[Replica]) -> Option<Balancer>,
) {
    let Some(mut cluster) = cluster else { return };
    let prefix = fresh_prefix("scaling");
    let config = cluster.sink(&prefix).text();
    let mut replicas: Vec<Replica> = (0..count).map(|_| Replica::new(&config)).collect();
    let Some(balancer) = balancer(Rule::Path, &replicas) else { return };
    let home = Home::new("");
    let paths = (0..PATHS).map(|tag| format!("/tendlc_status/acme/t{tag}/")).collect();
    let calls = Calls { paths, ..Calls::every(Duration::from_millis(5)) };
    let plivo = Plivo::making(&home, balancer.address, &calls);
    // The cluster has found itself, and the stream or the topics are there.
    replicas.iter().for_each(|one| one.relay().takes_more());
    settle(&plivo, &replicas);
    plivo.go_on();
    let kills = size(1, 6);
    for _ in 0..kills {
        let leader = cluster.leader(&prefix);
        cluster.servers()[leader].kill();
        // While it is away.
        replicas.iter().for_each(|one| one.relay().takes_more());
        settle(&plivo, &replicas);
        plivo.go_on();
        cluster.servers()[leader].start();
    }
    settle(&plivo, &replicas);
    let callbacks = plivo.end();
    let slowest = slowest_of_all_taken_at_once(&home);
    let shares: Vec<f64> = replicas.iter().map(|one| one.relay().taken()).collect();
    assert!(shares.iter().all(|share| *share > 0.0), "{shares:?}");
    let read = cluster.read(&prefix, callbacks);
    home.write("reading.jsonl", &read.iter().map(|one| format!("{}\n", one.line)).collect::<String>());
    assert_holds(&verify_read(&home, "sink=reading.jsonl", cluster.allows()));
    replicas.iter_mut().for_each(Replica::stop);
    say(&format!(
        "{count} replicas behind {name}, three {broker} servers, the leader killed {kills} times: {callbacks} callbacks \
         ({shares:?}), each taken at its first attempt, the slowest in {slowest:?}; {} events, none lost, in order",
        read.len()
    ));
}

/// Nothing comes any more, and everything is published.
fn settle(plivo: &Plivo, replicas: &[Replica]) {
    plivo.rest();
    replicas.iter().for_each(|one| one.relay().drained());
}
