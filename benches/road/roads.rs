//! Servers under load.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tendlc_relay::sim::load::{Batch, Pace, Seen};

use crate::bench::{Bench, CONNECTIONS, say};
use crate::brokers::{self, Broker, Sync};
use crate::children::{Process, Side};
use crate::disk;
use crate::load::{self, Client, accepted};
use crate::relay::{Relay, Sink};
use crate::report::{Groups, Latency, Road, Undisturbed, median};

/// The server that does nothing.
const NOOP: &str = "axum no-op";
/// The server that does all but keep the callback.
const VERIFYING: &str = "verify + normalize";
/// The relay with a broker that cannot be reached.
pub const INGRESS: &str = "relay, ingress alone";
/// The relay, publishing counted in.
pub const WITH_NATS: &str = "relay to NATS";
/// The relay, publishing counted in.
pub const WITH_KAFKA: &str = "relay to Kafka";

/// How long publishing what one round accepted may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one round found.
struct Round {
    seen: Seen,
    /// Seconds of the server's processor time.
    cpu: f64,
    /// Requests per second of processor time that the server which does nothing has just answered.
    noop: Option<f64>,
}

/// A server that does nothing, measured in between: a machine's speed changes within minutes, above all a shared one's.
struct Yardstick {
    server: Process,
    client: Client,
    batch: Batch,
}

impl Yardstick {
    fn new(bench: &mut Bench) -> Result<Self> {
        let (server, address) = bench.server("noop")?;
        let (client, batch) = (Client::connect(address, CONNECTIONS)?, bench.mint.batch(10_000));
        Ok(Yardstick { server, client, batch })
    }

    /// Its requests per second of processor time, now.
    fn measure(&mut self, duration: Duration) -> Result<f64> {
        let before = self.server.cpu()?;
        let seen = self.client.run_again_and_again(&self.batch, duration)?;
        Ok(accepted(&seen) as f64 / (self.server.cpu()? - before))
    }
}

/// The servers that the relay is compared with. They keep nothing, so that one batch serves for ever.
pub fn baselines(bench: &mut Bench) -> Result<()> {
    let batch = bench.mint.batch(10_000);
    for (name, role) in [(NOOP, "noop"), (VERIFYING, "verifying")] {
        say(name);
        let (process, address) = bench.server(role)?;
        let road = baseline(bench, name, &process, address, &batch)?;
        bench.report.roads.push(road);
    }
    Ok(())
}

fn baseline(bench: &Bench, name: &str, server: &Process, address: SocketAddr, batch: &Batch) -> Result<Road> {
    let mut client = Client::connect(address, CONNECTIONS)?;
    client.run_again_and_again(batch, bench.plan.warm_up)?;
    let rounds = (0..bench.plan.rounds).map(|_| {
        let before = server.cpu()?;
        let seen = client.run_again_and_again(batch, bench.plan.round)?;
        Ok(Round { seen, cpu: server.cpu()? - before, noop: None })
    });
    Ok(summary(name, &rounds.collect::<Result<Vec<_>>>()?, None))
}

/// The relay taking callbacks that it cannot publish yet: as many as it can, then half as many.
pub fn ingress(bench: &mut Bench) -> Result<()> {
    say(INGRESS);
    let spool = bench.fresh("spool")?;
    let mut relay = Relay::start(bench, &spool, "away", &Sink::Unreachable)?;
    let most = road(bench, INGRESS, &mut relay, Publishing::LeftOut, None)?;
    let rate = most.requests_per_second / 2.0;
    bench.report.roads.push(most);
    relay.process.stop()?;
    half_load(bench, rate)
}

