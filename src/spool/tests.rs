//! The spool from outside: real files, an injected clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::*;
use crate::callback::{Covers, KeyOwner, Method, Request, Verdict, VerificationScheme};
use crate::event::{Endpoint, EventId, Status};
use crate::normalize::Facts;
use crate::units::{Size, Span};

mod audit;
mod crash;
mod dead;
mod decisions;
mod delivery;
mod exchange;
mod full;
mod identity;
mod model;
mod purge;
mod reading;
mod replay;
mod revise;
mod verify;

/// A directory, a clock and a configuration.
struct Bench {
    dir: tempfile::TempDir,
    now: Arc<AtomicI64>,
    available: Arc<AtomicU64>,
    config: SpoolConfig,
    metrics: Metrics,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = SpoolConfig {
            path: dir.path().join("spool"),
            reserve: Size::from_bytes(0),
            ..SpoolConfig::default()
        };
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let available = Arc::new(AtomicU64::new(u64::MAX / 4));
        Bench { dir, now, available, config, metrics: Metrics::new().unwrap() }
    }

    fn with(change: impl FnOnce(&mut SpoolConfig)) -> Self {
        let mut bench = Bench::new();
        change(&mut bench.config);
        bench
    }

    fn open(&self, lanes: &[LaneSpec]) -> Spool {
        self.try_open(lanes).unwrap()
    }

    fn try_open(&self, lanes: &[LaneSpec]) -> Result<Spool, OpenError> {
        Spool::open_in(self.world(), &self.config, lanes, self.metrics.clone())
    }

    fn world(&self) -> World {
        let (now, available) = (self.now.clone(), self.available.clone());
        World {
            clock: Arc::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed))),
            available: Arc::new(move |_| available.load(Ordering::Relaxed)),
        }
    }

    fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// What a crash at this moment would leave: a copy, made by another process so that no lock of ours is lost.
    fn crashed(&self) -> Bench {
        let copy = Bench { config: self.config.clone(), now: self.now.clone(), ..Bench::new() };
        let to = copy.dir.path().join("spool");
        let done = std::process::Command::new("cp").arg("-r").arg(&self.config.path).arg(&to).status();
        assert!(done.unwrap().success());
        Bench { config: SpoolConfig { path: to, ..copy.config.clone() }, ..copy }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.config.path.join(name)
    }

    fn reader(&self) -> SpoolReader {
        SpoolReader::open(&self.config.path).unwrap()
    }
}

/// The order of somebody.
fn order(change: Change, mode: Mode) -> Order {
    let by = Operator { uid: 4711, user: Some("kim".to_owned()), login: None, host: "night-desk".to_owned() };
    Order { change, by, mode }
}

/// Makes a change without a look at what it comes to.
fn made(spool: &Spool, change: Change) -> Result<ChangeDone, SpoolError> {
    spool.change_blocking(order(change, Mode::Unseen))
}

fn lane(name: &str) -> LaneSpec {
    LaneSpec { name: name.to_owned(), required: true, start: Start::Oldest }
}

/// The names of what a callback is made of; the same words give the same hashes.
fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// A callback about the brand `entity`, with this content and these signatures.
fn callback(entity: &str, status: Status, content: &str, signatures: &[&str]) -> NormalizedCallback {
    NormalizedCallback {
        request: Request {
            method: Method::Post,
            target: "/tendlc_status/brand/?x=1".to_owned(),
            content_type: Some("application/json".to_owned()),
            content_encoding: None,
            body: Bytes::from(format!("{{\"content\":\"{content}\"}}")),
        },
        verdict: Verdict {
            scheme: VerificationScheme::V2,
            key: Some(KeyOwner::Account),
            account: "acme".to_owned(),
            auth_id: "MAXXXXXXXXXXXXXXXXXX".to_owned(),
            covers: Covers::Url,
        },
        facts: Facts {
            endpoint: Some(Endpoint::Brand),
            status: Some(status),
            provider_status: Some(status.as_str().to_owned()),
            brand_id: Some(entity.to_owned()),
            ..Facts::default()
        },
        fingerprint: hash(content),
        signatures: signatures.iter().map(|signature| hash(signature)).collect(),
    }
}

/// A callback unlike any other.
fn fresh(number: usize) -> NormalizedCallback {
    let name = format!("fresh {number}");
    callback(&format!("B{}", number % 7), Status::Created, &name, &[&name])
}

fn fresh_sized(number: usize, bytes: usize) -> NormalizedCallback {
    let mut callback = fresh(number);
    callback.request.body = Bytes::from(vec![b'x'; bytes]);
    callback
}

fn sequence(outcome: Result<Outcome, AppendError>) -> u64 {
    match outcome.unwrap() {
        Outcome::Accepted { sequence, .. } => sequence,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Records with these numbers.
fn fill(spool: &Spool, from: usize, until: usize) {
    for number in from..until {
        sequence(spool.append_blocking(fresh(number)));
    }
}

/// The sequences of one claim.
fn claim(lane: &LaneHandle, feed: Feed, after: u64, limit: usize) -> Vec<u64> {
    lane.claim_blocking(feed, after, limit).unwrap().iter().map(Record::sequence).collect()
}

/// All records from this one on, again.
fn replay_from(sink: &str, sequence: u64) -> Change {
    let from = ReplayFrom::Sequence(sequence);
    Change::Replay { sink: sink.to_owned(), from, to: None, only: Only::default() }
}

/// As after a permanent error.
fn bury(lane: &LaneHandle, feed: Feed, sequence: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(lane.dead(feed, sequence, "too_large", "the broker said so".to_owned())).unwrap();
}

/// Claims and acknowledges until there is nothing more; the sequences.
fn drain(lane: &LaneHandle, feed: Feed) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or(0);
        let page = lane.claim_blocking(feed, after, 100).unwrap();
        if page.is_empty() {
            return all;
        }
        let sequences: Vec<u64> = page.iter().map(Record::sequence).collect();
        lane.ack_now(feed, &sequences).unwrap();
        all.extend(sequences);
    }
}

/// Waits for something that another thread does; it is a failure when it does not come. In between, that thread has the
/// processor.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed().as_secs() < 60, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn table(path: &Path, sql: &str) -> i64 {
    let conn = readers::open_for_reading(&path.join("spool.db")).unwrap();
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}
