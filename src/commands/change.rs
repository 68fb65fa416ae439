//! Changes of the spool: through the socket of a running relay, or with the lock of a stopped one. Never two
//! writers.

use super::Failure;
use super::output::{Format, json_line, line_out};
use crate::app;
use crate::config::Config;
use crate::control::{Answer, Request, ask};
use crate::metrics::Metrics;
use crate::spool::{Change, ChangeDone, Spool, SpoolError};

/// Makes a change wherever the spool's writer is, and says what it did.
pub(super) fn make(config: &Config, change: Change) -> Result<(), Failure> {
    let asked = ask(&config.spool.path, &Request::Change(change.clone()));
    let done = match asked.map_err(|error| Failure::Spool(error.into()))? {
        Some(Answer::Done(done)) => Ok(done),
        Some(Answer::Failed { code, message }) => Err(refused(&code, message)),
        Some(Answer::Lanes(_)) => {
            Err(Failure::Failed(anyhow::anyhow!("the relay answered another question")))
        }
        None => make_here(config, change),
    }?;
    match Format::choose(false) {
        Format::Table => line_out(&told(&done)),
        Format::Json => json_line(&done),
    }
}

/// No relay listens: the lock says whether one is on its way up or down.
fn make_here(config: &Config, change: Change) -> Result<ChangeDone, Failure> {
    let metrics = Metrics::new().map_err(anyhow::Error::from)?;
    let spool = Spool::open(&config.spool, &app::lanes(config), metrics);
    let spool = spool.map_err(|error| Failure::Spool(error.into()))?;
    let done = spool.change_blocking(change);
    spool.close_blocking();
    done.map_err(|error| refused(error.code(), error.to_string()))
}

/// What the operator asked for makes no sense, or the spool cannot do it.
fn refused(code: &str, message: String) -> Failure {
    let usage = [
        SpoolError::Refused(String::new()).code(),
        SpoolError::UnknownSink { name: String::new(), known: String::new() }.code(),
    ];
    if usage.contains(&code) { Failure::Usage(message) } else { Failure::Spool(anyhow::anyhow!(message)) }
}

fn told(done: &ChangeDone) -> String {
    match done {
        ChangeDone::Requeued { sink, count } => format!("{count} dead letters are sent to {sink} again"),
        ChangeDone::ReplayStarted { sink, replay, from, to } => {
            format!("replay {replay}: events {from} to {to} are published again to {sink}")
        }
        ChangeDone::Released { count } => format!("{count} held-back duplicates are events now"),
        ChangeDone::Forgotten { sink, dead_letters } => {
            format!("{sink} is forgotten, and {dead_letters} dead letters with it")
        }
    }
}
