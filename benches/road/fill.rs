//! Filling a spool without HTTP: many appends at once, straight into the library.

use std::path::Path;

use anyhow::{Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use tendlc_relay::metrics::Metrics;
use tendlc_relay::sim::load::Callback;
use tendlc_relay::spool::{LaneSpec, Outcome, Spool, SpoolConfig, Start};

use crate::bench::Bench;
use crate::callbacks;
use crate::children::{self, Side};
use crate::street::Street;

/// Appends at once: as many as one commit takes.
const AT_ONCE: usize = 512;

/// Puts `count` records into the spool in `directory`, in a process of its own, since a spool has one.
pub fn run(bench: &mut Bench, directory: &Path, count: u64) -> Result<()> {
    let first = bench.mint.leave_out(count);
    let mut command = children::myself(["fill", &first.to_string(), &count.to_string()])?;
    command.arg(directory);
    bench.finish(Side::Anywhere, &mut command).map(drop)
}

/// The role that fills.
pub async fn fill(directory: &Path, first: u64, count: u64) -> Result<()> {
    let config = SpoolConfig { path: directory.to_owned(), ..SpoolConfig::default() };
    // The lane keeps what is filled from being taken for published.
    let lane = LaneSpec { name: String::from("away"), required: true, start: Start::Oldest };
    let spool = Spool::open(&config, &[lane], Metrics::new()?)?;
    let street = Street::new()?;
    let mut mint = callbacks::mint()?.starting_at(first);
    let signed = stream::iter(0..count).map(|_| mint.callback());
    let appends = signed.map(|callback| append(&spool, &street, callback));
    appends.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    spool.close().await;
    Ok(())
}

async fn append(spool: &Spool, street: &Street, callback: Callback) -> Result<()> {
    match spool.append(street.take(callbacks::raw(callback))?).await? {
        Outcome::Accepted { .. } => Ok(()),
        other => bail!("a callback that nothing resembles was not accepted: {other:?}"),
    }
}
