//! A cluster of three Kafka brokers, of which one at a time is killed: the partitions that it led get another leader.

use std::collections::BTreeSet;

use super::scene::Scene;
use crate::faults::report::say;
use crate::support::cluster::KafkaCluster;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, Delivered, is_torture, topics};

/// How often a broker is killed.
const KILLS: usize = 12;

/// In `make torture` only: three brokers take half a minute to start on two busy processors.
#[test]
fn partitions_whose_leader_is_killed_go_on_with_another() {
    if !is_torture() {
        return;
    }
    let Some(mut cluster) = KafkaCluster::start() else { return };
    let prefix = fresh_prefix("elected");
    let scene = Scene::new("kafka", &cluster.sink(Config::new(), &prefix).text());
    // The brands', which Plivo's callbacks are about here.
    let topic = topics(&prefix).swap_remove(0);
    let mut moved = 0;
    for turn in 0..KILLS {
        let before = cluster.leaders(&topic, 3);
        let led = before[turn % before.len()];
        cluster.0[led].kill();
        scene.relay.takes_more();
        scene.recovers();
        let after = cluster.leaders(&topic, 2);
        assert!(!after.contains(&led), "{led} leads although it is dead: {after:?}");
        moved += before.iter().filter(|leader| **leader == led).count();
        cluster.0[led].start();
    }
    cluster.leaders(&topic, 3);
    scene.recovers();
    let faults =
        format!("of three brokers the leader killed {KILLS} times, {moved} partitions led by another");
    // A client that had no answer for long is replaced by another, which cannot know what arrived.
    scene.ends(&faults, &["--allow-republished"], |_| {
        let read = readers::kafka(&cluster.servers(), &[topic]);
        let ids: BTreeSet<&str> = read.iter().map(Delivered::id).collect();
        say(&format!("kafka: of {} events {} came again under their ids", ids.len(), read.len() - ids.len()));
        read
    });
}
