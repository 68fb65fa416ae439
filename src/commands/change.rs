//! Changes of the spool: through the socket of a running relay, or with the lock of a stopped one. Never two
//! writers. Each is rehearsed and agreed to before it is made, unless `--yes` says that it was thought over.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::output::{Format, json_line, line_out, printable};
use super::{Failure, operator};
use crate::app;
use crate::cli::Agreement;
use crate::config::Config;
use crate::control::{Answer, Request, ask};
use crate::event::EventId;
use crate::metrics::Metrics;
use crate::spool::{Change, ChangeDone, Mode, Only, Order, Spool, SpoolError};

/// Makes a change wherever the spool's writer is, once it was agreed to, and says what it did.
pub(super) fn make(config: &Config, change: Change, agreement: Agreement) -> Result<(), Failure> {
    let order = |change, mode| Order { change, by: operator::current(), mode };
    let order = match agreement {
        Agreement { dry_run: true, .. } => {
            let shown = carry_out(config, &order(change, Mode::Rehearse))?;
            return say(&deed(&shown), &shown);
        }
        Agreement { yes: true, .. } => order(change, Mode::Unseen),
        Agreement { .. } => {
            has_somebody_to_ask()?;
            let shown = carry_out(config, &order(change.clone(), Mode::Rehearse))?;
            agree(&deed(&shown))?;
            order(change.as_shown(&shown), Mode::Agreed(shown))
        }
    };
    let done = carry_out(config, &order)?;
    match Format::choose(false) {
        Format::Table => line_out(&told(&done)),
        Format::Json => json_line(&done),
    }
}

/// Agrees to something that takes several changes; whether to go on. What it would do was found without the writer.
pub(super) fn agree_to(deed: &str, would: &impl Serialize, agreement: Agreement) -> Result<bool, Failure> {
    if agreement.dry_run {
        return say(deed, would).map(|()| false);
    }
    if !agreement.yes {
        has_somebody_to_ask()?;
        agree(deed)?;
    }
    Ok(true)
}

/// What a change would come to.
pub(super) fn rehearse(config: &Config, change: Change) -> Result<ChangeDone, Failure> {
    carry_out(config, &Order { change, by: operator::current(), mode: Mode::Rehearse })
}

/// Makes one of several changes that were agreed to together.
pub(super) fn make_part(config: &Config, change: Change) -> Result<ChangeDone, Failure> {
    carry_out(config, &Order { change, by: operator::current(), mode: Mode::Unseen })
}

/// Where the spool's writer is, for many changes that belong together: the running relay, or this process, which keeps
/// the lock until [`close`](Self::close).
pub(super) enum Writer {
    Relay(PathBuf),
    Here(Spool),
}

impl Writer {
    pub(super) fn find(config: &Config) -> Result<Self, Failure> {
        let asked = ask(&config.spool.path, &Request::Lanes);
        match asked.map_err(|error| Failure::Spool(error.into()))? {
            Some(_) => Ok(Writer::Relay(config.spool.path.clone())),
            None => open_here(config).map(Writer::Here),
        }
    }

    /// Makes a change that was agreed to.
    pub(super) fn make(&self, change: Change) -> Result<ChangeDone, Failure> {
        let order = Order { change, by: operator::current(), mode: Mode::Unseen };
        match self {
            Writer::Relay(dir) => ask_relay(dir, order)?
                .ok_or_else(|| Failure::Spool(anyhow::anyhow!("the relay has ended meanwhile: begin again"))),
            Writer::Here(spool) => {
                spool.change_blocking(order).map_err(|error| refused(error.code(), error.to_string()))
            }
        }
    }

    pub(super) fn close(self) {
        match self {
            Writer::Relay(_) => {}
            Writer::Here(spool) => spool.close_blocking(),
        }
    }
}

/// Asked for anew each time: a relay may start or stop while somebody thinks.
fn carry_out(config: &Config, order: &Order) -> Result<ChangeDone, Failure> {
    match ask_relay(&config.spool.path, order.clone())? {
        Some(done) => Ok(done),
        None => carry_out_here(config, order.clone()),
    }
}

/// What the relay did, if one runs.
fn ask_relay(dir: &Path, order: Order) -> Result<Option<ChangeDone>, Failure> {
    let asked = ask(dir, &Request::Change(Box::new(order)));
    match asked.map_err(|error| Failure::Spool(error.into()))? {
        Some(Answer::Done(done)) => Ok(Some(done)),
        Some(Answer::Failed { code, message }) => Err(refused(&code, message)),
        Some(Answer::Lanes(_) | Answer::Draining) => {
            Err(Failure::Failed(anyhow::anyhow!("the relay answered another question")))
        }
        None => Ok(None),
    }
}

/// No relay listens: the lock says whether one is on its way up or down.
fn carry_out_here(config: &Config, order: Order) -> Result<ChangeDone, Failure> {
    let spool = open_here(config)?;
    let done = spool.change_blocking(order);
    spool.close_blocking();
    done.map_err(|error| refused(error.code(), error.to_string()))
}

