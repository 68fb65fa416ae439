//! A cluster of three NATS servers, of which one at a time is killed.

use super::scene::Scene;
use crate::faults::report::size;
use crate::support::cluster::NatsCluster;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers;

#[test]
fn a_stream_whose_leader_is_killed_goes_on_with_another() {
    let Some(mut cluster) = NatsCluster::start() else { return };
    let stream = fresh_prefix("cluster");
    let scene = Scene::new("nats", &cluster.sink(Config::new(), &stream).text());
    let kills = size(2, 12);
    for _ in 0..kills {
        let leader = cluster.leader(&stream);
        cluster.0[leader].kill();
        scene.relay.takes_more();
        scene.recovers();
        cluster.0[leader].start();
    }
    scene.recovers();
    scene.ends(&format!("leader of a stream with three replicas killed {kills} times"), &[], |count| {
        // The reader's server may be the one that has the last of it last.
        let count = count.to_string();
        readers::nats(&cluster.url(), &stream, &["--count", &count, "--settle", "1"])
    });
}
