//! Three servers that keep streams or partitions together, any of which may be killed.

use super::brokers::{Own, lasting_port};
use super::config::Config;
use super::readers;
use super::wait::until;

/// Three NATS servers.
pub struct NatsCluster(pub Vec<Own>);

impl NatsCluster {
    /// Three that run, know each other, and sync what they acknowledge.
    pub fn start() -> Option<Self> {
        let ports: Vec<u16> = (0..3).map(|_| lasting_port()).collect();
        let routes: Vec<String> = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let mut servers = Vec::new();
        for port in ports {
            let server = Own::nats()?;
            let routes = routes.join(", ");
            server.configure(&format!(
                "cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
            ));
            servers.push(server);
        }
        servers.iter_mut().for_each(Own::start);
        Some(NatsCluster(servers))
    }

    /// A relay that makes a stream of this name, with a copy on each of them.
    pub fn sink(&self, config: Config, stream: &str) -> Config {
        let urls: Vec<String> = self.0.iter().map(Own::address).collect();
        config.nats_sink_of(3, &urls.join("\", \""), stream, "")
    }

    /// Which of them leads the stream, once the others have all of it.
    pub fn leader(&self, stream: &str) -> usize {
        until("a leader", || {
            let name = readers::make(&["leader", &self.url(), stream]);
            self.0.iter().position(|server| name.trim() == format!("test-server-{}", server.socket().port()))
        })
    }

    /// The first one's, which knows all streams.
    pub fn url(&self) -> String {
        self.0[0].address()
    }
}

/// Three Kafka brokers.
pub struct KafkaCluster(pub Vec<Own>);

impl KafkaCluster {
    /// Three that run, and elect their controller and the leaders of their partitions among themselves.
    pub fn start() -> Option<Self> {
        Own::kafka_cluster().map(KafkaCluster)
    }

    /// A relay that makes its topics, with a copy on each broker, of which two have to have what is acknowledged.
    pub fn sink(&self, config: Config, prefix: &str) -> Config {
        let copies = "replication = 3, min_insync_replicas = 2";
        config.kafka_sink_of(copies, &self.servers().replace(',', "\", \""), prefix, "")
    }

    /// Who leads each partition of a topic, once each has so many copies in step; brokers count from 0 here.
    pub fn leaders(&self, topic: &str, copies: usize) -> Vec<usize> {
        until(&format!("{copies} copies of each partition in step"), || {
            let told = readers::make(&["leaders", &self.servers(), topic, &copies.to_string()]);
            let leaders: Vec<usize> =
                told.split_whitespace().map(|number| number.parse::<usize>().unwrap() - 1).collect();
            (!leaders.is_empty()).then_some(leaders)
        })
    }

    pub fn servers(&self) -> String {
        self.0.iter().map(Own::address).collect::<Vec<_>>().join(",")
    }
}
