//! `spool`: at a glance, checked, copied, and who changed it.

use std::path::Path;

use serde_json::{Value, json};

use super::change::many;
use super::output::{Format, json_line, line_out, printable, table};
use super::progress::Progress;
use super::{Failure, read, sinks};
use crate::cli::Shown;
use crate::config::Config;
use crate::spool::{BackupError, HighWaterFound, Range, SpoolReader, SpoolStatus, Verified};
use crate::units::Size;

/// Shows sizes, counts and cursors.
///
/// # Errors
/// When the spool cannot be read.
pub fn status(config: &Config, shown: Shown) -> Result<(), Failure> {
    let status = read::open(config)?.status().map_err(read::failed)?;
    match Format::choose(shown.json) {
        Format::Json => json_line(&status),
        Format::Table => show(&status),
    }
}

/// Checks pages, records and the high-water mark, and names what is damaged.
///
/// # Errors
/// Exit code 3 when something is damaged or the spool cannot be read.
pub fn verify(config: &Config, shown: Shown) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let found = looked_at("checking the spool", &reader)?;
    tell_verified(&found, shown)
}

fn looked_at(what: &'static str, reader: &SpoolReader) -> Result<Verified, Failure> {
    let _progress = Progress::of(what);
    reader.verify().map_err(read::failed)
}

fn tell_verified(found: &Verified, shown: Shown) -> Result<(), Failure> {
    match Format::choose(shown.json) {
        Format::Json => json_line(&with_verdict(found))?,
        Format::Table => show_verified(found)?,
    }
    if found.is_good() { Ok(()) } else { Err(Failure::Said(3)) }
}

fn with_verdict(found: &Verified) -> Value {
    let mut told = json!(found);
    told["good"] = found.is_good().into();
    told
}

fn show_verified(found: &Verified) -> Result<(), Failure> {
    for finding in &found.pages {
        line_out(&format!("DAMAGED file: {}", printable(finding)))?;
    }
    for (what, ranges) in [("DAMAGED", &found.damaged), ("LOST", &found.lost)] {
        for Range { first, last } in ranges {
            line_out(&format!("{what}: records {first} to {last}"))?;
        }
    }
    if found.damaged_notes > 0 {
        line_out(&format!(
            "DAMAGED: {} of the ledger; retries of what they were about may be published as new events",
            many(found.damaged_notes, "note")
        ))?;
    }
    match found.high_water {
        HighWaterFound::None | HighWaterFound::Good => {}
        HighWaterFound::Ahead { acknowledged, tip } => line_out(&format!(
            "LOST: records up to {acknowledged} were acknowledged, the latest there is {tip}"
        ))?,
        HighWaterFound::OtherRecord { sequence } => line_out(&format!(
            "record {sequence} is not the one that was acknowledged: was the spool restored from a copy?"
        ))?,
    }
    let verdict = if found.is_good() { "nothing is damaged" } else { "keep a copy, and check the disk" };
    line_out(&format!("{} good; {verdict}", many(found.good_records, "record")))
}

/// Copies the spool as it stands now to another directory, and checks the copy.
///
/// # Errors
/// When it cannot be copied; exit code 3 when the copy is as damaged as the spool.
pub fn backup(config: &Config, to: &Path, shown: Shown) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let progress = Progress::of("copying the spool");
    let copy = reader.backup(to).map_err(|error| match error {
        BackupError::Exists(_) => Failure::Usage(error.to_string()),
        BackupError::NoRoom { .. } | BackupError::File { .. } => Failure::Failed(error.into()),
        BackupError::Spool(error) => read::failed(error),
    })?;
    drop(progress);
    let found = looked_at("checking the copy", &copy)?;
    let tip = copy.tip().map_err(read::failed)?;
    match Format::choose(shown.json) {
        Format::Json => {
            json_line(
                &json!({ "path": to.display().to_string(), "tip": tip, "verified": with_verdict(&found) }),
            )?;
        }
        Format::Table => {
            line_out(&format!("copied to {}, up to record {tip}", to.display()))?;
            show_verified(&found)?;
        }
    }
    if found.is_good() { Ok(()) } else { Err(Failure::Said(3)) }
}

/// Lists what operators changed, the latest first.
///
/// # Errors
/// When the spool cannot be read.
pub fn audit(config: &Config, limit: usize, shown: Shown) -> Result<(), Failure> {
    let changes = read::open(config)?.audit(limit).map_err(read::failed)?;
    if Format::choose(shown.json) == Format::Json {
        return changes.iter().try_for_each(json_line);
    }
    let mut table = table(["number", "at", "by", "change", "did"]);
    for change in changes {
        table.add_row([
            change.number.to_string(),
            change.at.to_rfc3339(),
            printable(&change.by.to_string()),
            printable(&change.change.to_string()),
            printable(&change.done.to_string()),
        ]);
    }
    line_out(&table.to_string())
}

fn show(status: &SpoolStatus) -> Result<(), Failure> {
    let mut facts = table([]);
    for (what, is) in [
        ("path", status.path.clone()),
        ("in use", format!("{} of {}", Size(status.bytes).rounded(), Size(status.cap))),
        ("on disk", Size(status.file_bytes).rounded()),
        ("records", status.records.to_string()),
        ("oldest", status.first.map_or_else(|| "none".to_owned(), |first| first.to_string())),
        ("latest", status.tip.to_string()),
        ("last commit", status.clock.to_rfc3339()),
        ("signatures seen", status.signatures.to_string()),
        ("contents seen", status.fingerprints.to_string()),
        ("entities", status.entities.to_string()),
        ("held back", status.held.to_string()),
        ("quarantined", status.quarantine.to_string()),
        ("format", format!("{}, readable from {}", status.format, status.min_reader)),
    ] {
        facts.add_row([what.to_owned(), is]);
    }
    line_out(&facts.to_string())?;
    for missing in &status.missing {
        let copy = missing.log_copy.as_deref().unwrap_or("none");
        let (first, last, found) = (missing.first, missing.last, missing.found_at.to_rfc3339());
        line_out(&format!(
            "LOST by the disk: events {first} to {last}, found {found}, copy of the log: {copy}"
        ))?;
    }
    line_out("")?;
    sinks::show(&status.sinks, &serde_json::Value::Null)
}
