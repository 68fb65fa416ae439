//! How fast the road is, and how little it needs: `cargo bench --bench road -- [--quick] [--json]`.
//!
//! Every server under measurement is a process of its own; the load comes from this one, over loopback, and each
//! callback is signed and the only one of its kind. Figures are per second of time and per second of processor time
//! of the server's whole process (its SQLite writer and its sinks included), so that one server can be compared with
//! another on a machine of any size. `benches/README.md` says what each line means.

mod bench;
mod brokers;
mod callbacks;
mod children;
mod disk;
mod drains;
mod fill;
mod load;
mod raw;
mod relay;
mod report;
mod roads;
mod servers;
mod street;
mod weight;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::bench::{Bench, Plan, say};

/// Measures the relay beside the servers and clients that do only a part of its work.
#[derive(Parser)]
#[command(name = "road")]
struct Arguments {
    /// A version of a minute: shows that nothing broke, not what to quote.
    #[arg(long)]
    quick: bool,
    /// One JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// Leaves all processes on all processors.
    #[arg(long)]
    no_pin: bool,
    /// Fails when a target is missed.
    #[arg(long)]
    strict: bool,
    /// Measures these parts only.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Where spools and brokers live: the disk that is measured.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The servers that the relay is compared with.
    Baselines,
    /// The relay taking callbacks.
    Ingress,
    /// The relay taking callbacks and publishing them to NATS and Kafka.
    Publishing,
    /// Publishing what waited.
    Drains,
    /// Memory, start, and a full spool.
    Weight,
}

/// What this program is when it starts itself.
#[derive(Subcommand)]
enum Role {
    /// The server that does nothing.
    #[command(hide = true)]
    Noop { port: u16 },
    /// The server that verifies and normalizes.
    #[command(hide = true)]
    Verifying { port: u16 },
    /// The client that only publishes to Kafka.
    #[command(hide = true)]
    RawKafka { server: String, count: usize, window: usize },
    /// The client that only publishes to NATS.
    #[command(hide = true)]
    RawNats { server: String, count: usize, window: usize },
    /// Puts records into a spool.
    #[command(hide = true)]
    Fill { first: u64, count: u64, directory: PathBuf },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Noop { port }) => wait_for(servers::noop(port)),
        Some(Role::Verifying { port }) => wait_for(servers::verifying(port)),
        Some(Role::RawKafka { server, count, window }) => tell(raw::kafka(&server, count, window)),
        Some(Role::RawNats { server, count, window }) => tell(raw::nats(&server, count, window)),
        Some(Role::Fill { first, count, directory }) => wait_for(fill::fill(&directory, first, count)),
        None => measure(&arguments),
    }
}

/// As `#[tokio::main]` has it, and the relay.
fn wait_for(role: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(role)
}

/// A role's result, for the program that started it.
fn tell<T: serde::Serialize>(role: impl Future<Output = Result<T>>) -> Result<()> {
    wait_for(async {
        println!("{}", serde_json::to_string(&role.await?)?);
        Ok(())
    })
}

fn measure(arguments: &Arguments) -> Result<()> {
    let plan = if arguments.quick { Plan::quick() } else { Plan::full() };
    std::fs::create_dir_all(&arguments.directory)?;
    let directory = tempfile::Builder::new().prefix("road-").tempdir_in(&arguments.directory)?;
    let mut bench = Bench::new(plan, !arguments.no_pin, directory)?;
    run(&mut bench, &arguments.only)?;
    bench.report.print(arguments.json)?;
    let missed = bench.report.targets.iter().filter(|target| !target.met).count();
    if missed > 0 {
        say(&format!("{missed} targets missed"));
        anyhow::ensure!(!arguments.strict, "{missed} targets missed");
    }
    Ok(())
}

fn run(bench: &mut Bench, only: &[Part]) -> Result<()> {
    let wanted = |part| only.is_empty() || only.contains(&part);
    if wanted(Part::Baselines) {
        roads::baselines(bench)?;
    }
    if wanted(Part::Ingress) {
        roads::ingress(bench)?;
    }
    if wanted(Part::Publishing) {
        roads::publishing(bench)?;
    }
    roads::judge(bench);
    if wanted(Part::Drains) {
        drains::all(bench)?;
    }
    if wanted(Part::Weight) {
        weight::all(bench)?;
    }
    Ok(())
}
