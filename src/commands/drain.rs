//! `drain`: a replica that is to be taken away gets no more callbacks, and has published what it has.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde_json::json;

use super::output::{Format, json_line, line_out};
use super::progress::Progress;
use super::{Failure, change, read};
use crate::cli::DrainArgs;
use crate::config::Config;
use crate::control::{Answer, Request, ask};
use crate::spool::{SinkCursor, SpoolReader};

/// How often the spool is looked at. Another process's commits wake nobody here.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What there is to say while nothing is left.
const COMING: &str = "nothing is left; callbacks may come until the balancer has noticed";

/// Makes the running relay not ready, so that the balancer sends it nothing more; with `--until-published` waits until
/// every sink has everything.
///
/// # Errors
/// When no relay runs, or not everything could be published.
pub fn run(config: &Config, args: &DrainArgs) -> Result<(), Failure> {
    is_running(config)?;
    let deed =
        "make this relay not ready until its next start, so that its balancer sends it no more callbacks";
    if !change::agree_to(deed, &json!({ "drain": true }), args.agreement)? {
        return Ok(());
    }
    match asked(config, &Request::Drain)? {
        Some(Answer::Draining) => {}
        Some(_) => return Err(Failure::Failed(anyhow!("the relay answered another question"))),
        None => return Err(not_running()),
    }
    if args.until_published {
        until_published(config, args)
    } else {
        tell("the relay is not ready any more", &[])
    }
}

fn asked(config: &Config, request: &Request) -> Result<Option<Answer>, Failure> {
    ask(&config.spool.path, request).map_err(|error| Failure::Failed(error.into()))
}

fn is_running(config: &Config) -> Result<(), Failure> {
    asked(config, &Request::Lanes)?.map(|_| ()).ok_or_else(not_running)
}

fn not_running() -> Failure {
    Failure::Failed(anyhow!(
        "no relay runs on this spool: start it so that it publishes what it has; `sinks list` shows what is left"
    ))
}

/// Waits until nothing was accepted and nothing left to publish for as long as the balancer needs to notice.
fn until_published(config: &Config, args: &DrainArgs) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let began = Instant::now();
    let quiet_for = config.ingress.drain_delay.get();
    let mut quiet: Option<(u64, Instant)> = None;
    let progress = Progress::of("waiting until everything is published");
    loop {
        let (tip, sinks) = look(&reader)?;
        let since = match quiet {
            _ if !sinks.iter().all(is_published) => None,
            Some((seen, since)) if seen == tip => Some(since),
            _ => Some(Instant::now()),
        };
        if since.is_some_and(|since| since.elapsed() >= quiet_for) {
            drop(progress);
            return done(&sinks);
        }
        progress.note(if since.is_some() { COMING.to_owned() } else { left(&sinks) });
        quiet = since.map(|since| (tip, since));
        if args.timeout.is_some_and(|timeout| began.elapsed() >= timeout.get()) {
            return Err(Failure::Failed(anyhow!("not everything is published: {}", left(&sinks))));
        }
        is_running(config)?;
        std::thread::sleep(LOOK_EVERY);
    }
}

fn look(reader: &SpoolReader) -> Result<(u64, Vec<SinkCursor>), Failure> {
    let tip = reader.tip().map_err(read::failed)?;
    let mut sinks = reader.sinks().map_err(read::failed)?;
    sinks.retain(|sink| sink.configured);
    Ok((tip, sinks))
}

fn is_published(sink: &SinkCursor) -> bool {
    sink.depth == 0 && sink.requeued == 0 && sink.replays.is_empty()
}

fn done(sinks: &[SinkCursor]) -> Result<(), Failure> {
    let dead: u64 = sinks.iter().map(|sink| sink.dead_letters).sum();
    if dead > 0 {
        return Err(Failure::Failed(anyhow!(
            "published but for dead letters: {dead}; see `dead list`, then requeue or discard them"
        )));
    }
    tell("everything is published: this replica can be taken away", sinks)
}

fn left(sinks: &[SinkCursor]) -> String {
    let left = sinks.iter().filter(|sink| !is_published(sink)).map(|sink| {
        let (depth, requeued, replays) = (sink.depth, sink.requeued, sink.replays.len());
        format!("{} has {depth} waiting, {requeued} requeued, {replays} replays", sink.sink)
    });
    let left: Vec<String> = left.collect();
    if left.is_empty() { "callbacks still come in".to_owned() } else { left.join("; ") }
}

fn tell(what: &str, sinks: &[SinkCursor]) -> Result<(), Failure> {
    match Format::choose(false) {
        Format::Table => line_out(what),
        Format::Json => {
            json_line(&json!({ "draining": true, "published": !sinks.is_empty(), "sinks": sinks }))
        }
    }
}
