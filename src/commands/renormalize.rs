//! `renormalize`: what could not be placed is read again, with the aliases of the configuration as it is now.

use serde::Serialize;

use super::change::{self, many};
use super::output::{Format, json_line, line_out};
use super::progress::Progress;
use super::{Failure, read};
use crate::cli::RenormalizeArgs;
use crate::config::Config;
use crate::normalize::{Facts, Normalizer};
use crate::spool::{Change, ChangeDone, EventFilter, Record, Revision, SpoolReader};

/// Records read at once.
const PAGE: usize = 500;

/// Revisions in one change.
const BATCH: usize = 256;

/// What the revisions of one change may weigh: the control socket takes lines of 256 KiB.
const BATCH_BYTES: usize = 128 << 10;

/// What was looked at, and what came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
struct Tally {
    looked_at: u64,
    renormalized: u64,
}

/// Normalizes again what is unrecognized or of an unknown status, and publishes what is understood now.
///
/// # Errors
/// When the configuration is wrong or the spool cannot be used.
pub fn run(config: &Config, args: &RenormalizeArgs) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let normalizer =
        Normalizer::new(&config.normalize).map_err(|error| Failure::Usage(format!("normalize.{error}")))?;
    let again = Again {
        filter: EventFilter {
            since: args.since,
            until: args.until,
            unplaced: true,
            ..EventFilter::default()
        },
        tip: reader.tip().map_err(read::failed)?,
        reader,
        normalizer,
    };
    let mut would = Tally::default();
    let progress = Progress::of("reading what could not be placed");
    again.each(&mut would, |_| Ok(()))?;
    drop(progress);
    let deed = format!(
        "publish {} of {} that could not be placed, as they are understood now",
        many(would.renormalized, "revision"),
        many(would.looked_at, "event")
    );
    if !change::agree_to(&deed, &would, args.agreement)? {
        return Ok(());
    }
    let mut done = Tally::default();
    let mut batch = Batch::default();
    let mut made = 0;
    let progress =
        Progress::counting("publishing", Some(would.renormalized), |count| many(count, "revision"));
    again.each(&mut done, |revision| {
        let weight = serde_json::to_vec(&revision).map_err(anyhow::Error::from)?.len();
        if !batch.has_room_for(weight) {
            made += batch.make(config)?;
        }
        batch.bytes += weight;
        batch.revisions.push(revision);
        progress.add(1);
        Ok(())
    })?;
    made += batch.make(config)?;
    drop(progress);
    let done = Tally { renormalized: made, ..done };
    match Format::choose(false) {
        Format::Table => line_out(&format!(
            "published as revisions: {} of {}",
            done.renormalized,
            many(done.looked_at, "event")
        )),
        Format::Json => json_line(&done),
    }
}

struct Again {
    reader: SpoolReader,
    normalizer: Normalizer,
    filter: EventFilter,
    /// What comes later is left alone.
    tip: u64,
}

impl Again {
    /// Shows the revision of each record that is understood otherwise now.
    fn each(
        &self,
        tally: &mut Tally,
        mut show: impl FnMut(Revision) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut after = 0;
        loop {
            let page = self.reader.events(&self.filter, after, PAGE).map_err(read::failed)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.sequence();
            for record in page.iter().take_while(|record| record.sequence() <= self.tip) {
                tally.looked_at += 1;
                if let Some(facts) = self.understood(record) {
                    tally.renormalized += 1;
                    show(Revision { sequence: record.sequence(), facts })?;
                }
            }
            if after >= self.tip {
                return Ok(());
            }
        }
    }

    /// What the callback says now, if that is something else and can be placed.
    fn understood(&self, record: &Record) -> Option<Facts> {
        let old = record.facts();
        let new = self.normalizer.facts(record.request(), old.route, old.tag.clone());
        let new = Facts { received_at: old.received_at, ..new };
        (new.endpoint.is_some() && new != *old).then_some(new)
    }
}

/// Revisions on their way.
#[derive(Default)]
struct Batch {
    revisions: Vec<Revision>,
    bytes: usize,
}

impl Batch {
    fn has_room_for(&self, bytes: usize) -> bool {
        self.revisions.len() < BATCH && self.bytes + bytes <= BATCH_BYTES
    }

    /// Makes them; how many.
    fn make(&mut self, config: &Config) -> Result<u64, Failure> {
        let revisions = std::mem::take(&mut self.revisions);
        self.bytes = 0;
        if revisions.is_empty() {
            return Ok(0);
        }
        match change::make_part(config, Change::Renormalize { revisions })? {
            ChangeDone::Renormalized { count } => Ok(count),
            other => Err(Failure::Failed(anyhow::anyhow!("the relay did something else: {other:?}"))),
        }
    }
}
