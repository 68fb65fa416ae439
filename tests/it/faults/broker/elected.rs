//! A cluster of three Kafka brokers, of which one at a time is killed: the partitions that it led get another leader.

use std::collections::BTreeSet;

use super::scene::Scene;
use crate::faults::report::say;
use crate::support::brokers::Own;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, Delivered, is_torture, topics};
use crate::support::wait::until;

/// How often a broker is killed.
const KILLS: usize = 12;

struct Cluster {
    brokers: Vec<Own>,
    servers: String,
    /// The brands', which Plivo's callbacks are about here.
    topic: String,
}

impl Cluster {
    fn start(prefix: &str) -> Option<Self> {
        let brokers = Own::kafka_cluster()?;
        let servers = brokers.iter().map(Own::address).collect::<Vec<_>>().join(",");
        Some(Cluster { brokers, servers, topic: topics(prefix).swap_remove(0) })
    }

    /// Who leads each partition, once each has so many copies in step. Brokers count from 1.
    fn leaders(&self, copies: usize) -> Vec<usize> {
        until(&format!("{copies} copies of each partition in step"), || {
            let told = readers::make(&["leaders", &self.servers, &self.topic, &copies.to_string()]);
            let leaders: Vec<usize> = told.split_whitespace().map(|number| number.parse().unwrap()).collect();
            (!leaders.is_empty()).then_some(leaders)
        })
    }
}

/// In `make torture` only: three brokers take half a minute to start on two busy processors.
#[test]
fn partitions_whose_leader_is_killed_go_on_with_another() {
    if !is_torture() {
        return;
    }
    let prefix = fresh_prefix("elected");
    let Some(mut cluster) = Cluster::start(&prefix) else { return };
    let config = Config::new().kafka_sink(&cluster.servers.replace(',', "\", \""), &prefix, "").text();
    let config = config.replace("replication = 1", "replication = 3, min_insync_replicas = 2");
    let scene = Scene::new("kafka", &config);
    let mut moved = 0;
    for turn in 0..KILLS {
        let before = cluster.leaders(3);
        let led = before[turn % before.len()];
        cluster.brokers[led - 1].kill();
        scene.takes();
        scene.recovers();
        let after = cluster.leaders(2);
        assert!(!after.contains(&led), "{led} leads although it is dead: {after:?}");
        moved += before.iter().filter(|leader| **leader == led).count();
        cluster.brokers[led - 1].start();
    }
    cluster.leaders(3);
    scene.recovers();
    let faults =
        format!("of three brokers the leader killed {KILLS} times, {moved} partitions led by another");
    // A client that had no answer for long is replaced by another, which cannot know what arrived.
    scene.ends(&faults, &["--allow-republished"], |_| {
        let read = readers::kafka(&cluster.servers, &[cluster.topic.clone()]);
        let ids: BTreeSet<&str> = read.iter().map(Delivered::id).collect();
        say(&format!("kafka: of {} events {} came again under their ids", ids.len(), read.len() - ids.len()));
        read
    });
}
