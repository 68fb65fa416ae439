//! `plivo-sim load`: how many callbacks a customer's server answers with 200, and how fast.
//!
//! One thread, one epoll and kept-alive connections, two system calls a callback: one processor of it outruns a server
//! that does anything at all. Callbacks are signed before the clock starts, and those that do not fit into memory by a
//! thread beside it (`stock`). The relay's benchmark is made of the same parts.
//!
//! ```text
//! Mint → Batch → Source → Client::run → Seen → Report
//! ```

mod answer;
mod args;
mod attention;
mod client;
mod connection;
mod interrupt;
mod mint;
mod progress;
mod report;
mod run;
mod seen;
mod source;
mod stock;

use std::io::Write as _;
use std::net::ToSocketAddrs as _;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

pub use args::LoadArgs;
pub use client::{Client, Pace, Plan};
pub use mint::{Batch, Callback, Frame, Mint};
pub use report::Report;
pub use seen::{Seen, quantile_ms};
pub use source::{Once, Repeated, Source};

use self::interrupt::Interrupt;
use self::progress::Progress;
use self::stock::Stock;
use crate::sim::courier::Origin;
use crate::sim::failure::{Failure, Verdict};
use crate::sim::notice::Account;

/// Runs the command, and says whether as many callbacks as wanted were answered with 200.
///
/// # Errors
/// [`Failure::Usage`] for what was asked for, [`Failure::Other`] for everything else.
pub fn run(args: &LoadArgs) -> Result<Verdict, Failure> {
    let origin = origin(args).map_err(Failure::Usage)?;
    let account = args.who.account().map_err(|error| Failure::Usage(error.into()))?;
    let report = send(args, account, &origin).map_err(Failure::Other)?;
    show(&report, args.json).map_err(Failure::Other)?;
    Ok(report.verdict(args.max_failures))
}

/// Where to connect.
fn origin(args: &LoadArgs) -> anyhow::Result<Origin> {
    let own = Origin::of(&args.to).map_err(|error| anyhow!("--to: {error}"))?;
    let origin = args.via.clone().unwrap_or(own);
    if origin.tls {
        return Err(anyhow!(
            "{origin}: load speaks http alone; say where that is with --via http://HOST:PORT"
        ));
    }
    Ok(origin)
}

fn send(args: &LoadArgs, account: Account, origin: &Origin) -> anyhow::Result<Report> {
    let found = (origin.host.as_str(), origin.port).to_socket_addrs();
    let server =
        found.ok().and_then(|mut found| found.next()).with_context(|| format!("{origin}: no such host"))?;
    let seed = args.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let frame = Frame {
        seed,
        account: Arc::new(account),
        url: args.to.clone(),
        method: args.method.into(),
        profile: args.profile.clone(),
        format: args.body.unwrap_or(args.profile.body),
        v3: args.v3,
    };
    let plan = args.plan();
    // Whoever gives up while callbacks are still being signed has given up the run.
    let interrupt = Interrupt::listen().context("listening for signals")?;
    let mut progress = Progress::new(plan);
    progress.say("signing callbacks");
    let mut stock = Stock::of(Mint::new(frame), plan);
    let connections = args.connections as usize;
    let mut client = Client::connect(server, connections, plan.timeout)
        .with_context(|| format!("connecting to {origin}"))?;
    let seen = client.run(plan, &mut stock, |seen| {
        progress.show(seen);
        interrupt.told()
    });
    progress.clear();
    let seen = seen.context("waiting for answers")?;
    Ok(Report { to: args.to.clone(), origin: origin.to_string(), connections, plan, seed, seen })
}

fn show(report: &Report, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", report.json())?;
    } else {
        writeln!(out, "{}", report.text())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