fn open_here(config: &Config) -> Result<Spool, Failure> {
    let metrics = Metrics::new().map_err(anyhow::Error::from)?;
    let spool = Spool::open(&config.spool, &app::lanes(config), metrics);
    spool.map_err(|error| Failure::Spool(error.into()))
}

/// What the operator asked for makes no sense, or the spool cannot do it.
fn refused(code: &str, message: String) -> Failure {
    let usage = [
        SpoolError::Refused(String::new()).code(),
        SpoolError::UnknownSink { name: String::new(), known: String::new() }.code(),
    ];
    if usage.contains(&code) { Failure::Usage(message) } else { Failure::Spool(anyhow::anyhow!(message)) }
}

/// A question that nobody reads is not asked.
fn has_somebody_to_ask() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        return Ok(());
    }
    let what = "this changes the spool and there is no terminal to ask on: add --yes, or --dry-run to see what it would do";
    Err(Failure::Usage(what.to_owned()))
}

fn agree(deed: &str) -> Result<(), Failure> {
    let mut screen = std::io::stderr().lock();
    write!(screen, "This would {deed}. Go on? [y/N] ")?;
    screen.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::Failed(anyhow::anyhow!("not agreed to: nothing was changed")))
}

fn say(deed: &str, would: &impl Serialize) -> Result<(), Failure> {
    match Format::choose(false) {
        Format::Table => line_out(&format!("This would {deed}. Nothing was changed.")),
        Format::Json => json_line(&json!({ "would": would })),
    }
}

/// What a change comes to, in the words that follow "this would".
fn deed(shown: &ChangeDone) -> String {
    match shown {
        ChangeDone::Requeued { sink, count } => {
            format!("send {} to {sink} again", many(*count, "dead letter"))
        }
        ChangeDone::ReplayStarted { sink, from, to, only, .. } => {
            format!("publish events {from} to {to}{} again to {sink}, under the same ids", of(only))
        }
        ChangeDone::Released { count } => {
            format!("make {} of {}", many(*count, "event"), many(*count, "held-back duplicate"))
        }
        ChangeDone::ReleasedQuarantined { ids } => {
            let count = ids.len() as u64;
            format!(
                "publish {} as {} of their own, although their signatures came with other content first",
                many(count, "quarantined callback"),
                many(count, "event")
            )
        }
        ChangeDone::DiscardedQuarantined { count } => {
            format!("delete {} for good", many(*count, "quarantined callback"))
        }
        ChangeDone::DiscardedDead { sink, count } => {
            format!("give up {}: {} never gets them", many(*count, "dead letter"), printable(sink))
        }
        ChangeDone::Renormalized { count } => format!("publish {}", many(*count, "revision")),
        ChangeDone::Forgotten { sink, dead_letters } => {
            format!("forget {} and {} of it", printable(sink), many(*dead_letters, "dead letter"))
        }
        ChangeDone::Imported(adopted) => format!("take in {}", many(adopted.records, "record")),
        ChangeDone::Purged(purged) => format!("delete {} for good", many(purged.records, "record")),
        ChangeDone::Compacted(compacted) => format!("give back {} bytes", compacted.gain()),
    }
}

fn told(done: &ChangeDone) -> String {
    match done {
        ChangeDone::Requeued { sink, count } => {
            format!("sent to {sink} again: {}", many(*count, "dead letter"))
        }
        ChangeDone::ReplayStarted { sink, replay, from, to, only } => {
            format!("replay {replay}: events {from} to {to}{} are published again to {sink}", of(only))
        }
        ChangeDone::Released { count } => {
            format!("made events of their own: {}", many(*count, "held-back duplicate"))
        }
        ChangeDone::ReleasedQuarantined { ids } => {
            let ids: Vec<&str> = ids.iter().map(EventId::as_str).collect();
            format!("events now: {}", ids.join(", "))
        }
        ChangeDone::DiscardedQuarantined { count } => {
            format!("deleted: {}", many(*count, "quarantined callback"))
        }
        ChangeDone::DiscardedDead { sink, count } => {
            format!("given up for {}: {}", printable(sink), many(*count, "dead letter"))
        }
        ChangeDone::Renormalized { count } => format!("published as revisions: {}", many(*count, "event")),
        ChangeDone::Forgotten { sink, dead_letters } => {
            format!("forgotten: {}, and {} of it", printable(sink), many(*dead_letters, "dead letter"))
        }
        ChangeDone::Imported(adopted) => format!("taken in: {}", many(adopted.records, "record")),
        ChangeDone::Purged(purged) => format!("deleted for good: {}", many(purged.records, "record")),
        ChangeDone::Compacted(compacted) => format!("given back: {} bytes", compacted.gain()),
    }
}

/// Which of a replay's range.
fn of(only: &Only) -> String {
    let endpoint = only.endpoint.map(|kind| format!("endpoint {kind}"));
    let entity = only.entity.as_deref().map(|entity| format!("entity {}", printable(entity)));
    let parts: Vec<String> = endpoint.into_iter().chain(entity).collect();
    if parts.is_empty() { String::new() } else { format!(" (only {})", parts.join(", ")) }
}

pub(super) fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
