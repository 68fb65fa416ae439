//! One feed of a lane: claim pages, keep as many events under way as the window holds, acknowledge what got through.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::backoff::Pauses;
use super::gate::LaneState;
use super::landing::{Landing, Outcome, next_pause};
use super::lane::Lane;
use super::parked::Parked;
use super::room::Room;
use super::source::{Publisher, Source};
use super::window::{Claimed, Job, Window};
use crate::sink::{PublishError, Published};
use crate::spool::{Feed, SpoolError};

/// How many records one claim asks for.
const PAGE: usize = 512;

/// How often a feed that is not live looks again for records.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An event that is not under way any more.
pub(super) struct Landed {
    pub(super) job: Box<Job>,
    pub(super) result: Result<Published, PublishError>,
    pub(super) began: Instant,
}

/// What has been claimed, and how far.
struct Progress {
    feed: Feed,
    window: Window,
    retries: BTreeMap<(Instant, u64), Box<Job>>,
    parked: Parked,
    /// The highest sequence claimed.
    position: u64,
    /// The spool's tip when the running claim began.
    tip: u64,
    /// There was nothing more to claim.
    idle: bool,
    /// No claim before this, after one that failed or found nothing.
    not_before: Option<Instant>,
    pauses: Pauses,
}

type Claim = Pin<Box<dyn Future<Output = Result<Claimed, SpoolError>> + Send>>;

/// Runs until the lane is stopped or the feed is finished.
pub(super) async fn run<S: Source, P: Publisher>(lane: Arc<Lane<S, P>>, feed: Feed) {
    let mut progress = Progress::new(feed, &lane);
    let (mut tip, mut feeds, mut gate) = (lane.tip.clone(), lane.feeds.clone(), lane.gate.watch());
    let mut flights = FuturesUnordered::new();
    let mut claim: Option<Claim> = None;
    let mut room = Room::of(&lane.permits);
    loop {
        let stopping = lane.stop.is_cancelled();
        if flights.is_empty() && (stopping || progress.is_finished(&feeds)) {
            break;
        }
        if !stopping && claim.is_none() && progress.wants_more() {
            // Registered for wake-ups before the look, so that none is missed.
            progress.tip = *tip.borrow_and_update();
            claim = Some(Box::pin(lane.source.claim(feed, progress.position, progress.page())));
        }
        let allowed = if stopping { 0 } else { allowed(*gate.borrow_and_update(), lane.width) };
        let wanted = allowed.saturating_sub(flights.len()).min(progress.window.ready());
        let (taken, began) = (room.take(wanted), Instant::now());
        for job in std::iter::from_fn(|| progress.window.next()).take(taken) {
            flights.push(fly(&*lane.publisher, job, began));
        }
        lane.measures.publishing.add(taken as i64);
        let crowded = taken < wanted;
        tokio::select! {
            biased;
            () = lane.stop.cancelled(), if !stopping => {}
            Some(landed) = flights.next(), if !flights.is_empty() => {
                let mut all = vec![landed];
                while let Some(Some(landed)) = flights.next().now_or_never() {
                    all.push(landed);
                }
                room.give_back(all.len());
                progress.settle(&lane, all).await;
            }
            page = async { match claim.as_mut() { Some(claim) => claim.await, None => std::future::pending().await } } => {
                claim = None;
                progress.take(&lane.sink, page);
            }
            changed = gate.changed() => if changed.is_err() { break },
            _ = Arc::clone(&lane.permits).acquire_owned(), if crowded => {}
            () = wait_until(progress.next_retry()), if !stopping => progress.retry_due(),
            () = grown(&mut tip), if progress.idle && feed == Feed::Live => progress.idle = false,
            changed = feeds.changed(), if feed != Feed::Live => if changed.is_err() { break },
            () = wait_until(progress.not_before), if !stopping => progress.look_again(),
        }
    }
}

/// How many events a feed may have under way.
fn allowed(gate: LaneState, width: usize) -> usize {
    match gate {
        LaneState::Open => width,
        LaneState::Trying => 1,
        LaneState::Starting | LaneState::Closed => 0,
    }
}

async fn fly<P: Publisher>(publisher: &P, job: Box<Job>, began: Instant) -> Landed {
    let result = publisher.publish(&job.publication).await;
    Landed { job, result, began }
}

