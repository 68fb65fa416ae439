//! What is handed to the writer, over one bounded channel.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use super::lanes::Lane;
use super::{AppendError, ChangeDone, Feed, Order, Outcome, Shared, SpoolError};
use crate::normalize::NormalizedCallback;

/// One thing for the writer to do.
pub(super) enum Job {
    /// Make a callback durable.
    Append(AppendJob),
    /// Make a record a dead letter.
    Dead(DeadJob),
    /// Do what an operator asked for.
    Change(Box<Order>, oneshot::Sender<Changed>),
    /// There are acknowledgements to save, or a thread met a disk error.
    Wake,
    /// Save everything and end.
    Close(oneshot::Sender<()>),
}

/// A callback and who waits for it.
pub(super) struct AppendJob {
    pub(super) callback: Box<NormalizedCallback>,
    pub(super) reply: Reply,
}

/// What becomes of a change.
pub(super) type Changed = Result<ChangeDone, SpoolError>;

/// What becomes of an append.
pub(super) type Appended = Result<Outcome, AppendError>;

/// Who waits for an append.
pub(super) type Reply = oneshot::Sender<Told>;

/// An answer, and those of the same batch that have theirs still to come.
pub(super) struct Told {
    answer: Appended,
    others: Others,
}

impl Told {
    /// The answer for who was told; the others are told theirs.
    pub(super) fn pass_on(self) -> Appended {
        drop(self.others);
        self.answer
    }
}

/// Appends with their answers that nobody was told yet. However this ends, they are told.
struct Others(Vec<(Reply, Appended)>);

impl Drop for Others {
    fn drop(&mut self) {
        for (reply, answer) in self.0.drain(..) {
            // An error means that the request was given up; what was decided about it stands all the same.
            let _ = reply.send(Told { answer, others: Others(Vec::new()) });
        }
    }
}

/// Tells the answers of a batch. Only the first who still waits is woken from here, and tells the others: a wake-up
/// costs a change of threads from the writer's, and next to nothing within the runtime that waits.
pub(super) fn tell_all(answers: impl Iterator<Item = (Reply, Appended)>) {
    let mut others = Others(answers.collect());
    while let Some((reply, answer)) = others.0.pop() {
        match reply.send(Told { answer, others }) {
            Ok(()) => return,
            Err(given_up) => others = given_up.others,
        }
    }
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
    ) -> Result<oneshot::Receiver<Told>, AppendError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Who waits for each of three appends, told that the spool is closed.
    fn three() -> (Vec<(Reply, Appended)>, Vec<oneshot::Receiver<Told>>) {
        let channel = |_| {
            let (reply, answer) = oneshot::channel();
            ((reply, Err(AppendError::Closed)), answer)
        };
        (0..3).map(channel).unzip()
    }

    fn is_told(answer: &mut oneshot::Receiver<Told>) -> bool {
        answer.try_recv().is_ok_and(|told| told.pass_on().is_err())
    }

    #[test]
    fn one_is_woken_and_tells_the_others() {
        let (batch, mut waiting) = three();
        tell_all(batch.into_iter());
        let mut received =
            || waiting.iter_mut().filter_map(|answer| answer.try_recv().ok()).collect::<Vec<_>>();
        let first = received();
        assert_eq!(first.len(), 1);
        drop(first);
        assert_eq!(received().len(), 2);
    }

    #[test]
    fn who_gave_up_before_or_after_its_answer_keeps_nobody_waiting() {
        for given_up in 0..3 {
            let (batch, mut waiting) = three();
            drop(waiting.remove(given_up));
            tell_all(batch.into_iter());
            // Whichever of the two was told, it goes without looking at its answer.
            let mut last = waiting.remove(0);
            drop(waiting);
            assert!(is_told(&mut last), "{given_up}");

            let (batch, mut waiting) = three();
            tell_all(batch.into_iter());
            drop(waiting.remove(given_up));
            waiting.reverse();
            assert!(waiting.iter_mut().all(is_told), "{given_up}");
        }
    }
}
