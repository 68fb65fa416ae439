//! What is known in memory of each lane. Acknowledgements land here at once; the writer saves them with its next
//! commit, or shortly after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::cursor::{Cursor, REACH};
use super::{Feed, Lag, Only};
use crate::event::Timestamp;

/// One configured sink's place in the spool.
#[derive(Debug)]
pub(super) struct Lane {
    /// The sink's name.
    pub(super) name: String,
    /// Whether a full spool waits for it.
    pub(super) required: bool,
    state: Mutex<LaneState>,
    feeds: watch::Sender<Arc<Vec<Feed>>>,
}

/// The part that changes.
#[derive(Debug, Clone, Default)]
pub(super) struct LaneState {
    /// The cursor of the live feed.
    pub(super) live: Cursor,
    /// The unfinished replays.
    pub(super) replays: BTreeMap<u64, Replay>,
    /// Rows of `requeued`.
    pub(super) requeued: u64,
    /// Those of them that are acknowledged and not yet deleted.
    pub(super) requeued_done: BTreeSet<u64>,
    /// Dead letters.
    pub(super) dead: u64,
    /// Whether there is something to save.
    pub(super) dirty: bool,
    /// The oldest open record and when it was received, as last looked up.
    pub(super) oldest: Option<(u64, Timestamp)>,
}

/// A range that is published again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replay {
    /// How far it has come.
    pub(super) cursor: Cursor,
    /// Its last record.
    pub(super) last: u64,
    /// Which records of its range it is about.
    pub(super) only: Only,
}

impl Replay {
    /// Whether all of it is published.
    pub(super) fn finished(&self) -> bool {
        self.cursor.low() >= self.last
    }
}

/// What a claim may look at.
pub(super) struct Plan {
    /// Above this.
    pub(super) after: u64,
    /// Up to this.
    pub(super) until: u64,
    /// What is acknowledged in between.
    pub(super) acked: Cursor,
    /// Which records of the range are wanted.
    pub(super) only: Only,
}

/// What the writer has to save for a lane.
pub(super) struct Unsaved {
    pub(super) live: Cursor,
    pub(super) replays: Vec<(u64, Replay)>,
    pub(super) requeued_done: Vec<u64>,
}

impl Lane {
    /// A lane as it was read from disk.
    pub(super) fn new(name: String, required: bool, state: LaneState) -> Self {
        let feeds = watch::Sender::new(Arc::new(feeds_of(&state)));
        Lane { name, required, state: Mutex::new(state), feeds }
    }

    /// What there is to read, for [`super::LaneHandle::feeds`].
    pub(super) fn feeds(&self) -> watch::Receiver<Arc<Vec<Feed>>> {
        self.feeds.subscribe()
    }