async fn wait_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn grown(tip: &mut watch::Receiver<u64>) {
    // No sender, no growth.
    if tip.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Progress {
    fn new<S, P>(feed: Feed, lane: &Lane<S, P>) -> Self {
        Progress {
            feed,
            window: Window::new(lane.width, feed),
            retries: BTreeMap::new(),
            parked: Parked::default(),
            position: 0,
            tip: 0,
            idle: false,
            not_before: None,
            pauses: Pauses::new(&lane.config),
        }
    }

    /// Whether the spool does not list the feed any more and all of it is done.
    fn is_finished(&self, feeds: &watch::Receiver<Arc<Vec<Feed>>>) -> bool {
        self.feed != Feed::Live && self.window.is_empty() && !feeds.borrow().contains(&self.feed)
    }

    /// Some pages ahead of what is under way: a claim that has to share its processor takes as long as several pages.
    fn wants_more(&self) -> bool {
        !self.idle && self.not_before.is_none() && self.window.ready() < 3 * PAGE && self.page() > 0
    }

    /// Half a page at least: a claim for each record that lands would read the same place over and over.
    fn page(&self) -> usize {
        let room = self.window.room();
        if room >= (PAGE / 2) || self.window.is_empty() || self.window.ready() == 0 {
            room.min(PAGE)
        } else {
            0
        }
    }

    fn take(&mut self, sink: &str, page: Result<Claimed, SpoolError>) {
        match page {
            Ok(jobs) => {
                self.pauses.reset();
                let found = jobs.last().map(|job| job.sequence);
                self.position = self.position.max(found.unwrap_or_default());
                self.idle = match self.feed {
                    Feed::Live => found.is_none() || self.position >= self.tip,
                    Feed::Replay(_) | Feed::Requeued => found.is_none(),
                };
                if self.idle && self.feed != Feed::Live {
                    self.not_before = Some(Instant::now() + LOOK_AGAIN);
                }
                self.window.admit(jobs);
            }
            Err(error) => {
                self.not_before = Some(Instant::now() + self.pauses.next());
                tracing::warn!(sink, feed = ?self.feed, %error, "records cannot be claimed; trying again");
            }
        }
    }

    /// Looks once more where there was nothing: what was sent back for another try may lie anywhere.
    fn look_again(&mut self) {
        self.not_before = None;
        self.idle = false;
        if self.feed == Feed::Requeued {
            self.position = 0;
        }
    }

    fn retry_after(&mut self, job: Box<Job>, pause: Duration) {
        self.retries.insert((Instant::now() + pause, job.sequence), job);
    }

    /// What is parked no more may go.
    fn free(&mut self, freed: impl FnOnce(&mut Parked) -> VecDeque<Box<Job>>) {
        for job in freed(&mut self.parked) {
            self.window.again(job);
        }
    }

    fn next_retry(&self) -> Option<Instant> {
        self.retries.first_key_value().map(|((moment, _), _)| *moment)
    }

    fn retry_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.retries.first_entry() {
            if entry.key().0 > now {
                break;
            }
            self.window.again(entry.remove());
        }
    }

    /// Sorts what landed: done with, to be tried again at once behind a closed gate, or later.
    async fn settle<S: Source, P: Publisher>(&mut self, lane: &Lane<S, P>, all: Vec<Landed>) {
        let mut published = Vec::with_capacity(all.len());
        lane.measures.publishing.sub(all.len() as i64);
        let mut landing = Landing::now(self.feed);
        for landed in all {
            match landing.judge(lane, landed).await {
                Outcome::Published(job) => {
                    published.push(job.sequence);
                    self.free(|parked| parked.pass(&job));
                    self.window.finish(&job);
                }
                Outcome::Buried(job) => {
                    self.free(|parked| parked.leave(&job));
                    self.window.finish(&job);
                }
                Outcome::Again(job) => self.window.again(job),
                Outcome::Later(job, pause) => {
                    self.free(|parked| parked.leave(&job));
                    self.retry_after(job, pause);
                }
                Outcome::Parked(job) => {
                    if let Some(mut job) = self.parked.fail(job) {
                        let pause = next_pause(lane, &mut job);
                        self.retry_after(job, pause);
                    }
                }
            }
        }
        landing.count(lane);
        // The claim came back empty while it could not reach further: there is room now.
        if self.idle && (self.feed != Feed::Live || self.position < self.tip) {
            self.idle = false;
        }
        if published.is_empty() {
            return;
        }
        if let Err(error) = lane.source.ack(self.feed, published).await {
            tracing::warn!(sink = &*lane.sink, %error, "published events could not be acknowledged; they go out again");
        }
    }
}
