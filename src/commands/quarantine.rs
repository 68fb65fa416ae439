//! `quarantine`: callbacks whose signature had come with other content before.

use anyhow::anyhow;
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::output::{Format, json_line, line_out, printable, table};
use super::{Failure, change, read};
use crate::cli::{Agreement, Shown};
use crate::config::Config;
use crate::spool::{Change, QuarantinedCallback, Record};

/// More than anybody reads.
const LISTED_MAX: usize = 10_000;

/// Lists callbacks in quarantine, the latest first.
///
/// # Errors
/// When the spool cannot be read.
pub fn list(config: &Config, shown: Shown) -> Result<(), Failure> {
    let quarantined = read::open(config)?.quarantined(LISTED_MAX).map_err(read::failed)?;
    if Format::choose(shown.json) == Format::Json {
        return quarantined.iter().try_for_each(json_line);
    }
    let mut table = table(["number", "received", "signed first for", "path", "says"]);
    for callback in quarantined {
        table.add_row([
            callback.number.to_string(),
            callback.received_at.to_rfc3339(),
            callback.first_id,
            printable(&callback.target),
            printable(&callback.facts.to_string()),
        ]);
    }
    line_out(&table.to_string())
}

/// Shows one as it was received, beside the event that its signature came with first.
///
/// # Errors
/// When it is not there, or the spool cannot be read.
pub fn show(config: &Config, number: u64, shown: Shown) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let Some(callback) = reader.quarantined_callback(number).map_err(read::failed)? else {
        let what = anyhow!("nothing in quarantine has the number {number}: see `quarantine list`");
        return Err(Failure::Failed(what));
    };
    let first = reader.by_id(&callback.first_id).map_err(read::failed)?;
    match Format::choose(shown.json) {
        Format::Json => json_line(&whole(&callback, first.as_ref())),
        Format::Table => show_whole(&callback, first.as_ref()),
    }
}

fn whole(callback: &QuarantinedCallback, first: Option<&Record>) -> Value {
    let (text, bytes) = body(callback);
    json!({
        "number": callback.number,
        "received_at": callback.received_at.to_rfc3339(),
        "method": callback.method,
        "target": callback.target,
        "content_type": callback.content_type,
        "content_encoding": callback.content_encoding,
        "body": text,
        "body_base64": bytes,
        "verification": callback.verification,
        "facts": callback.facts,
        "first_id": callback.first_id,
        "first": first.map(Record::event),
    })
}

/// As text where it is text, otherwise in base64.
fn body(callback: &QuarantinedCallback) -> (Option<&str>, Option<String>) {
    match std::str::from_utf8(&callback.body) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(BASE64.encode(&callback.body))),
    }
}

fn show_whole(callback: &QuarantinedCallback, first: Option<&Record>) -> Result<(), Failure> {
    let (text, bytes) = body(callback);
    let first = first.map_or_else(|| "no longer in the spool".to_owned(), read::subject);
    let mut facts = table([]);
    for (what, is) in [
        ("number", callback.number.to_string()),
        ("received", callback.received_at.to_rfc3339()),
        ("request", format!("{} {}", callback.method, callback.target)),
        ("content type", callback.content_type.clone().unwrap_or_default()),
        ("content encoding", callback.content_encoding.clone().unwrap_or_default()),
        (
            "body",
            text.map(str::to_owned).or(bytes.map(|bytes| format!("base64 {bytes}"))).unwrap_or_default(),
        ),
        ("says", callback.facts.to_string()),
        ("verification", callback.verification.to_string()),
        ("signed first for", format!("{} ({first})", callback.first_id)),
    ] {
        facts.add_row([what.to_owned(), printable(&is)]);
    }
    line_out(&facts.to_string())
}

/// Makes them events of their own.
///
/// # Errors
/// When one of them is not there, or the spool cannot be used.
pub fn release(config: &Config, numbers: Vec<u64>, agreement: Agreement) -> Result<(), Failure> {
    change::make(config, Change::ReleaseQuarantined { numbers }, agreement)
}

/// Deletes these, or all.
///
/// # Errors
/// When one of them is not there, or the spool cannot be used.
pub fn discard(config: &Config, numbers: Option<Vec<u64>>, agreement: Agreement) -> Result<(), Failure> {
    change::make(config, Change::DiscardQuarantined { numbers }, agreement)
}
