//! Real brokers, beside the load: started by `scripts/brokers`, killed when dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::bench::Bench;
use crate::children::{self, Process, Side};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/brokers");

/// A broker that runs.
pub struct Broker {
    process: Process,
    pub address: SocketAddr,
}

/// When a NATS server writes what it has acknowledged to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Before it acknowledges: `sync_interval: always`, as under `deploy/`.
    Always,
    /// Within two minutes: the server's own default.
    Default,
}

/// Kafka, one node.
pub fn kafka(bench: &mut Bench) -> Result<Broker> {
    let broker = run(bench, "run-kafka")?;
    let mut config = ClientConfig::new();
    // Complaints while the broker starts are no news.
    config
        .set("bootstrap.servers", broker.address.to_string())
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    let client: BaseConsumer = config.create()?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = client.fetch_metadata(None, Duration::from_secs(1)) {
        if Instant::now() > deadline {
            return Err(error).context("Kafka does not answer a minute after its start");
        }
    }
    Ok(broker)
}

/// NATS with JetStream, empty.
pub fn nats(bench: &mut Bench, sync: Sync) -> Result<Broker> {
    let broker = run(bench, "run-nats")?;
    if sync == Sync::Always {
        return Ok(broker);
    }
    // The script's servers always sync: borrow its program.
    let program = broker.process.program()?;
    drop(broker);
    let directory = bench.fresh("nats-default")?;
    let config = directory.join("nats.conf");
    std::fs::write(&config, format!("jetstream {{ store_dir: {:?} }}\n", directory.join("data")))?;
    start(bench, Command::new(program).arg("-a").arg("127.0.0.1").arg("-c").arg(config), |command, port| {
        command.arg("-p").arg(port);
    })
}

impl Broker {
    pub fn nats_url(&self) -> String {
        format!("nats://{}", self.address)
    }
}

fn run(bench: &mut Bench, what: &str) -> Result<Broker> {
    let directory = bench.fresh(what)?;
    start(bench, Command::new(SCRIPT).arg(what).arg(directory), |command, port| {
        command.arg(port);
    })
}

fn start(bench: &mut Bench, command: &mut Command, with_port: impl Fn(&mut Command, &str)) -> Result<Broker> {
    let port = children::free_port()?;
    with_port(command, &port.to_string());
    let log = std::fs::File::create(bench.directory.path().join("broker.log"))?;
    command.stdout(log.try_clone()?).stderr(Stdio::from(log));
    let mut process = bench.processors.spawn(Side::Around, command)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    children::wait_for_port(address, &mut process)
        .with_context(|| last_lines(&bench.directory.path().join("broker.log")))?;
    Ok(Broker { process, address })
}

fn last_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    format!("a broker did not start (scripts/setup brokers installs them): {lines:?}")
}
