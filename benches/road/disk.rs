//! The disk's own speed: what no durable answer can beat.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use crate::bench::Bench;
use crate::children::Side;
use crate::report::{self, Latency};

/// Measures the disk, and puts what was found into the report.
pub fn report(bench: &mut Bench) -> Result<Latency> {
    let found =
        bench.processors.on(Side::Anywhere, || sync_times(bench.directory.path(), bench.plan.disk))?;
    let found = Latency::of(&found);
    let Latency { p50_ms, p99_ms, .. } = found;
    bench.report.figure("the disk: 4 KiB appended and fdatasync, p50", format!("{p50_ms:.3} ms"));
    bench.report.figure("the disk: 4 KiB appended and fdatasync, p99", format!("{p99_ms:.3} ms"));
    Ok(found)
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
