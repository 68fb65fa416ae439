//! Whether a lane publishes: one gate for all its feeds, so that a broker that is down is asked by one, not by all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use prometheus::IntGauge;
use serde::Serialize;
use tokio::sync::watch;

use crate::event::Timestamp;

/// What may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneState {
    /// Nothing yet: the broker was not reached since the start.
    Starting,
    /// As much as the window holds.
    Open,
    /// One event, to see whether it gets through: the broker answers again.
    Trying,
    /// Nothing: the broker is down, or does not let us in.
    Closed,
}

/// A failure, as status pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LaneError {
    pub(super) code: &'static str,
    /// What is wrong and what to do.
    pub(super) reason: String,
    /// When it was met last, RFC 3339.
    pub(super) at: String,
}

/// The gate of one lane.
pub(super) struct Gate {
    sink: String,
    state: watch::Sender<LaneState>,
    up: IntGauge,
    last_error: Mutex<Option<LaneError>>,
    /// An event failed although the broker may have answered, and none got through since.
    in_vain: AtomicBool,
}

impl Gate {
    pub(super) fn new(sink: &str, up: IntGauge) -> Self {
        up.set(0);
        Gate {
            sink: sink.to_owned(),
            state: watch::Sender::new(LaneState::Starting),
            up,
            last_error: Mutex::default(),
            in_vain: AtomicBool::new(false),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<LaneState> {
        self.state.subscribe()
    }

    pub(super) fn state(&self) -> LaneState {
        *self.state.borrow()
    }

    pub(super) fn last_error(&self) -> Option<LaneError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The broker answers. Where events failed before, that proves little: one has to get through first.
    pub(super) fn answers(&self) {
        if self.in_vain.load(Ordering::Acquire) {
            self.turn(LaneState::Trying, |state| state != LaneState::Open);
            self.up.set(1);
        } else {
            self.open();
        }
    }

    /// An event got through.
    pub(super) fn open(&self) {
        // Called for every event: no lock is taken while nothing changes.
        if self.state() == LaneState::Open {
            return;
        }
        self.in_vain.store(false, Ordering::Release);
        self.turn(LaneState::Open, |_| true);
        self.up.set(1);
        tracing::info!(sink = self.sink, "the sink takes events");
    }

    /// An event failed in a way that concerns all.
    pub(super) fn fail(&self, code: &'static str, reason: &str) {
        self.in_vain.store(true, Ordering::Release);
        self.close(code, reason);
    }

    /// No event gets through.
    pub(super) fn close(&self, code: &'static str, reason: &str) {
        let known = self.remember(code, reason);
        let before = self.turn(LaneState::Closed, |_| true);
        self.up.set(0);
        // Once a trouble, not once a try.
        if before != Some(LaneState::Closed) || !known {
            tracing::warn!(sink = self.sink, code, reason, "the sink is down; events wait in the spool");
        }
    }

    /// Keeps an error for the status. Whether the one before was of the same kind.
    pub(super) fn remember(&self, code: &'static str, reason: &str) -> bool {
        let at = Timestamp::now().to_rfc3339();
        let error = LaneError { code, reason: reason.to_owned(), at };
        let before = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).replace(error);
        before.is_some_and(|before| before.code == code)
    }

    /// Changes the state where `allowed`; what it was, when it was changed or stays the same.
    fn turn(&self, to: LaneState, allowed: impl Fn(LaneState) -> bool) -> Option<LaneState> {
        let mut before = None;
        self.state.send_if_modified(|state| {
            if !allowed(*state) {
                return false;
            }
            before = Some(*state);
            let changed = *state != to;
            *state = to;
            changed
        });
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new("s", IntGauge::new("up", "up").unwrap())
    }

    #[test]
    fn a_broker_that_answers_is_believed_until_an_event_failed() {
        let gate = gate();
        assert_eq!((gate.state(), gate.up.get()), (LaneState::Starting, 0));
        gate.close("connection", "refused");
        assert_eq!((gate.state(), gate.up.get()), (LaneState::Closed, 0));
        gate.answers();
        assert_eq!((gate.state(), gate.up.get()), (LaneState::Open, 1));
        assert_eq!(gate.last_error().map(|error| error.reason), Some("refused".to_owned()));
        gate.fail("timeout", "no answer");
        gate.answers();
        assert_eq!((gate.state(), gate.up.get()), (LaneState::Trying, 1));
        gate.open();
        gate.close("connection", "refused");
        gate.answers();
        assert_eq!(gate.state(), LaneState::Open);
    }

    #[test]
    fn watchers_hear_of_changes_only() {
        let gate = gate();
        let mut watcher = gate.watch();
        gate.close("connection", "refused");
        assert!(watcher.has_changed().unwrap());
        watcher.mark_unchanged();
        gate.close("connection", "refused again");
        assert!(!watcher.has_changed().unwrap());
    }
}
