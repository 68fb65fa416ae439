//! `sinks`: cursors, also of sinks that are no longer configured.

use serde_json::{Value, json};

use super::output::{Format, json_line, line_out, printable, table};
use super::{Failure, change, read};
use crate::cli::{Agreement, Shown};
use crate::config::Config;
use crate::control::{Answer, Request, ask};
use crate::spool::{Change, SinkCursor};

/// Lists the sinks; of a running relay also how their lanes are doing.
///
/// # Errors
/// When the spool cannot be read.
pub fn list(config: &Config, shown: Shown) -> Result<(), Failure> {
    let cursors = read::open(config)?.sinks().map_err(read::failed)?;
    // Cursors are worth showing without the relay, and also to a user who may read the spool and not command it.
    let lanes = match ask(&config.spool.path, &Request::Lanes) {
        Ok(Some(Answer::Lanes(lanes))) => lanes,
        _ => Value::Null,
    };
    match Format::choose(shown.json) {
        Format::Table => show(&cursors, &lanes),
        Format::Json => cursors.iter().try_for_each(|cursor| json_line(&with_lane(cursor, &lanes))),
    }
}

/// With what only the running relay knows; `null` where it was not asked. The rest of a lane's state repeats the
/// cursor, a moment later.
fn with_lane(cursor: &SinkCursor, lanes: &Value) -> Value {
    let mut listed = json!(cursor);
    listed["lane"] = match lane(cursor, lanes) {
        Value::Null => Value::Null,
        lane => {
            json!({ "up": lane["up"], "state": lane["state"], "publishing": lane["publishing"], "last_error": lane["last_error"] })
        }
    };
    listed
}

fn lane<'a>(cursor: &SinkCursor, lanes: &'a Value) -> &'a Value {
    let lanes = lanes.as_array().map(Vec::as_slice).unwrap_or_default();
    lanes.iter().find(|lane| lane["sink"] == cursor.sink.as_str()).unwrap_or(&Value::Null)
}

pub(super) fn show(cursors: &[SinkCursor], lanes: &Value) -> Result<(), Failure> {
    let headings =
        ["sink", "published to", "waiting", "oldest", "dead letters", "requeued", "replays", "state"];
    let mut table = table(headings);
    for cursor in cursors {
        table.add_row([
            cursor.sink.clone(),
            cursor.cursor.to_string(),
            cursor.depth.to_string(),
            cursor.oldest.clone().unwrap_or_default(),
            cursor.dead_letters.to_string(),
            cursor.requeued.to_string(),
            cursor.replays.len().to_string(),
            state(cursor, lane(cursor, lanes)),
        ]);
    }
    line_out(&table.to_string())
}

/// In a few words: what an operator has to know first.
fn state(cursor: &SinkCursor, lane: &Value) -> String {
    if !cursor.configured {
        return format!("not configured: `tendlc-relay sinks forget {}` removes it", printable(&cursor.sink));
    }
    match (lane["up"].as_bool(), lane["last_error"].as_str()) {
        (Some(true), _) => "up".to_owned(),
        (Some(false), Some(error)) => format!("down: {}", printable(error)),
        (Some(false), None) => "down".to_owned(),
        (None, _) => "relay not asked".to_owned(),
    }
}

/// Forgets the cursor of a sink that is no longer configured.
///
/// # Errors
/// When it is configured or unknown, or the spool cannot be used.
pub fn forget(config: &Config, name: String, agreement: Agreement) -> Result<(), Failure> {
    if config.sinks.contains_key(&name) {
        let what =
            format!("{name} is configured: remove [sinks.{name}] and restart the relay, then forget it");
        return Err(Failure::Usage(what));
    }
    change::make(config, Change::Forget { sink: name }, agreement)
}
