//! The disk's own speed: what no durable answer can beat.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::bench::Bench;
use crate::children::Side;
use crate::report::{self, Latency};

/// How long syncs take, measured in between: a shared disk's speed changes within minutes.
pub struct Speed(Histogram<u64>);

impl Speed {
    /// Nothing is known yet.
    pub fn unknown() -> Result<Self> {
        report::times().map(Speed)
    }

    /// Measures the disk once more.
    pub fn measure(&mut self, bench: &Bench) -> Result<()> {
        let found = || sync_times(bench.directory.path(), bench.plan.disk);
        Ok(self.0.add(bench.processors.on(Side::Anywhere, found)?)?)
    }

    /// Puts what was found into the report.
    pub fn report(&self, bench: &mut Bench) -> Latency {
        let found = Latency::of(&self.0);
        let Latency { p50_ms, p99_ms, .. } = found;
        bench.report.figure("the disk: 4 KiB appended and fdatasync, p50", format!("{p50_ms:.3} ms"));
        bench.report.figure("the disk: 4 KiB appended and fdatasync, p99", format!("{p99_ms:.3} ms"));
        found
    }
}

/// How long one sync takes that is due at this pace, counted from when it was due as an answer's latency is: whatever
/// keeps the machine from it counts as well.
pub fn paced(bench: &Bench, per_second: f64) -> Result<Latency> {
    bench.processors.on(Side::Anywhere, || paced_here(bench, per_second))
}

fn paced_here(bench: &Bench, per_second: f64) -> Result<Latency> {
    let mut file = tempfile::tempfile_in(bench.directory.path()).context("a file beside the spool")?;
    let mut times = report::times()?;
    let start = Instant::now();
    for number in 0.. {
        let due = start + Duration::from_secs_f64(f64::from(number) / per_second);
        if due - start > bench.plan.round {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        times.saturating_record(due.elapsed().as_nanos() as u64);
    }
    Ok(Latency::of(&times))
}

/// Appends 4 KiB and waits for `fdatasync`, over and over for `duration`. Nanoseconds of the sync alone.
fn sync_times(directory: &Path, duration: Duration) -> Result<Histogram<u64>> {
    let mut file = tempfile::tempfile_in(directory).context("a file beside the spool")?;
    let mut times = report::times()?;
    let start = Instant::now();
    while start.elapsed() < duration {
        file.write_all(&[0x5a; 4096])?;
        let before = Instant::now();
        file.sync_data()?;
        times.saturating_record(before.elapsed().as_nanos() as u64);
    }
    Ok(times)
}
