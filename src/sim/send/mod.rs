//! `plivo-sim send`: callbacks for entities that go through their lives, without the REST side.
//!
//! The next step of an entity is sent only after the one before was answered with 200 or given up, unless chaos lets
//! the two change places: only then is there an order that a customer can be held to. Entities go on independently
//! of each other.

mod args;
mod crowd;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Serialize;

pub use args::{How, SendArgs, Verb};

use crate::sim::chaos::{Chaos, Look};
use crate::sim::courier::{Courier, Origin, Pen, Settings};
use crate::sim::failure::Failure;
use crate::sim::ledger::{Clock, Ledger, Summary};
use crate::sim::scenario::{Frame, Lives, Scenario, Script, Turn};
use crate::sim::sender::Sender;

/// How many entities are under way at a time, pauses and retries included. Others begin as these end.
const UNDER_WAY: usize = 20_000;

/// Runs the command on a runtime of its own.
///
/// # Errors
/// [`Failure::Usage`] for what was asked for, [`Failure::Other`] for everything else.
pub fn run(args: SendArgs) -> Result<(), Failure> {
    let lives = match &args.scenario {
        Some(path) => Scenario::read(path).map_err(|error| Failure::Usage(anyhow!(error)))?,
        None => Lives::generated(args.entities, args.callbacks),
    };
    Origin::of(&args.to).map_err(|error| Failure::Usage(anyhow!("--to: {error}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting threads").map_err(Failure::Other)?;
    let json = args.json || !std::io::stdout().is_terminal();
    let seed = args.how.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    // At once, so that a run that does not end can be repeated too. Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "plivo-sim: --seed {seed} sends the same again");
    let summary = runtime.block_on(send(args, seed, lives))?;
    show(&Sent { seed, summary }, json).map_err(Failure::Other)
}

/// What a run came to.
#[derive(Debug, Serialize)]
struct Sent {
    seed: u64,
    #[serde(flatten)]
    summary: Summary,
}

/// Sends everything and waits for its end.
///
/// # Errors
/// As [`run`].
pub async fn send(args: SendArgs, seed: u64, lives: Lives) -> Result<Summary, Failure> {
    let clock = Clock::start();
    let account = Arc::new(args.who.account().map_err(|error| Failure::Usage(error.into()))?);
    let ledger = ledger(args.ledger.as_deref(), &clock, seed).map_err(Failure::Usage)?;
    let sender = sender(&args.how, seed, args.via, clock, ledger.clone()).map_err(Failure::Usage)?;
    let frame = Frame { seed, account, url: args.to, method: args.method.into() };
    let script = Arc::new(Script { frame, lives });
    let entities = (0..script.lives.entities()).map(|entity| live(sender.clone(), script.turns(entity)));
    let ended = crowd::all(entities, UNDER_WAY).await;
    ended.context("an entity's callbacks ended before their time").map_err(Failure::Other)?;
    sender.finish().await.map_err(|error| Failure::Other(error.into()))?;
    ledger.finish().context("writing the ledger").map_err(Failure::Other)
}

/// A ledger in this file, or only in sum.
///
/// # Errors
/// When the file is there already or cannot be made.
pub fn ledger(path: Option<&Path>, clock: &Clock, seed: u64) -> anyhow::Result<Ledger> {
    let shown = path.unwrap_or("-".as_ref()).display();
    Ledger::create(path, clock, seed).with_context(|| format!("the ledger {shown}"))
}

/// What sends as these arguments say.
///
/// # Errors
/// When the certificates cannot be read.
pub fn sender(
    how: &How,
    seed: u64,
    via: Option<Origin>,
    clock: Clock,
    ledger: Ledger,
) -> anyhow::Result<Sender> {
    let settings = Settings {
        pen: Pen { seed, retry_nonce: how.retry_nonce, v3: how.v3 },
        time_scale: how.time_scale,
        timeout: Duration::from_secs_f64(how.timeout),
        concurrency: how.concurrency as usize,
        via,
        ca_file: how.ca_file.clone(),
    };
    let chaos = Chaos {
        seed,
        rates: how.chaos,
        longest_delay: Duration::from_secs_f64(how.delay),
        slow_over: Duration::from_secs_f64(how.slow),
        oversize: how.oversize as usize,
    };
    let format = how.body.unwrap_or(how.profile.body);
    let look = Look { profile: how.profile.clone(), format };
    let courier = Courier::new(settings, clock).context("--ca-file")?;
    Ok(Sender::new(courier, chaos, look, ledger))
}

/// One entity's life, step by step.
async fn live(sender: Sender, turns: impl Iterator<Item = Turn>) {
    let scale = sender.time_scale();
    for (turn, reordered) in in_order(&sender, turns) {
        if !turn.pause.is_zero() {
            tokio::time::sleep(turn.pause.mul_f64(scale)).await;
        }
        sender.send(turn.notice, Some(&turn.request_id), reordered).await;
    }
}

/// The turns in the order in which they are sent: those that chaos picks change places with their successors, and say
/// so.
fn in_order(sender: &Sender, mut turns: impl Iterator<Item = Turn>) -> impl Iterator<Item = (Turn, bool)> {
    let mut held = None;
    std::iter::from_fn(move || {
        if let Some(turn) = held.take() {
            return Some((turn, true));
        }
        let turn = turns.next()?;
        if sender.chaos().is_reordered(turn.notice.number)
            && let Some(successor) = turns.next()
        {
            held = Some(turn);
            return Some((successor, false));
        }
        Some((turn, false))
    })
}

fn show(sent: &Sent, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(sent)?)?;
    } else {
        writeln!(out, "{}", sent.summary.table())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::sim::ledger::Label;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SendArgs,
    }

    fn parse(more: &str) -> Result<SendArgs, clap::Error> {
        let fixed = "send --account MAEXAMPLE00000000001:t --to https://h/{endpoint}/";
        Line::try_parse_from(fixed.split(' ').chain(more.split_whitespace())).map(|line| line.args)
    }

    #[test]
    fn the_command_line() {
        let args =
            parse("--chaos cut=1,early=1 --profile nested --via http://127.0.0.1:1 --method GET").unwrap();
        assert_eq!((args.how.chaos.cut, args.entities, args.callbacks), (1.0, 30, 300));
        assert_eq!((args.how.timeout, args.how.time_scale), (8.0, 1.0));
        for slip in [
            "--chaos 2",
            "--profile none",
            "--via h",
            "--time-scale -1",
            "--scenario f --entities 3",
            "--entities 0",
        ] {
            assert!(parse(slip).is_err(), "{slip}");
        }
    }

    /// Nobody listens: every notice is tried four times and written down as given up.
    #[tokio::test]
    async fn what_is_given_up_is_in_the_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("ledger");
        let mut args = parse("--time-scale 0 --entities 3 --callbacks 9 --via http://127.0.0.1:1").unwrap();
        args.ledger = Some(ledger.clone());
        let summary = send(args, 1, Lives::generated(3, 9)).await.unwrap();
        let counts = &summary.labels[&Label::Genuine];
        assert_eq!((counts.deliveries, counts.given_up, counts.attempts), (9, 9, 36));
        let text = std::fs::read_to_string(ledger).unwrap();
        assert_eq!(text.lines().count(), 10);
        assert!(!text.contains("\"t\""), "no token in a ledger");
    }

    #[tokio::test]
    async fn those_that_change_places() {
        let how = parse("--chaos reordered=1").unwrap().how;
        let ledger = Ledger::create(None, &Clock::start(), 1).unwrap();
        let sender = sender(&how, 1, None, Clock::start(), ledger).unwrap();
        let frame = Frame {
            seed: 1,
            account: crate::sim::testing::account(),
            url: "http://h/".to_owned(),
            method: crate::sim::notice::Method::Post,
        };
        let script = Arc::new(Script { frame, lives: Lives::generated(1, 5) });
        let found: Vec<(u64, bool)> = in_order(&sender, script.turns(0))
            .map(|(turn, reordered)| (turn.notice.number, reordered))
            .collect();
        assert_eq!(found, [(2, false), (1, true), (4, false), (3, true), (5, false)]);
    }
}
