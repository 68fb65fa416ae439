//! Whether a callback can be made durable now, and why not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{AppendError, SpoolHealth};

/// What stands in the way of appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The cap is reached and nothing may be deleted.
    Full,
    /// The disk is full.
    DiskFull,
    /// A disk error has not been overcome.
    Poisoned(String),
    /// The spool is closed.
    Closed,
}

/// Shared between the writer, who decides, and readiness, which asks.
#[derive(Debug)]
pub(super) struct Health {
    trouble: Mutex<Option<Trouble>>,
    /// What another thread met and the writer has not seen yet.
    reported: Mutex<Option<Trouble>>,
    bytes: AtomicU64,
    cap: u64,
}

impl Health {
    /// All is well.
    pub(super) fn new(cap: u64) -> Self {
        Health { trouble: Mutex::default(), reported: Mutex::default(), bytes: AtomicU64::new(0), cap }
    }

    /// For readiness.
    pub(super) fn report(&self) -> SpoolHealth {
        let trouble = self.trouble().or_else(|| lock(&self.reported).clone());
        SpoolHealth {
            writable: trouble.is_none(),
            reason: trouble.map(|trouble| trouble.reason()),
            bytes: self.bytes.load(Ordering::Relaxed),
            cap: self.cap,
        }
    }

    /// What stands in the way.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        lock(&self.trouble).clone()
    }

    /// Sets what stands in the way; whether that is news.
    pub(super) fn set(&self, trouble: Option<Trouble>) -> bool {
        let mut current = lock(&self.trouble);
        let news = *current != trouble;
        *current = trouble;
        news
    }

    /// Notes the bytes in use.
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Trouble met by another thread than the writer.
    pub(super) fn report_trouble(&self, trouble: Trouble) {
        *lock(&self.reported) = Some(trouble);
    }

    /// Takes the reported trouble.
    pub(super) fn take_reported(&self) -> Option<Trouble> {
        lock(&self.reported).take()
    }
}

impl Trouble {
    /// In words.
    fn reason(&self) -> String {
        match self {
            Trouble::Poisoned(error) => format!("{}: {error}", self.refusal()),
            _ => self.refusal().to_string(),
        }
    }

    /// The answer to an append.
    pub(super) fn refusal(&self) -> AppendError {
        match self {
            Trouble::Full => AppendError::Full,
            Trouble::DiskFull => AppendError::DiskFull,
            Trouble::Poisoned(_) => AppendError::Poisoned,
            Trouble::Closed => AppendError::Closed,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
