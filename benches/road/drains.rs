//! How fast what waits is published, next to a client that does nothing else.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::bench::{Bench, say};
use crate::brokers::{self, Broker, Sync};
use crate::children::{self, Side};
use crate::raw::Took;
use crate::relay::{Relay, Sink};
use crate::report::{Drain, median};

/// How long one drain may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// One spool is filled once; each round drains it under another sink's name, whose cursor begins with the oldest.
pub fn all(bench: &mut Bench) -> Result<()> {
    say("filling a spool to drain");
    let spool = bench.fresh("spool")?;
    crate::fill::run(bench, &spool, bench.plan.drain)?;
    kafka(bench, &spool)?;
    nats(bench, &spool, Sync::Always)?;
    nats(bench, &spool, Sync::Default)
}

fn kafka(bench: &mut Bench, spool: &Path) -> Result<()> {
    say("drain to Kafka");
    let broker = brokers::kafka(bench)?;
    let sink = Sink::Kafka(broker.address.to_string());
    let mut rounds = Vec::new();
    let count = bench.plan.drain;
    for number in 0..bench.plan.drains {
        let raw = raw(bench, "raw-kafka", &broker.address.to_string(), &sink, count)?;
        rounds.push((relay(bench, spool, &format!("kafka{number}"), &sink, count)?, raw));
    }
    report(bench, "Kafka", 0.7, &sink, count, &rounds);
    Ok(())
}

/// Each drain meets an empty server: it would know the ids of another round and only say so.
fn nats(bench: &mut Bench, spool: &Path, sync: Sync) -> Result<()> {
    let (name, short, count) = match sync {
        Sync::Always => ("NATS, sync_interval: always", "always", bench.plan.drain / 6),
        Sync::Default => ("NATS, default sync", "default", bench.plan.drain),
    };
    say(&format!("drain to {name}"));
    let mut rounds = Vec::new();
    for number in 0..bench.plan.drains {
        let broker = brokers::nats(bench, sync)?;
        let raw = raw(bench, "raw-nats", &broker.nats_url(), &Sink::Nats(broker.nats_url()), count)?;
        drop(broker);
        let broker: Broker = brokers::nats(bench, sync)?;
        let sink = Sink::Nats(broker.nats_url());
        rounds.push((relay(bench, spool, &format!("{short}{number}"), &sink, count)?, raw));
    }
    report(bench, name, 0.7, &Sink::Nats(String::new()), count, &rounds);
    Ok(())
}

/// The relay, from the first events that were published until `count` are.
fn relay(bench: &mut Bench, spool: &Path, name: &str, sink: &Sink, count: u64) -> Result<Rate> {
    let mut relay = Relay::start(bench, spool, name, sink)?;
    let start = relay.wait_for_published(1.0, PATIENCE)?;
    let (first, cpu) = (relay.metrics()?.sum("tendlc_published_total", ""), relay.process.cpu()?);
    let end = relay.wait_for_published(count as f64, PATIENCE)?;
    let rate = Rate::of(count as f64 - first, end - start, relay.process.cpu()? - cpu);
    relay.process.stop()?;
    Ok(rate)
}

fn raw(bench: &Bench, role: &str, server: &str, sink: &Sink, count: u64) -> Result<Rate> {
    let mut command = children::myself([role, server, &count.to_string(), &sink.window().to_string()])?;
    let took: Took = serde_json::from_str(&bench.finish(Side::Measured, &mut command)?)?;
    Ok(Rate::of(count as f64, Duration::from_secs_f64(took.seconds), took.cpu))
}

/// Events a second, and a second of processor time.
#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    per_cpu_second: f64,
}

impl Rate {
    fn of(events: f64, elapsed: Duration, cpu: f64) -> Self {
        Rate { per_second: events / elapsed.as_secs_f64(), per_cpu_second: events / cpu }
    }
}

fn report(bench: &mut Bench, broker: &str, wanted: f64, sink: &Sink, records: u64, rounds: &[(Rate, Rate)]) {
    let of = |pick: fn(&(Rate, Rate)) -> f64| median(rounds.iter().map(pick));
    let drain = Drain {
        broker: broker.to_owned(),
        records,
        window: sink.window(),
        rounds: rounds.len(),
        relay_per_second: of(|(relay, _)| relay.per_second),
        raw_client_per_second: of(|(_, raw)| raw.per_second),
        relay_per_cpu_second: of(|(relay, _)| relay.per_cpu_second),
        raw_client_per_cpu_second: of(|(_, raw)| raw.per_cpu_second),
    };
    // Of each round with the raw client's right before it: a shared machine's speed changes within minutes.
    let found = of(|(relay, raw)| relay.per_second / raw.per_second);
    bench.report.at_least(format!("drain to {broker}, to the raw client"), wanted, found);
    bench.report.drains.push(drain);
}