    /// Looks at the state.
    pub(super) fn read<T>(&self, look: impl FnOnce(&LaneState) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and tells the lane when its feeds changed.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut LaneState) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        let feeds = feeds_of(&state);
        drop(state);
        self.feeds.send_if_modified(|current| {
            let changed = **current != feeds;
            if changed {
                *current = Arc::new(feeds);
            }
            changed
        });
        result
    }

    /// Acknowledges records on a feed. Whether there is now something to save.
    pub(super) fn ack(&self, feed: Feed, sequences: &[u64], tip: u64) -> bool {
        let mut sequences: Vec<u64> = sequences.iter().copied().filter(|sequence| *sequence <= tip).collect();
        sequences.sort_unstable();
        self.update(|state| {
            for run in sequences.chunk_by(|one, next| next - one <= 1) {
                state.dirty |= state.ack(feed, run[0], run[run.len() - 1]);
            }
            state.dirty
        })
    }

    /// Acknowledges a range in which there are no records.
    pub(super) fn ack_gap(&self, feed: Feed, first: u64, last: u64) {
        self.update(|state| state.dirty |= state.ack(feed, first, last));
    }

    /// A record became a dead letter, on disk already; `new` when it was none before.
    pub(super) fn bury(&self, feed: Feed, sequence: u64, new: bool) {
        self.update(|state| {
            state.dead += u64::from(new);
            match feed {
                Feed::Requeued => state.requeued = state.requeued.saturating_sub(1),
                Feed::Live | Feed::Replay(_) => state.dirty |= state.ack(feed, sequence, sequence),
            }
        });
    }

    /// Passes over everything up to `until`; how many live records were open.
    pub(super) fn skip(&self, until: u64) -> u64 {
        self.update(|state| {
            let passed = state.live.open_until(until);
            state.live.ack_range(1, until);
            for replay in state.replays.values_mut() {
                replay.cursor.ack_range(1, until.min(replay.last));
            }
            state.dirty = true;
            passed
        })
    }

    /// What a claim on `feed` after `after` may look at; `None` when there is nothing.
    pub(super) fn plan(&self, feed: Feed, after: u64, tip: u64) -> Option<Plan> {
        self.read(|state| {
            let (cursor, last, only) = match feed {
                Feed::Live => (&state.live, tip, Only::default()),
                Feed::Replay(number) => {
                    let replay = state.replays.get(&number)?;
                    (&replay.cursor, replay.last.min(tip), replay.only.clone())
                }
                Feed::Requeued => return None,
            };
            let after = after.max(cursor.low());
            let until = last.min(cursor.low().saturating_add(REACH));
            (after < until).then(|| Plan { after, until, acked: cursor.clone(), only })
        })
    }

    /// What has to be saved, marked as being saved.
    pub(super) fn take_unsaved(&self) -> Option<Unsaved> {
        let mut state = self.lock();
        std::mem::take(&mut state.dirty).then(|| Unsaved {
            live: state.live.clone(),
            replays: state.replays.iter().map(|(number, replay)| (*number, replay.clone())).collect(),
            requeued_done: state.requeued_done.iter().copied().collect(),
        })
    }

    /// It is saved.
    pub(super) fn saved(&self, unsaved: &Unsaved) {
        self.update(|state| {
            for sequence in &unsaved.requeued_done {
                if state.requeued_done.remove(sequence) {
                    state.requeued = state.requeued.saturating_sub(1);
                }
            }
            for (number, replay) in &unsaved.replays {
                if replay.finished() {
                    state.replays.remove(number);
                }
            }
        });
    }

    /// It is not saved after all.
    pub(super) fn not_saved(&self) {
        self.lock().dirty = true;
    }

    /// How far the lane is behind. `look_up` finds the first record from a sequence on, and when it was received.
    pub(super) fn lag(&self, tip: u64, look_up: impl FnOnce(u64) -> Option<(u64, Timestamp)>) -> Lag {
        let (depth, cursor, known) =
            self.read(|state| (state.live.open_until(tip), state.live.low(), state.oldest));
        if depth == 0 {
            return Lag { depth, oldest: None, cursor };
        }
        let known = known.filter(|(sequence, _)| *sequence > cursor);
        let oldest = known.or_else(|| look_up(cursor + 1));
        self.lock().oldest = oldest;
        Lag { depth, oldest: oldest.map(|(_, at)| at), cursor }
    }

    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneState {
    /// Whether it changed anything.
    pub(super) fn ack(&mut self, feed: Feed, first: u64, last: u64) -> bool {
        match feed {
            Feed::Live => {
                let open = self.live.open_until(u64::MAX);
                self.live.ack_range(first, last);
                self.live.open_until(u64::MAX) != open
            }
            Feed::Replay(number) => {
                let Some(replay) = self.replays.get_mut(&number) else { return false };
                replay.cursor.ack_range(first, last.min(replay.last));
                true
            }
            Feed::Requeued => {
                self.requeued_done.extend(first..=last);
                true
            }
        }
    }

    /// Whether this record has still to be published, or to be published again.
    pub(super) fn waits_for(&self, sequence: u64) -> bool {
        let replayed = |replay: &Replay| sequence <= replay.last && !replay.cursor.contains(sequence);
        !self.live.contains(sequence) || self.replays.values().any(replayed)
    }

    /// Below and at this, nothing is waited for by this lane.
    pub(super) fn floor(&self) -> u64 {
        let replays = self.replays.values().map(|replay| replay.cursor.low());
        replays.fold(self.live.low(), u64::min)
    }
}

fn feeds_of(state: &LaneState) -> Vec<Feed> {
    let mut feeds = vec![Feed::Live];
    if state.requeued > state.requeued_done.len() as u64 {
        feeds.push(Feed::Requeued);
    }
    let open = state.replays.iter().filter(|(_, replay)| !replay.finished());
    feeds.extend(open.map(|(number, _)| Feed::Replay(*number)));
    feeds
}
