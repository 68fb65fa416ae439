//! `events`: what the spool holds, and what it goes on to hold.

use std::time::Duration;

use super::output::{Format, json_line, line_out, printable, table};
use super::{Failure, read};
use crate::cli::EventsArgs;
use crate::config::Config;
use crate::event::Status;
use crate::normalize::meanings::meaning;
use crate::spool::{EventFilter, Record, SpoolReader};

/// Rows read at once: no snapshot of the spool is held longer.
const PAGE: usize = 500;

/// What fits a screen or two.
const TABLE_ROWS: usize = 50;

/// How often `--follow` looks. Another process's commits wake nobody here.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Lists events, oldest first, and follows when told to.
///
/// # Errors
/// When the spool cannot be read.
pub fn run(config: &Config, args: &EventsArgs) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let filter = filter(config, args);
    let format = Format::choose(args.json);
    let seen = match (format, args.limit) {
        (Format::Json, None) => after(&reader, &filter, 0, format)?,
        (_, limit) => latest(&reader, &filter, limit.unwrap_or(TABLE_ROWS), format)?,
    };
    if args.follow { follow(&reader, &filter, seen, format) } else { Ok(()) }
}

fn filter(config: &Config, args: &EventsArgs) -> EventFilter {
    let auth_id = |name: &String| match config.accounts.get(name) {
        Some(account) => account.auth_id.clone(),
        None => name.clone(),
    };
    EventFilter {
        endpoint: args.endpoint.and_then(|kind| kind.0),
        unrecognized: args.endpoint.is_some_and(|kind| kind.0.is_none()),
        status: args.status,
        entity: args.entity.clone(),
        account: args.account.as_ref().map(auth_id),
        since: args.since,
        until: args.until,
        unplaced: false,
    }
}

/// Shows the last of the events, and returns up to which sequence the spool has been looked through.
fn latest(reader: &SpoolReader, filter: &EventFilter, limit: usize, format: Format) -> Result<u64, Failure> {
    // Before the look: what is committed in between is shown by following.
    let tip = reader.tip().map_err(read::failed)?;
    let records = reader.latest(filter, limit).map_err(read::failed)?;
    match format {
        Format::Json => records.iter().try_for_each(|record| json_line(&record.event()))?,
        Format::Table => show(&records)?,
    }
    Ok(records.last().map_or(tip, |record| record.sequence().max(tip)))
}

/// Shows every event above `seen`, page by page.
fn after(reader: &SpoolReader, filter: &EventFilter, seen: u64, format: Format) -> Result<u64, Failure> {
    let mut seen = seen;
    loop {
        let records = reader.events(filter, seen, PAGE).map_err(read::failed)?;
        let Some(last) = records.last() else { return Ok(seen) };
        for record in &records {
            match format {
                Format::Json => json_line(&record.event())?,
                Format::Table => line_out(&line(record))?,
            }
        }
        seen = last.sequence();
    }
}

fn follow(reader: &SpoolReader, filter: &EventFilter, seen: u64, format: Format) -> Result<(), Failure> {
    let mut seen = seen;
    loop {
        std::thread::sleep(LOOK_EVERY);
        seen = after(reader, filter, seen, format)?;
    }
}

fn show(records: &[Record]) -> Result<(), Failure> {
    let mut table = table(["sequence", "received", "account", "endpoint", "entity", "status", "means"]);
    for record in records {
        let facts = record.facts();
        table.add_row([
            record.sequence().to_string(),
            record.received_at().to_rfc3339(),
            printable(&record.verdict().account),
            facts.endpoint.map_or("unrecognized", |endpoint| endpoint.as_str()).to_owned(),
            printable(facts.entity().unwrap_or("-")),
            facts.status_or_unknown().to_string(),
            explained(record),
        ]);
    }
    line_out(&table.to_string())
}

/// One event on a line, for following.
fn line(record: &Record) -> String {
    let explained = explained(record).replace('\n', " ");
    let subject = printable(&read::subject(record));
    format!("{} {} {subject} {explained}", record.sequence(), record.received_at().to_rfc3339())
}

/// What asks somebody to act: Plivo's reason, what it means, and the next step.
fn explained(record: &Record) -> String {
    let facts = record.facts();
    let status = facts.status_or_unknown();
    if facts.endpoint.is_some() && !matches!(status, Status::Rejected | Status::Failed) {
        return String::new();
    }
    let meaning = meaning(facts.endpoint, status);
    let reason = facts.reason.as_deref().map(|reason| format!("Reason given: {}", printable(reason)));
    let parts = [reason, Some(meaning.meaning.to_owned()), meaning.next_step.map(str::to_owned)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