/// How long an answer takes when there is time to spare. On all processors: on one of its own, the relay at half its
/// most requests is busier than half, since the groups are smaller, and its latency is a queue's.
fn half_load(bench: &mut Bench, rate: f64) -> Result<()> {
    say("relay, ingress at half of that");
    let spool = bench.fresh("spool")?;
    let mut relay = Relay::start_on(bench, Side::Anywhere, &spool, "away", &Sink::Unreachable)?;
    let mut disk = disk::Speed::unknown()?;
    let calm = Some((rate, &mut disk));
    let half = road(bench, "relay, half load, open loop", &mut relay, Publishing::LeftOut, calm)?;
    let sync = disk.report(bench);
    let p99 = half.undisturbed.latency.p99_ms;
    bench.report.figure(
        "half load: answers while the load had its processor, and their p99",
        format!("{:.2} %, {p99:.2} ms", 100.0 * half.undisturbed.share),
    );
    bench.report.at_most("p99 at half load, to the disk's own median sync", 10.0, p99 / sync.p50_ms, "x");
    relay.process.stop()?;
    // What of it is the machine's: a p99 of the disk and of a server that does nothing, at the same pace.
    let commits = half.groups.as_ref().map_or(rate, |groups| rate / groups.mean);
    let paced = disk::paced(bench, commits)?;
    bench.report.figure(
        "the disk: 4 KiB and fdatasync, as often as at half load, p99",
        format!("{:.3} ms", paced.p99_ms),
    );
    bench.report.at_most(
        "p99 at half load, to the disk's own p99 at that pace",
        10.0,
        p99 / paced.p99_ms,
        "x",
    );
    bench.report.roads.push(half);
    let idle = noop_at(bench, rate)?;
    bench.report.roads.push(idle);
    Ok(())
}

/// The server that does nothing, at `rate` a second.
fn noop_at(bench: &mut Bench, rate: f64) -> Result<Road> {
    let (server, address) = bench.server("noop")?;
    let mut client = Client::connect(address, CONNECTIONS)?;
    let rounds = (0..bench.plan.rounds).map(|_| {
        let batch = bench.batch(rate, bench.plan.round);
        let before = server.cpu()?;
        let seen = client.run(Pace::Open(rate), &batch, bench.plan.round)?;
        Ok(Round { seen, cpu: server.cpu()? - before, noop: None })
    });
    let rounds = rounds.collect::<Result<Vec<_>>>()?;
    Ok(summary("axum no-op, at that rate, open loop", &rounds, None))
}

/// The relay publishing to real brokers, their acknowledgements waited for.
pub fn publishing(bench: &mut Bench) -> Result<()> {
    let broker = brokers::nats(bench, Sync::Always)?;
    published(bench, WITH_NATS, &broker, &Sink::Nats(broker.nats_url()))?;
    drop(broker);
    let broker = brokers::kafka(bench)?;
    published(bench, WITH_KAFKA, &broker, &Sink::Kafka(broker.address.to_string()))
}

fn published(bench: &mut Bench, name: &str, _running: &Broker, sink: &Sink) -> Result<()> {
    say(name);
    let spool = bench.fresh("spool")?;
    let mut relay = Relay::start(bench, &spool, "broker", sink)?;
    let road = road(bench, name, &mut relay, Publishing::CountedIn, None)?;
    bench.report.roads.push(road);
    relay.process.stop()
}

/// Whether a round ends with the last answer or with the last event's acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Publishing {
    LeftOut,
    CountedIn,
}

/// The rounds on one relay: as fast as it answers, or at a rate, with the disk measured before each.
fn road(
    bench: &mut Bench,
    name: &str,
    relay: &mut Relay,
    publishing: Publishing,
    mut calm: Option<(f64, &mut disk::Speed)>,
) -> Result<Road> {
    let mut client = Client::connect(relay.callbacks, CONNECTIONS)?;
    let pace = calm.as_ref().map_or(Pace::Closed, |(rate, _)| Pace::Open(*rate));
    let batch = bench.mint.batch(30_000);
    let warm = client.run(pace, &batch, bench.plan.warm_up)?;
    settle(relay, publishing)?;
    let before = relay.metrics()?;
    let mut yardstick = if calm.is_none() { Some(Yardstick::new(bench)?) } else { None };
    let (count, duration) =
        if calm.is_some() { bench.plan.calm } else { (bench.plan.rounds, bench.plan.round) };
    let mut rounds = Vec::new();
    for _ in 0..count {
        let batch = bench.batch(load::rate(&warm), duration);
        if let Some((_, disk)) = &mut calm {
            disk.measure(bench)?;
        }
        let noop = yardstick.as_mut().map(|yardstick| yardstick.measure(bench.plan.round / 2)).transpose()?;
        let round = round(relay, &mut client, pace, &batch, publishing, duration)?;
        rounds.push(Round { noop, ..round });
    }
    Ok(summary(name, &rounds, Some(relay.metrics()?.groups_since(&before))))
}

