//! What the relay weighs: memory, its start, and what a full spool adds to a callback.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::bench::{Bench, say};
use crate::relay::{Relay, Sink};
use crate::report::median;
use crate::roads;

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// How long a relay is left alone before its memory counts.
const REST: Duration = Duration::from_secs(2);

/// Callbacks over which their cost is taken while there are few records.
const COSTED: usize = 20_000;

/// The same with many records: long enough that the index's carrying over to the tables, which goes in rounds of
/// 196,608 callbacks, is in it whole.
const COSTED_LONG: usize = 200_000;

pub fn all(bench: &mut Bench) -> Result<()> {
    idle(bench)?;
    many(bench)
}

fn idle(bench: &mut Bench) -> Result<()> {
    say("idle memory");
    let (spool, files) = (bench.fresh("spool")?, bench.fresh("files")?);
    let relay = Relay::start(bench, &spool, "files", &Sink::Files(files))?;
    std::thread::sleep(REST);
    let found = relay.process.resident()? as f64 / MEGABYTE;
    bench.report.at_most("idle memory", 40.0, found, " MB");
    relay.process.stop()
}

/// The cost of a callback while the spool has a thousand records: a new one each time.
fn few(bench: &mut Bench) -> Result<f64> {
    let spool = bench.fresh("spool")?;
    crate::fill::run(bench, &spool, 1000)?;
    let mut relay = Relay::start(bench, &spool, "away", &Sink::Unreachable)?;
    roads::cost(bench, &mut relay, COSTED / 10)?;
    let cost = roads::cost(bench, &mut relay, COSTED)?;
    relay.process.stop()?;
    Ok(cost)
}

/// What a full spool weighs, and what a callback costs there. Each round's cost stands beside the mean of those with few
/// records right before and after it, since a shared machine's speed changes within minutes.
fn many(bench: &mut Bench) -> Result<()> {
    let records = bench.plan.many;
    say(&format!("filling a spool with {records} records"));
    let spool = bench.fresh("spool")?;
    crate::fill::run(bench, &spool, records)?;
    let size = directory_size(&spool)? as f64 / MEGABYTE;
    bench.report.figure(format!("spool with {records} records"), format!("{size:.0} MB"));
    say("a callback's cost with a thousand records, and with all of them");
    let (mut starts, mut memory, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = few(bench)?;
    for _ in 0..bench.plan.costs {
        let mut relay = Relay::start(bench, &spool, "away", &Sink::Unreachable)?;
        starts.push(relay.start.as_secs_f64());
        std::thread::sleep(REST);
        memory.push(relay.process.resident()? as f64 / MEGABYTE);
        roads::cost(bench, &mut relay, COSTED / 10)?;
        let many = roads::cost(bench, &mut relay, COSTED_LONG)?;
        relay.process.stop()?;
        let after = few(bench)?;
        costs.push((f64::midpoint(before, after), many));
        before = after;
    }
    let of = |pick: fn(&(f64, f64)) -> f64| median(costs.iter().map(pick));
    let us = |seconds: f64| format!("{:.1} us of processor time", seconds * 1e6);
    bench.report.figure("a callback with a thousand records", us(of(|(few, _)| *few)));
    bench.report.figure(format!("a callback with {records} records"), us(of(|(_, many)| *many)));
    bench.report.at_most(format!("memory with {records} records waiting"), 150.0, median(memory), " MB");
    bench.report.at_most(format!("start with {records} records waiting"), 2.0, median(starts), " s");
    bench.report.at_most(
        format!("a callback's cost with {records}, to that with 1000"),
        1.4,
        of(|(few, many)| many / few),
        "x",
    );
    Ok(())
}

fn directory_size(directory: &Path) -> Result<u64> {
    let sizes = std::fs::read_dir(directory)?.map(|entry| Ok(entry?.metadata()?.len()));
    sizes.sum::<std::io::Result<u64>>().map_err(Into::into)
}
