//! `dead`: events that a sink refused for good.

use anyhow::anyhow;
use serde::Serialize;

use super::output::{Format, json_line, line_out, printable, table};
use super::{Failure, change, read};
use crate::cli::{Agreement, Shown};
use crate::config::Config;
use crate::spool::{Change, DeadLetter, Record, SpoolReader};

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

/// Shows one with its whole event.
///
/// # Errors
/// When it is not there, or the spool cannot be read.
pub fn show_one(config: &Config, sink: &str, sequence: u64, shown: Shown) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let Some(letter) = reader.dead_letter(sink, sequence).map_err(read::failed)? else {
        let what = anyhow!("record {sequence} is no dead letter of {sink}: see `dead list`");
        return Err(Failure::Failed(what));
    };
    let record = reader.event(sequence).map_err(read::failed)?;
    let event = record.as_ref().map(Record::event);
    if Format::choose(shown.json) == Format::Json {
        let mut whole = serde_json::to_value(&letter).map_err(anyhow::Error::from)?;
        whole["event"] = serde_json::to_value(&event).map_err(anyhow::Error::from)?;
        return json_line(&whole);
    }
    let damaged = "the record is damaged or gone: its event cannot be shown".to_owned();
    let pretty = event.map(|event| serde_json::to_string_pretty(&event).map_err(anyhow::Error::from));
    let mut facts = table([]);
    for (what, is) in [
        ("sink", letter.sink),
        ("sequence", letter.sequence.to_string()),
        ("since", letter.at.to_rfc3339()),
        ("code", letter.code),
        ("reason", letter.reason),
    ] {
        facts.add_row([what.to_owned(), printable(&is)]);
    }
    line_out(&facts.to_string())?;
    // JSON escapes what could steer a terminal, but for a few characters beyond ASCII.
    let lines = pretty.transpose()?.unwrap_or(damaged);
    lines.lines().try_for_each(|line| line_out(&printable(line)))
}

/// Gives up dead letters of a sink: these, or all.
///
/// # Errors
/// When one of them is none, the sink is not configured or the spool cannot be used.
pub fn discard(
    config: &Config,
    sink: String,
    sequences: Option<Vec<u64>>,
    agreement: Agreement,
) -> Result<(), Failure> {
    change::make(config, Change::DiscardDead { sink, sequences }, agreement)
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
