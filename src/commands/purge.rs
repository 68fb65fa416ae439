//! `spool purge` and `spool compact`: what goes for good, and the room that it leaves.

use anyhow::anyhow;
use serde_json::{Value, json};

use super::change::{self, Writer, many};
use super::output::{Format, json_line, line_out};
use super::progress::Progress;
use super::{Failure, read};
use crate::cli::{Agreement, PurgeArgs};
use crate::config::Config;
use crate::spool::{Change, ChangeDone, Compacted, Purge, PurgePlan, PurgeRows, PurgeStep, Purged, Whose};
use crate::units::Size;

/// Rows of a kind in one change: callbacks are taken between two of them.
const ROWS: usize = 256;

/// Takes callbacks of somebody out of the spool for good.
///
/// # Errors
/// When some of them are not published everywhere and that was not said to be right, or the spool cannot be used. What
/// has gone by then stays gone, and the same purge goes on from there.
pub fn purge(config: &Config, args: &PurgeArgs) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let until = reader.tip().map_err(read::failed)?;
    let purge = Purge { whose: whose(config, args)?, until, unpublished: args.unpublished };
    let progress = Progress::of("looking for what is to go");
    let plan = reader.plan_purge(&purge).map_err(read::failed)?;
    drop(progress);
    let copies = reader.log_copies();
    drop(reader);
    let counts = plan.counts();
    let would = json!({ "purged": counts, "unpublished": plan.unpublished });
    let unpublished = format!("{} not published on every sink yet, or a dead letter", plan.unpublished);
    if plan.unpublished > 0 && !args.unpublished && !args.agreement.dry_run {
        return Err(Failure::Usage(format!(
            "{} of them {unpublished}: wait for the sinks, requeue or discard the dead letters, or add --unpublished; \
             nothing was changed",
            in_words(counts)
        )));
    }
    let deed = format!("delete for good {} (of the records, {unpublished})", in_words(counts));
    if !change::agree_to(&deed, &would, args.agreement)? {
        return Ok(());
    }
    let writer = Writer::find(config)?;
    let done = carry_out(&writer, &purge, plan);
    let compacted = if done.is_ok() { compact_with(&writer) } else { Err(Failure::Said(1)) };
    writer.close();
    tell(done?, compacted, &copies)
}

fn whose(config: &Config, args: &PurgeArgs) -> Result<Whose, Failure> {
    match (&args.entity, &args.account, args.before) {
        (Some(entity), None, None) => Ok(Whose::Entity(entity.clone())),
        (None, Some(name), None) => {
            let known = config.accounts.get(name).map(|account| account.auth_id.clone());
            Ok(Whose::Account(known.unwrap_or_else(|| name.clone())))
        }
        (None, None, Some(moment)) => Ok(Whose::Before(moment)),
        _ => Err(Failure::Usage("give one of --entity, --account and --before".to_owned())),
    }
}

fn carry_out(writer: &Writer, purge: &Purge, plan: PurgePlan) -> Result<Purged, Failure> {
    let step = |step| match writer.make(Change::Purge { purge: purge.clone(), step })? {
        ChangeDone::Purged(purged) => Ok(purged),
        other => Err(Failure::Failed(anyhow!("the relay did something else: {other:?}"))),
    };
    let mut done = Purged::default();
    let total = rows_of(&plan.rows) + plan.notes.len() as u64;
    let progress = Progress::counting("deleting", Some(total), |count| many(count, "row"));
    step(PurgeStep::Begin)?;
    for rows in parts(plan.rows) {
        let count = rows_of(&rows);
        done.add(step(PurgeStep::Rows(rows))?);
        progress.add(count);
    }
    for notes in plan.notes.chunks(ROWS) {
        step(PurgeStep::Notes(notes.to_vec()))?;
        progress.add(notes.len() as u64);
    }
    step(PurgeStep::End(plan.audit, done))
}

fn rows_of(rows: &PurgeRows) -> u64 {
    (rows.records.len() + rows.held.len() + rows.quarantined.len() + rows.entities.len()) as u64
}

fn parts(mut rows: PurgeRows) -> Vec<PurgeRows> {
    let mut parts = Vec::new();
    loop {
        let part = PurgeRows {
            records: first_of(&mut rows.records),
            held: first_of(&mut rows.held),
            quarantined: first_of(&mut rows.quarantined),
            entities: first_of(&mut rows.entities),
        };
        if part == PurgeRows::default() {
            return parts;
        }
        parts.push(part);
    }
}

/// Takes some off, from the end: the order does not matter.
fn first_of<T>(all: &mut Vec<T>) -> Vec<T> {
    all.split_off(all.len().saturating_sub(ROWS))
}

fn tell(done: Purged, compacted: Result<Compacted, Failure>, copies: &[String]) -> Result<(), Failure> {
    let why = match &compacted {
        Ok(Compacted { folded: true, .. }) => None,
        Ok(_) => Some("another process reads the spool: end it, and run `spool compact`".to_owned()),
        Err(failure) => Some(failure.to_string()),
    };
    let left = why.map(|why| {
        format!("{why}; until then unused space of the spool's files may still hold bytes of what was purged")
    });
    match Format::choose(false) {
        Format::Json => {
            let mut told: Value = json!({ "purged": done, "free_space_rewritten": left.is_none() });
            if let Some(why) = &left {
                told["free_space"] = why.as_str().into();
            }
            told["log_copies"] = json!(copies);
            json_line(&told)
        }
        Format::Table => {
            line_out(&format!("deleted for good: {}", in_words(done)))?;
            left.iter().try_for_each(|why| line_out(why))?;
            copies
                .iter()
                .try_for_each(|copy| line_out(&format!("not looked into, delete it yourself: {copy}")))
        }
    }
}

fn in_words(purged: Purged) -> String {
    [
        many(purged.records, "record"),
        many(purged.held, "held-back duplicate"),
        many(purged.quarantined, "quarantined callback"),
        many(purged.entities, "entity state"),
    ]
    .join(", ")
}

/// Gives the spool's free space back to the file system.
///
/// # Errors
/// When the relay runs and its spool is too large to be written anew beside callbacks, there is no room, or the spool
/// cannot be used.
pub fn compact(config: &Config, agreement: Agreement) -> Result<(), Failure> {
    let change = Change::Compact { serving: false };
    let shown = change::rehearse(config, change)?;
    let ChangeDone::Compacted(would) = shown else {
        return Err(Failure::Failed(anyhow!("the relay did something else: {shown:?}")));
    };
    let deed =
        format!("write the spool anew: {} would be given back, or more", Size::from_bytes(would.gain()));
    if !change::agree_to(&deed, &json!({ "compacted": would, "gain": would.gain() }), agreement)? {
        return Ok(());
    }
    let writer = Writer::find(config)?;
    let done = compact_with(&writer);
    writer.close();
    let done = done?;
    match Format::choose(false) {
        Format::Json => json_line(&json!({ "compacted": done, "gain": done.gain() })),
        Format::Table => line_out(&format!(
            "given back: {}; the spool's file has {} now",
            Size::from_bytes(done.gain()),
            Size::from_bytes(done.after)
        )),
    }
}

fn compact_with(writer: &Writer) -> Result<Compacted, Failure> {
    let _progress = Progress::of("writing the spool anew");
    match writer.make(Change::Compact { serving: false })? {
        ChangeDone::Compacted(done) => Ok(done),
        other => Err(Failure::Failed(anyhow!("the relay did something else: {other:?}"))),
    }
}
