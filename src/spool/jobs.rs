//! What is handed to the writer, over one bounded channel.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use super::lanes::Lane;
use super::{AppendError, Change, ChangeDone, Feed, Outcome, Shared, SpoolError};
use crate::normalize::NormalizedCallback;

/// One thing for the writer to do.
pub(super) enum Job {
    /// Make a callback durable.
    Append(AppendJob),
    /// Make a record a dead letter.
    Dead(DeadJob),
    /// Do what an operator asked for.
    Change(Change, oneshot::Sender<Result<ChangeDone, SpoolError>>),
    /// There are acknowledgements to save, or a thread met a disk error.
    Wake,
    /// Save everything and end.
    Close(oneshot::Sender<()>),
}

/// A callback and who waits for it.
pub(super) struct AppendJob {
    pub(super) callback: Box<NormalizedCallback>,
    pub(super) reply: oneshot::Sender<Result<Outcome, AppendError>>,
}

/// A dead letter and who waits for it.
pub(super) struct DeadJob {
    pub(super) lane: Arc<Lane>,
    pub(super) feed: Feed,
    pub(super) sequence: u64,
    pub(super) code: &'static str,
    pub(super) reason: String,
    pub(super) reply: oneshot::Sender<Result<(), SpoolError>>,
}

/// The sending end.
#[derive(Clone)]
pub(super) struct Jobs(pub(super) mpsc::Sender<Job>);

impl Jobs {
    /// Hands over an append, or says at once that too many wait.
    pub(super) fn append(
        &self,
        callback: NormalizedCallback,
    ) -> Result<oneshot::Receiver<Result<Outcome, AppendError>>, AppendError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Append(AppendJob { callback: Box::new(callback), reply });
        match self.0.try_send(job) {
            Ok(()) => Ok(answer),
            Err(mpsc::error::TrySendError::Full(_)) => Err(AppendError::Overload),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(AppendError::Closed),
        }
    }

    /// Waits for room.
    pub(super) async fn send(&self, job: Job) -> Result<(), SpoolError> {
        self.0.send(job).await.map_err(|_| SpoolError::Closed)
    }

    /// Waits for room, on this thread.
    pub(super) fn send_blocking(&self, job: Job) -> Result<(), SpoolError> {
        self.0.blocking_send(job).map_err(|_| SpoolError::Closed)
    }

    /// Tells the writer that there is something to save, unless it was told already.
    pub(super) fn wake(&self, shared: &Shared) {
        if !shared.woken.swap(true, Ordering::AcqRel) {
            // A full queue means that it is awake.
            let _ = self.0.try_send(Job::Wake);
        }
    }

    /// Whether the writer has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
