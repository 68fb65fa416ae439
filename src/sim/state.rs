//! What the API and the clock share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::accounts::Accounts;
use super::plivo::{Due, Plivo};

/// A simulated Plivo that runs.
#[derive(Debug)]
pub struct State {
    /// Who may call.
    pub accounts: Accounts,
    plivo: Mutex<Plivo>,
    began: Instant,
    changed: Notify,
}

impl State {
    /// Time begins now.
    pub fn new(accounts: Accounts, plivo: Plivo) -> Self {
        State { accounts, plivo: Mutex::new(plivo), began: Instant::now(), changed: Notify::new() }
    }

    /// Does something to it at the present moment.
    pub fn with<T>(&self, act: impl FnOnce(&mut Plivo, Duration) -> T) -> T {
        // What panics here has broken no promise that a later request relies on.
        let mut plivo = self.plivo.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut plivo, self.began.elapsed());
        drop(plivo);
        self.changed.notify_one();
        done
    }

    /// The next step that is due.
    pub(super) fn step(&self) -> Option<Due> {
        let mut plivo = self.plivo.lock().unwrap_or_else(PoisonError::into_inner);
        plivo.step(self.began.elapsed())
    }

    /// When the next step is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let plivo = self.plivo.lock().unwrap_or_else(PoisonError::into_inner);
        plivo.next_due().and_then(|due| self.began.checked_add(due))
    }

    /// Returns once a request may have put a step on the schedule.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
