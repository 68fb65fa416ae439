//! `plivo-sim verify-ledger`: what was sent against what consumers read.
//!
//! The ledger knows what was sent, what was answered, and when; a consumer's reading is a list of events in its order.
//! Nobody looks into the relay between them, so that each verdict below says only what follows from the two alone.
//! Every consumer is judged by itself.
//!
//! # Words
//!
//! A *content* is account, endpoint, path and parameters; deliveries of the same content are one [`group::Group`]. It
//! is *signed* when a delivery of it was signed for it (genuine, duplicate, reordered, delayed, slow, cut, oversized),
//! *captured* when it was only ever sent with a signature that was made for another content (tampered, truncated), and
//! *forged* when every signature of it was wrong. An event belongs to the group whose content its `data.raw` repeats.
//! An attempt that was not answered 200 may have been taken all the same, at any time from its beginning until some
//! seconds after its end.
//!
//! # Broken promises
//!
//! - **`lost`**: a signed content was answered 200 and stands in no event. More exactly: the group's attempts are
//!   divided where nothing was under way for longer than the window; each part in which one with a signature not seen
//!   in earlier parts was answered 200 owes an event. Independently of contents: an id that was answered (`accepted` or
//!   `duplicate`) is on no event, or on one of another content.
//! - **`duplicated`**: a group has more events (by distinct ids) than its attempts can have made, when two events need
//!   two signatures and lie a window apart; or an id stands on two events, of which none is marked as a replay; or on
//!   two contents. With `--allow-republished` the same event twice is information: a relay that was killed may
//!   publish again under the same id.
//! - **`forged_through`**: an event has a content that is forged; or one that is captured, though the content that it
//!   was captured from was taken with the same signature: its answer says so (`accepted`, `duplicate`: of two contents
//!   with one signature only one may be), or it was answered 200 before the captured one began; or a captured one
//!   whose event claims that the signature covers its parameters, which V2 cannot. By the answers alone: a forged
//!   delivery was answered as a genuine one is, or such a captured one was `accepted` or a `duplicate`.
//! - **`out_of_order`**: two contents of one entity, the first answered 200 (other than `quarantined`) before the
//!   other's first attempt began, and the other's event stands before the first's on one topic and partition. Where two
//!   attempts overlap there is no order; a lost answer defines none either.
//! - **`misread`**: an event says something else than the callback told whose content it repeats: another endpoint,
//!   status, brand, campaign, number (in E.164) or reason, one that was not told, or none where one was; or its `type`
//!   and `subject` do not follow from these. What each kind of callback is held to says
//!   [`Label::is_held_to_its_meaning`](crate::sim::ledger::Label::is_held_to_its_meaning). A link or unlink that names
//!   its endpoint neither in a field nor in its URL may be unrecognized; every other callback says enough.
//! - **`unknown_event`**: an event's content was never sent.
//!
//! # Information
//!
//! - **`first_seen_wins`**: a captured content has an event, but may have come before the content that it was captured
//!   from. V2 signs no body: whichever content comes first with a signature is taken. The genuine content is then set
//!   apart, which is not `lost` as long as the captured one has its event.
//! - **`held_back_or_quarantined`**: deliveries answered `duplicate` or `quarantined`.
//! - **`taken_unanswered`**: a signed content that was never answered 200 has an event all the same: the answer was lost.
//! - **`given_up`**: a signed content that was never answered 200 and has no event. Nothing was promised for it.
//! - **`unfinished`**: the same, but the simulator was ended before the last attempt.
//! - **`replayed`**, **`republished`**, **`renormalized`**: events that repeat or replace another, and say so.
//!
//! # What cannot be seen from outside
//!
//! Where an event goes, its topic, is the customer's choice. Two contents that are equal are one, so that a lie that repeats the truth is no lie. A duplicate that an operator
//! released looks like a second event: verify first. A replay can be told only where there are headers, not in files.
//! What happened before the ledger's first line is unknown: another run's events are `unknown_event`.

mod book;
mod event;
pub mod group;
mod reading;
mod record;
mod report;
mod rules;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;

use self::book::Book;
use self::reading::Reading;
use self::report::Report;
use crate::sim::failure::Failure;

/// Which ledger is compared with which readings.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The ledger that `plivo-sim` wrote. One in which nothing was sent is exit code 2.
    #[arg(long, value_name = "FILE")]
    pub ledger: PathBuf,
    /// What a consumer read, in its order: JSON Lines of events, of records with the event as `value`, or as `kcat -J`
    /// and `nats sub --dump=-` print them. FILE may be a directory of .jsonl files, one a topic, or - for standard input;
    /// the same NAME again adds to it.
    #[arg(long = "read", value_name = "NAME=FILE", required = true, value_parser = named)]
    pub readings: Vec<(String, PathBuf)>,
    /// The relay's window for duplicates, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 480.0, value_parser = seconds)]
    pub window: f64,
    /// The same event twice is no broken promise: the relay was killed meanwhile.
    #[arg(long)]
    pub allow_republished: bool,
    /// Events that were never sent are no broken promise: the topics are shared with others.
    #[arg(long)]
    pub allow_unknown: bool,
    /// The verdict as JSON, also on a terminal.
    #[arg(long)]
    pub json: bool,
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("NAME=FILE, such as kafka=events.jsonl")?;
    if name.is_empty() || file.is_empty() {
        return Err("NAME=FILE, such as kafka=events.jsonl".to_owned());
    }
    Ok((name.to_owned(), file.into()))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=1e9).contains(seconds));
    seconds.ok_or_else(|| "a number of seconds".to_owned())
}

/// What is held against a reading.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The window within which the same content is one event.
    pub window: Duration,
    /// Whether the same event twice is allowed.
    pub allow_republished: bool,
    /// Whether events that were never sent are allowed.
    pub allow_unknown: bool,
}

/// Runs the command: whether every promise holds.
///
/// # Errors
/// When a file cannot be read or is not what it should be, and when nothing was sent.
pub fn run(args: &VerifyArgs) -> Result<bool, Failure> {
    let report = verify(args)?;
    let mut out = std::io::stdout().lock();
    let text = if args.json || !std::io::stdout().is_terminal() {
        serde_json::to_string(&report).map_err(|error| Failure::Other(error.into()))?
    } else {
        report.text()
    };
    writeln!(out, "{text}").map_err(|error| Failure::Other(error.into()))?;
    Ok(report.holds)
}

fn verify(args: &VerifyArgs) -> Result<Report, Failure> {
    let usage = |error: String| Failure::Usage(anyhow!(error));
    let terms = Terms {
        window: Duration::from_secs_f64(args.window),
        allow_republished: args.allow_republished,
        allow_unknown: args.allow_unknown,
    };
    let book = Book::read(&args.ledger, terms.window).map_err(usage)?;
    let readings = Reading::read_all(&args.readings).map_err(usage)?;
    if book.deliveries.is_empty() {
        // Every promise about nothing holds, which is no proof of any.
        let told = "nothing was sent, so there is nothing to compare";
        return Err(usage(format!("{}: {told}", args.ledger.display())));
    }
    Ok(Report::new(readings.iter().map(|reading| rules::judge(&book, reading, terms)).collect()))
}
