//! Errors that librdkafka does not recover from, and a cluster that falls silent: played by librdkafka's own mock cluster,
//! which does not deduplicate. Callbacks, relay and reader are the real ones.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::scene::Scene;
use crate::faults::report::size;
use crate::support::brokers::kafka;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, Delivered, topics};
use crate::support::wait::until_true;

struct Case {
    cluster: MockCluster<'static, DefaultProducerContext>,
    prefix: String,
    scene: Scene,
    /// What was read so far, by its place: the mock cluster keeps the last few megabytes only.
    read: BTreeMap<Place, Delivered>,
}

/// Partition and offset.
type Place = (i64, i64);

impl Case {
    fn new() -> Option<Self> {
        // Not needed here, but where it is, the reader is, too.
        kafka()?;
        let cluster = MockCluster::new(1).unwrap();
        let prefix = fresh_prefix("fatal");
        for topic in topics(&prefix) {
            cluster.create_topic(&topic, 3, 1).unwrap();
        }
        let config = Config::new().kafka_sink(&cluster.bootstrap_servers(), &prefix, "").text();
        let config = config.replace("create = { enabled = true", "create = { enabled = false");
        let scene = Scene::new("kafka", &config);
        Some(Case { cluster, prefix, scene, read: BTreeMap::new() })
    }

    /// Breaks the producer, and waits until there is another and its events pass.
    fn breaks(&mut self, how: impl Fn(&Self), mend: impl Fn(&Self)) {
        let rebuilds = || self.scene.relay.metrics().sum("tendlc_producer_rebuilds_total", &[]);
        let before = rebuilds();
        how(self);
        until_true("another producer", || rebuilds() > before);
        mend(self);
        self.scene.publishes();
        self.scene.settles();
        self.read.extend(read(&self.cluster, &self.prefix));
        self.scene.goes_on();
    }

    fn ends(self, faults: &str) {
        let Case { cluster, prefix, scene, mut read } = self;
        scene.ends(faults, &["--allow-republished"], |_| {
            read.extend(self::read(&cluster, &prefix));
            read.into_values().collect()
        });
    }
}

fn read(cluster: &MockCluster<'static, DefaultProducerContext>, prefix: &str) -> Vec<(Place, Delivered)> {
    // Plivo's callbacks here are about brands.
    let delivered = readers::kafka(&cluster.bootstrap_servers(), &topics(prefix)[..1]);
    let place =
        |one: &Delivered| (one.line["partition"].as_i64().unwrap(), one.line["offset"].as_i64().unwrap());
    delivered.into_iter().map(|one| (place(&one), one)).collect()
}

#[test]
fn after_a_fatal_error_another_producer_skips_nothing_and_keeps_the_order() {
    let Some(mut case) = Case::new() else { return };
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
    ];
    let rounds = size(6, 60);
    for round in 0..rounds {
        let error = errors[round % errors.len()];
        case.breaks(|case| case.cluster.request_errors(RDKafkaApiKey::Produce, &[error]), |_| {});
    }
    case.scene.recovers();
    case.ends(&format!("{rounds} fatal errors"));
}

#[test]
fn a_stalled_producer_is_built_anew_and_skips_nothing() {
    let Some(mut case) = Case::new() else { return };
    let rounds = size(1, 10);
    for _ in 0..rounds {
        let silent = |case: &Case, length| case.cluster.broker_round_trip_time(1, length).unwrap();
        case.breaks(|case| silent(case, Duration::from_secs(15)), |case| silent(case, Duration::ZERO));
    }
    case.scene.recovers();
    case.ends(&format!("{rounds} stalls"));
}
