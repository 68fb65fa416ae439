//! The relay itself: the real program with a configuration of its own, and what it tells of itself.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::Bench;
use crate::callbacks::{ACCOUNT, AUTH_ID, ORIGIN, TOKEN};
use crate::children::{self, Process, Side};
use crate::report::Groups;

/// Where the relay publishes.
#[derive(Clone)]
pub enum Sink {
    /// To a NATS server that is not there: what is accepted stays in the spool.
    Unreachable,
    /// To files in a directory.
    Files(PathBuf),
    /// To NATS.
    Nats(String),
    /// To Kafka.
    Kafka(String),
}

impl Sink {
    /// The table of the configuration.
    fn table(&self, window: usize) -> String {
        match self {
            Sink::Unreachable => String::from("type = \"nats\"\nservers = [\"nats://127.0.0.1:9\"]\n"),
            Sink::Files(directory) => format!("type = \"file\"\ndir = {directory:?}\n"),
            Sink::Nats(url) => {
                format!("type = \"nats\"\nservers = [{url:?}]\nwindow = {window}\ncreate.enabled = true\n")
            }
            Sink::Kafka(server) => format!(
                "type = \"kafka\"\nservers = [{server:?}]\nwindow = {window}\ncreate.enabled = true\n\
                 create.partitions = 3\ncreate.replication = 1\n"
            ),
        }
    }

    /// How many events may be unacknowledged, for the relay and the raw client alike: the sinks' defaults.
    pub fn window(&self) -> usize {
        match self {
            Sink::Kafka(_) => 1024,
            _ => 256,
        }
    }
}

/// A relay that runs.
pub struct Relay {
    pub process: Process,
    pub callbacks: SocketAddr,
    admin: SocketAddr,
    /// From starting the program until it could take callbacks.
    pub start: Duration,
}

impl Relay {
    /// Starts the program on the measured side, on the spool in `spool`; `name` is the sink's, which owns its cursor.
    pub fn start(bench: &Bench, spool: &Path, name: &str, sink: &Sink) -> Result<Self> {
        Relay::start_on(bench, Side::Measured, spool, name, sink)
    }

    /// The same on any side.
    pub fn start_on(bench: &Bench, side: Side, spool: &Path, name: &str, sink: &Sink) -> Result<Self> {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (callbacks, admin) = (local(children::free_port()?), local(children::free_port()?));
        let table = sink.table(sink.window());
        let text = format!(
            "[log]\nlevel = \"warn\"\n[ingress]\nlisten = \"{callbacks}\"\npublic_urls = [\"{ORIGIN}\"]\n\
             drain_delay = \"0s\"\n[admin]\nlisten = \"{admin}\"\n[spool]\npath = {spool:?}\n\
             [accounts.{ACCOUNT}]\nauth_id = \"{AUTH_ID}\"\ntokens = [\"{TOKEN}\"]\n[sinks.{name}]\n{table}"
        );
        let config = bench.directory.path().join("relay.toml");
        std::fs::write(&config, text)?;
        let log = std::fs::File::create(bench.directory.path().join("relay.log"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tendlc-relay"));
        command.arg("serve").arg("--config").arg(config).stdout(Stdio::null()).stderr(log);
        let process = bench.processors.spawn(side, &mut command)?;
        let mut relay = Relay { process, callbacks, admin, start: Duration::ZERO };
        relay.start = relay.wait_until_ready().with_context(|| {
            let log = std::fs::read_to_string(bench.directory.path().join("relay.log")).unwrap_or_default();
            format!("the relay did not become ready; its log: {log}")
        })?;
        Ok(relay)
    }

    fn wait_until_ready(&mut self) -> Result<Duration> {
        loop {
            if self.get("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
                return Ok(self.process.started.elapsed());
            }
            self.process.check()?;
            if self.process.started.elapsed() > Duration::from_secs(60) {
                bail!("not ready after a minute");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its metrics now.
    pub fn metrics(&self) -> Result<Metrics> {
        let text = self.get("/metrics")?;
        let lines = text.lines().filter(|line| line.starts_with("tendlc_"));
        let values = lines.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        });
        Ok(Metrics { values: values.collect() })
    }

    /// Waits until `count` events of this run were published, and says when that was seen. It asks seldom, since that takes
    /// the relay's time, and more often towards the end.
    pub fn wait_for_published(&mut self, count: f64, patience: Duration) -> Result<Instant> {
        let begun = Instant::now();
        let deadline = begun + patience;
        loop {
            let published = self.metrics()?.sum("tendlc_published_total", "");
            let now = Instant::now();
            if published >= count {
                return Ok(now);
            }
            self.process.check()?;
            if now > deadline {
                bail!("{published} of {count} events published after {patience:?}");
            }
            let left = begun.elapsed().as_secs_f64() * (count / published.max(1.0) - 1.0);
            std::thread::sleep(Duration::from_secs_f64((left / 2.0).clamp(0.002, 0.05)));
        }
    }

    fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// One scrape.
pub struct Metrics {
    values: HashMap<String, f64>,
}

impl Metrics {
    /// The sum over all series of `name` whose labels contain `label`.
    pub fn sum(&self, name: &str, label: &str) -> f64 {
        let of_name = |series: &str| {
            series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        self.values
            .iter()
            .filter(|(series, _)| of_name(series) && series.contains(label))
            .map(|(_, value)| value)
            .sum()
    }

    /// Callbacks accepted since the start.
    pub fn accepted(&self) -> f64 {
        self.sum("tendlc_callbacks_total", "outcome=\"accepted\"")
    }

    /// The commits between `before` and this.
    pub fn groups_since(&self, before: &Metrics) -> Groups {
        let growth = |name: &str| self.sum(name, "") - before.sum(name, "");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (series, value) in &self.values {
            let bound = series
                .strip_prefix("tendlc_commit_group_size_bucket{le=\"")
                .and_then(|rest| rest.strip_suffix("\"}"));
            if let Some(bound) = bound.and_then(|bound| bound.parse::<f64>().ok()) {
                buckets.push((bound, value - before.values.get(series).copied().unwrap_or_default()));
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0.0;
        let commits = buckets.iter().map(|(bound, up_to)| {
            let here = up_to - below;
            below = *up_to;
            (*bound, here as u64)
        });
        let mean = growth("tendlc_commit_group_size_sum") / growth("tendlc_commit_group_size_count").max(1.0);
        Groups { mean, commits: commits.filter(|(_, count)| *count > 0).collect() }
    }
}