fn round(
    relay: &mut Relay,
    client: &mut Client,
    pace: Pace,
    batch: &Batch,
    publishing: Publishing,
    duration: Duration,
) -> Result<Round> {
    let before = relay.process.cpu()?;
    let seen = client.run(pace, batch, duration)?;
    settle(relay, publishing)?;
    Ok(Round { seen, cpu: relay.process.cpu()? - before, noop: None })
}

/// Waits for what was accepted to be published, where that counts.
fn settle(relay: &mut Relay, publishing: Publishing) -> Result<()> {
    if publishing == Publishing::CountedIn {
        let accepted = relay.metrics()?.accepted();
        relay.wait_for_published(accepted, PATIENCE)?;
    }
    Ok(())
}

/// Seconds of processor time that one callback costs a relay with `spool`, over exactly `count` of them.
pub fn cost(bench: &mut Bench, relay: &mut Relay, count: usize) -> Result<f64> {
    let mut client = Client::connect(relay.callbacks, CONNECTIONS)?;
    let batch = bench.mint.batch(count);
    let round = round(relay, &mut client, Pace::Closed, &batch, Publishing::LeftOut, PATIENCE)?;
    let refused = refused(&round.seen);
    anyhow::ensure!(refused == 0 && round.seen.sent == count as u64, "{refused} callbacks were not accepted");
    Ok(round.cpu / count as f64)
}

impl Round {
    fn per_cpu_second(&self) -> f64 {
        accepted(&self.seen) as f64 / self.cpu
    }
}

/// Answers other than `accepted`.
fn refused(seen: &Seen) -> u64 {
    seen.sent - accepted(seen)
}

fn median_of_some(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.flatten().collect();
    (!values.is_empty()).then(|| median(values))
}

/// The medians of `rounds`.
fn summary(name: &str, rounds: &[Round], groups: Option<Groups>) -> Road {
    let latencies = |pick: fn(&Seen) -> &Histogram<u64>| {
        Latency::median(&rounds.iter().map(|round| Latency::of(pick(&round.seen))).collect::<Vec<_>>())
    };
    let share = |seen: &Seen| seen.undisturbed.len() as f64 / seen.latency.len().max(1) as f64;
    Road {
        name: name.to_owned(),
        rounds: rounds.len(),
        requests_per_second: median(rounds.iter().map(|round| load::rate(&round.seen))),
        requests_per_cpu_second: median(rounds.iter().map(Round::per_cpu_second)),
        to_noop: median_of_some(rounds.iter().map(|round| Some(round.per_cpu_second() / round.noop?))),
        latency: latencies(|seen| &seen.latency),
        undisturbed: Undisturbed {
            share: median(rounds.iter().map(|round| share(&round.seen))),
            latency: latencies(|seen| &seen.undisturbed),
        },
        groups,
        refused: rounds.iter().map(|round| refused(&round.seen)).sum(),
    }
}

/// The promises about requests per second of processor time.
pub fn judge(bench: &mut Bench) {
    for (name, wanted) in [(INGRESS, 0.20), (WITH_NATS, 0.13), (WITH_KAFKA, 0.13)] {
        let Some(found) = bench.report.road(name).and_then(|road| road.to_noop) else { continue };
        bench.report.at_least(format!("{name}, per cpu-second, to the no-op"), wanted, found);
    }
}
