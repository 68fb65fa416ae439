//! What every measurement shares: how long, on which processors, where, and the report that grows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;
use tendlc_relay::sim::load::{Batch, Mint};

use crate::callbacks;
use crate::children::{self, Processors, Side};
use crate::report::Report;

/// Connections of the load.
pub const CONNECTIONS: usize = 256;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Plan {
    /// How often each measurement is repeated; the median is reported.
    pub rounds: usize,
    /// How long one round lasts.
    pub round: Duration,
    /// The same at half load, where seconds of a neighbour's work decide over a p99: more rounds, and shorter ones.
    pub calm: (usize, Duration),
    /// How often a callback's cost is taken with few records and with many: most of what differs is the machine's.
    pub costs: usize,
    /// How long a server runs before the clock starts.
    pub warm_up: Duration,
    /// How often a drain is measured, each time beside the raw client.
    pub drains: usize,
    /// Records that wait before a drain, and that are published in it; a sixth of them to a server that syncs each.
    pub drain: u64,
    /// Records in a spool that is full of them.
    pub many: u64,
    /// How long the disk is measured before each round at half load.
    pub disk: Duration,
}

impl Plan {
    /// Ten minutes at most.
    pub fn full() -> Self {
        Plan {
            rounds: 3,
            round: Duration::from_secs(4),
            calm: (9, Duration::from_secs(2)),
            costs: 5,
            drains: 5,
            warm_up: Duration::from_secs(1),
            drain: 300_000,
            many: 1_000_000,
            disk: Duration::from_millis(400),
        }
    }

    /// About a minute: to see that nothing broke, not to quote.
    pub fn quick() -> Self {
        Plan {
            rounds: 1,
            round: Duration::from_millis(1500),
            calm: (1, Duration::from_millis(1500)),
            costs: 1,
            drains: 1,
            warm_up: Duration::from_millis(500),
            drain: 10_000,
            many: 50_000,
            disk: Duration::from_secs(1),
        }
    }
}

/// One run of the benchmark.
pub struct Bench {
    pub plan: Plan,
    pub processors: Processors,
    pub mint: Mint,
    pub directory: TempDir,
    pub report: Report,
    directories: usize,
}

impl Bench {
    pub fn new(plan: Plan, pin: bool, directory: TempDir) -> Result<Self> {
        let processors = Processors::choose(pin)?;
        processors.take(Side::Around)?;
        let mut report = Report::default();
        let used = match processors {
            Processors::Split { measured, around } => {
                format!("server on processor {measured}, load and brokers on {around} (sched_setaffinity)")
            }
            Processors::Shared => String::from("not pinned: server, load and brokers share all"),
        };
        report.setting.push((String::from("processors"), used));
        report.setting.push((String::from("connections"), CONNECTIONS.to_string()));
        report.setting.push((
            String::from("rounds"),
            format!(
                "{} of {:?}, at half load {} of {:?}, medians",
                plan.rounds, plan.round, plan.calm.0, plan.calm.1
            ),
        ));
        report.setting.push((String::from("spool and brokers in"), directory.path().display().to_string()));
        Ok(Bench { plan, processors, mint: callbacks::mint()?, directory, report, directories: 0 })
    }

    /// Callbacks for a round of this length at `rate` a second, with some to spare.
    pub fn batch(&mut self, rate: f64, round: Duration) -> Batch {
        self.mint.batch((rate * round.as_secs_f64() * 1.5) as usize + 1000)
    }

    /// A directory that nothing is in.
    pub fn fresh(&mut self, name: &str) -> Result<PathBuf> {
        self.directories += 1;
        let path = self.directory.path().join(format!("{name}-{}", self.directories));
        std::fs::create_dir(&path)?;
        Ok(path)
    }

    /// This program in another role, listening, on the measured side.
    pub fn server(&self, role: &str) -> Result<(children::Process, SocketAddr)> {
        let port = children::free_port()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = children::myself([role, &port.to_string()])?;
        let mut process = self.processors.spawn(Side::Measured, &mut command)?;
        children::wait_for_port(address, &mut process)?;
        Ok((process, address))
    }

    /// This program in another role, until it is done; its standard output.
    pub fn finish(&self, side: Side, command: &mut Command) -> Result<String> {
        self.processors.spawn(side, command.stdout(std::process::Stdio::piped()))?.output()
    }
}

/// Says on standard error what is going on, so that standard output stays a report.
pub fn say(what: &str) {
    eprintln!("road: {what}");
}
