//! `dead`: events that a sink refused for good.

use serde::Serialize;

use super::output::{Format, json_line, line_out, printable, table};
use super::{Failure, change, read};
use crate::cli::{Agreement, Shown};
use crate::config::Config;
use crate::spool::{Change, DeadLetter, SpoolReader};

/// More than anybody reads; the rest shows when these are gone.
const LISTED_MAX: usize = 10_000;

/// A dead letter with the event's id.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    letter: DeadLetter,
    id: Option<String>,
    subject: Option<String>,
}

/// Lists dead letters, of one sink or of all.
///
/// # Errors
/// When the spool cannot be read.
pub fn list(config: &Config, sink: Option<String>, shown: Shown) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let letters = reader.dead(sink.as_deref(), LISTED_MAX).map_err(read::failed)?;
    let listed = letters.into_iter().map(|letter| with_event(&reader, letter));
    match Format::choose(shown.json) {
        Format::Json => listed.into_iter().try_for_each(|letter| json_line(&letter?)),
        Format::Table => show(listed.collect::<Result<_, _>>()?),
    }
}

fn with_event(reader: &SpoolReader, letter: DeadLetter) -> Result<Listed, Failure> {
    let record = reader.event(letter.sequence).map_err(read::failed)?;
    let subject = record.as_ref().map(read::subject);
    Ok(Listed { id: record.map(|record| record.id().to_string()), subject, letter })
}

fn show(letters: Vec<Listed>) -> Result<(), Failure> {
    let mut table = table(["sink", "sequence", "since", "event", "code", "reason"]);
    for Listed { letter, subject, .. } in letters {
        table.add_row([
            letter.sink,
            letter.sequence.to_string(),
            letter.at.to_rfc3339(),
            printable(&subject.unwrap_or_default()),
            letter.code,
            printable(&letter.reason),
        ]);
    }
    line_out(&table.to_string())
}

/// Sends dead letters of a sink to it again: these, or all.
///
/// # Errors
/// When the sink is not configured or the spool cannot be used.
pub fn requeue(
    config: &Config,
    sink: String,
    sequences: Option<Vec<u64>>,
    agreement: Agreement,
) -> Result<(), Failure> {
    change::make(config, Change::Requeue { sink, sequences }, agreement)
}
