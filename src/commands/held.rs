//! `held`: duplicates that were answered 200 and kept, but not published.

use super::output::{Format, json_line, line_out, printable, table};
use super::{Failure, change, read};
use crate::cli::{Agreement, Shown};
use crate::config::Config;
use crate::spool::Change;

/// More than anybody reads.
const LISTED_MAX: usize = 10_000;

/// Lists duplicates that were held back, the latest first.
///
/// # Errors
/// When the spool cannot be read.
pub fn list(config: &Config, shown: Shown) -> Result<(), Failure> {
    let held = read::open(config)?.held(LISTED_MAX).map_err(read::failed)?;
    if Format::choose(shown.json) == Format::Json {
        return held.iter().try_for_each(json_line);
    }
    let mut table = table(["number", "received", "repeats", "after a change", "says"]);
    for duplicate in held {
        table.add_row([
            duplicate.number.to_string(),
            duplicate.received_at.to_rfc3339(),
            duplicate.duplicate_of,
            if duplicate.after_change { "yes" } else { "no" }.to_owned(),
            printable(&duplicate.facts.to_string()),
        ]);
    }
    line_out(&table.to_string())
}

/// Makes held-back duplicates events of their own.
///
/// # Errors
/// When none of them is there, or the spool cannot be used.
pub fn release(config: &Config, held: Vec<u64>, agreement: Agreement) -> Result<(), Failure> {
    change::make(config, Change::Release { held }, agreement)
}
