//! Scripted ends of a lane.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::RelayConfig;
use super::gate::Gate;
use super::lane::{Complaints, Lane, Measures};
use super::source::{Publisher, Source};
use super::window::{Claimed, Entity, Job};
use crate::event::Timestamp;
use crate::metrics::Metrics;
use crate::sink::{CheckError, Code, Parcel, Publication, PublishError, Published};
use crate::spool::{Feed, SpoolError};
use crate::units::Span;

/// A record of an entity; one without, where the name is empty.
pub(super) fn job(sequence: u64, entity: &str) -> Box<Job> {
    Box::new(Job {
        sequence,
        entity: (!entity.is_empty()).then(|| Entity::of(entity)),
        received_at: Timestamp::now(),
        publication: Publication {
            topic: "t".into(),
            topic_label: "t".into(),
            parcel: Parcel::new(entity, &sequence.to_string(), ""),
            content_type: "application/json",
            more_headers: Vec::new(),
            replay: None,
        },
        pauses: None,
    })
}

/// A spool in memory.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) records: Mutex<Vec<(u64, String)>>,
    pub(super) acked: Mutex<BTreeSet<u64>>,
    pub(super) buried: Mutex<BTreeMap<u64, String>>,
    pub(super) claims: Mutex<Vec<(Feed, u64)>>,
    /// Told of every ack and burial.
    pub(super) changed: Notify,
}

impl Shelf {
    pub(super) fn done(&self) -> usize {
        self.acked.lock().unwrap().len() + self.buried.lock().unwrap().len()
    }
}

impl Source for Arc<Shelf> {
    fn claim(
        &self,
        feed: Feed,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Claimed, SpoolError>> + Send + 'static {
        self.claims.lock().unwrap().push((feed, after));
        let acked = self.acked.lock().unwrap().clone();
        let records = self.records.lock().unwrap();
        let found = records.iter().filter(|(sequence, _)| *sequence > after && !acked.contains(sequence));
        let jobs = found.take(limit).map(|(sequence, entity)| job(*sequence, entity)).collect();
        async move { Ok(jobs) }
    }

    async fn ack(&self, _: Feed, sequences: Vec<u64>) -> Result<(), SpoolError> {
        self.acked.lock().unwrap().extend(sequences);
        self.changed.notify_one();
        Ok(())
    }

    async fn dead(&self, _: Feed, sequence: u64, code: &'static str, _: String) -> Result<(), SpoolError> {
        self.buried.lock().unwrap().insert(sequence, code.to_owned());
        self.changed.notify_one();
        Ok(())
    }
}

/// What a scripted broker does with a publication: its number in the order of tries, and the sequence.
pub(super) type Script = Box<dyn Fn(usize, u64) -> Result<(), PublishError> + Send + Sync>;

/// A broker that follows a script, and notes what breaks a lane's promises.
pub(super) struct Stage {
    pub(super) script: Script,
    pub(super) seen: Mutex<Seen>,
    pub(super) up: watch::Sender<bool>,
    /// Held events wait for it.
    pub(super) release: Option<Arc<Semaphore>>,
    pub(super) latency: fn(u64) -> Duration,
}

/// What a broker saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) tries: usize,
    pub(super) checks: usize,
    pub(super) under_way: HashMap<String, usize>,
    pub(super) most_under_way: usize,
    pub(super) most_per_entity: usize,
    pub(super) stored: Vec<(String, u64)>,
}

impl Stage {
    pub(super) fn new(
        script: impl Fn(usize, u64) -> Result<(), PublishError> + Send + Sync + 'static,
    ) -> Self {
        Stage {
            script: Box::new(script),
            seen: Mutex::default(),
            up: watch::Sender::new(true),
            release: None,
            latency: |_| Duration::ZERO,
        }
    }
}

impl Publisher for Stage {
    async fn publish(&self, publication: &Publication) -> Result<Published, PublishError> {
        let sequence: u64 = publication.parcel.id().parse().unwrap();
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.tries += 1;
            let own = seen.under_way.entry(publication.parcel.key().to_owned()).or_default();
            *own += 1;
            let own = *own;
            if !publication.parcel.key().is_empty() {
                seen.most_per_entity = seen.most_per_entity.max(own);
            }
            let all = seen.under_way.values().sum();
            seen.most_under_way = seen.most_under_way.max(all);
            seen.tries
        };
        if let Some(release) = &self.release {
            release.acquire().await.unwrap().forget();
        }
        tokio::time::sleep((self.latency)(sequence)).await;
        let result = if *self.up.borrow() {
            (self.script)(number, sequence)
        } else {
            Err(PublishError::sink(Code::Connection, "down"))
        };
        let mut seen = self.seen.lock().unwrap();
        *seen.under_way.get_mut(publication.parcel.key()).unwrap() -= 1;
        if result.is_ok() {
            seen.stored.push((publication.parcel.key().to_owned(), sequence));
        }
        result.map(|()| Published::New)
    }

    async fn check(&self) -> Result<(), CheckError> {
        self.seen.lock().unwrap().checks += 1;
        if *self.up.borrow() { Ok(()) } else { Err(CheckError::blocking(Code::Connection, "down")) }
    }

    async fn troubled(&self) {
        std::future::pending().await
    }
}

/// A lane between a shelf and a stage.
pub(super) struct Rig {
    pub(super) shelf: Arc<Shelf>,
    pub(super) stage: Arc<Stage>,
    pub(super) gate: Arc<Gate>,
    pub(super) tip: watch::Sender<u64>,
    pub(super) feeds: watch::Sender<Arc<Vec<Feed>>>,
    pub(super) stop: CancellationToken,
    pub(super) metrics: Metrics,
    pub(super) lane: Arc<Lane<Arc<Shelf>, Stage>>,
}

impl Rig {
    pub(super) fn new(width: usize, stage: Stage) -> Self {
        let (tip, feeds) = (watch::Sender::new(0), watch::Sender::new(Arc::new(vec![Feed::Live])));
        let (shelf, stage, metrics) = (Arc::new(Shelf::default()), Arc::new(stage), Metrics::new().unwrap());
        metrics.register_sink("s", &["t"], &[]);
        let gate = Arc::new(Gate::new("s", metrics.sink_up.with_label_values(&["s"])));
        let stop = CancellationToken::new();
        let lane = Arc::new(Lane {
            sink: "s".into(),
            source: Arc::clone(&shelf),
            publisher: Arc::clone(&stage),
            gate: Arc::clone(&gate),
            width,
            permits: Arc::new(Semaphore::new(width)),
            tip: tip.subscribe(),
            feeds: feeds.subscribe(),
            config: RelayConfig { backoff_min: Span::from_millis(10), backoff_max: Span::from_secs(5) },
            measures: Measures::new("s", metrics.clone()),
            stop: stop.clone(),
            complaints: Complaints::default(),
        });
        Rig { shelf, stage, gate, tip, feeds, stop, metrics, lane }
    }

    /// Appends records, numbered on from the tip.
    pub(super) fn append(&self, entities: &[&str]) {
        let mut records = self.shelf.records.lock().unwrap();
        for entity in entities {
            let next = records.len() as u64 + 1;
            records.push((next, (*entity).to_owned()));
        }
        self.tip.send_replace(records.len() as u64);
    }

    pub(super) fn run(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(super::lane::run(Arc::clone(&self.lane)))
    }

    /// Waits until so many records are acknowledged or buried.
    pub(super) async fn done(&self, count: usize) {
        while self.shelf.done() < count {
            self.shelf.changed.notified().await;
        }
    }
}
