//! The shape of a long day: callbacks, forgeries, replays and broken requests all at once, while a sink comes and goes and
//! tokens are read again. Memory and open files stay flat.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::Signal;

use super::{forgeries, smuggling, wire};
use crate::crash::assert_promises;
use crate::faults::dice::dice;
use crate::faults::report::{say, size};
use crate::support::brokers::Own;
use crate::support::callback::{AUTH_ID, Callback};
use crate::support::config::{Config, fresh_prefix};
use crate::support::files;
use crate::support::http::{self, Connection};
use crate::support::load::Load;
use crate::support::relay::{Home, Relay};

/// A thread that does this again and again, until it is told to end.
struct Again {
    end: Arc<AtomicBool>,
    task: JoinHandle<usize>,
}

impl Again {
    fn start(mut turn: impl FnMut() + Send + 'static) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&end);
        let task = std::thread::spawn(move || {
            let mut turns = 0;
            while !stop.load(Ordering::Relaxed) {
                turn();
                turns += 1;
            }
            turns
        });
        Again { end, task }
    }

    /// How often it was done.
    fn end(self) -> usize {
        self.end.store(true, Ordering::Relaxed);
        self.task.join().unwrap()
    }
}

/// One turn of somebody who means no good.
fn misbehave(address: SocketAddr, captured: &Callback, dice: &mut Rng) {
    let pause = Duration::from_millis(5);
    match dice.u8(..4) {
        0 => {
            let answer = http::send(address, &forgeries::any(dice)).unwrap();
            assert_eq!(answer.status, 403, "{answer:?}");
        }
        1 => assert_eq!(http::send(address, &captured.request()).unwrap().text("status"), "duplicate"),
        2 => {
            let tampered = captured.clone().param("x", &dice.u64(..).to_string());
            assert_eq!(http::send(address, &tampered.request()).unwrap().text("status"), "quarantined");
        }
        _ => {
            let mut connection = Connection::open(address).unwrap();
            let _ = connection.write(&wire::latin1(&smuggling::any(dice)));
            // Some of it is never answered, and all of it is left behind.
            if dice.bool() {
                let _ = connection.read();
            }
        }
    }
    std::thread::sleep(pause);
}

/// Memory and open files at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    memory: u64,
    files: usize,
}

/// Watches the relay for so long; SIGHUP comes every second, with another list of tokens.
fn watch(home: &Home, relay: &Relay, length: Duration) -> Vec<Sample> {
    let end = Instant::now() + length;
    let mut samples = Vec::new();
    while Instant::now() < end {
        if samples.len() % 10 == 0 {
            let more = if samples.len() % 20 == 0 { "" } else { "t0ken-new\n" };
            home.write("secrets/tokens", &format!("t0ken-account\n{more}"));
            relay.process.signal(Signal::HUP);
        }
        let (memory, _) = relay.process.memory();
        samples.push(Sample { memory, files: relay.process.open_files() });
        std::thread::sleep(Duration::from_millis(100));
    }
    samples
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Megabytes of memory from tenth to tenth, the median of each: whether it goes on growing.
fn by_tenths(samples: &[Sample]) -> Vec<u64> {
    let tenths = samples.chunks(samples.len().div_ceil(10));
    tenths.map(|tenth| median(tenth.iter().map(|sample| sample.memory)) >> 20).collect()
}

/// SQLite keeps up to 4 MiB of the database in memory. They are filled beforehand, or would be for minutes.
fn fill_page_cache(relay: &Relay) {
    let padding = "x".repeat(50_000);
    for _ in 0..400 {
        relay.accept(&Callback::new("campaign", "created").param("padding", &padding));
    }
    relay.drained();
}

/// What the ledger holds in memory of a callback, until some hundred thousand are carried over together: README's "up to
/// some 45 MB".
const NOTE: u64 = 400;

/// The rule: of the second half, the median of memory is at most 8 MB above that of the first half, besides the ledger's
/// notes of what was accepted in between; and the median of open files at most 8 above.
fn assert_flat(samples: &[Sample], accepted: u64) -> [Sample; 2] {
    let (first, second) = samples.split_at(samples.len() / 2);
    let middle = |half: &[Sample]| Sample {
        memory: median(half.iter().map(|sample| sample.memory)),
        files: median(half.iter().map(|sample| sample.files as u64)) as usize,
    };
    let (before, after) = (middle(first), middle(second));
    let allowed = before.memory + (8 << 20) + accepted / 2 * NOTE;
    let tenths = by_tenths(samples);
    assert!(after.memory <= allowed, "{before:?}, then {after:?}, {accepted} accepted, by tenths {tenths:?}");
    assert!(after.files <= before.files + 8, "{before:?}, then {after:?}");
    [before, after]
}

#[test]
fn memory_and_open_files_stay_flat_under_everything_at_once() {
    let Some(mut broker) = Own::nats() else { return };
    broker.start();
    let prefix = fresh_prefix("soak");
    let account = format!(
        "[accounts.acme]\nauth_id = \"{AUTH_ID}\"\ntokens_file = \"secrets/tokens\"\nmain_tokens = [\"t0ken-main\"]"
    );
    let config = Config::files().nats_sink(&broker.address(), &prefix, "").accounts(&account);
    let home = Home::new(&config.text());
    home.write("secrets/tokens", "t0ken-account\n");
    let relay = home.start();
    let captured = Callback::new("campaign", "created");
    relay.accept(&captured);
    fill_page_cache(&relay);

    let load = Load::start(relay.callbacks, 2, Duration::from_millis(50));
    let address = relay.callbacks;
    let mut seeds = dice("soak");
    let bad: Vec<Again> = (0..2)
        .map(|_| {
            let (captured, mut dice) = (captured.clone(), seeds.fork());
            Again::start(move || misbehave(address, &captured, &mut dice))
        })
        .collect();
    let broker = Arc::new(std::sync::Mutex::new(broker));
    let outages = {
        let (broker, pause) = (Arc::clone(&broker), Duration::from_secs(size(2, 10)));
        Again::start(move || {
            std::thread::sleep(pause);
            broker.lock().unwrap().kill();
            std::thread::sleep(pause);
            broker.lock().unwrap().start();
        })
    };
    let samples = watch(&home, &relay, Duration::from_secs(size(20, 600)));
    let outages = outages.end();
    let bad: usize = bad.into_iter().map(Again::end).sum();
    let answered = load.end();
    relay.drained();

    let refused: Vec<_> = answered.iter().filter(|answer| answer.status != 200).collect();
    assert!(refused.is_empty(), "{} callbacks were refused: {refused:?}", refused.len());
    assert_promises(&answered, &files::topic_events(&home.events(), "plivo.10dlc.brand"));
    let reloads = relay.metrics().sum("tendlc_account_reloads_total", &[("result", "ok")]);
    assert!(reloads > 1.0 && outages > 0 && bad > 100, "{reloads} reloads, {outages} outages, {bad} bad");
    let accepted = relay.accepted() as u64;
    let [before, after] = assert_flat(&samples, accepted);
    say(&format!(
        "soak: {} callbacks, {bad} bad requests ({accepted} accepted in all), {outages} outages, {reloads} reloads; memory {} MB, then {} MB; open files {}, \
         then {} (medians of the halves); memory by tenths: {:?}",
        answered.len(),
        before.memory >> 20,
        after.memory >> 20,
        before.files,
        after.files,
        by_tenths(&samples)
    ));
    relay.stop();
}
