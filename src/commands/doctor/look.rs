//! A look at one thing, on a thread of its own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::report::Row;
use crate::finding::Finding;

/// How long all looks together may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A look that has begun.
pub(super) struct Look {
    check: String,
    found: Receiver<Vec<Finding>>,
}

impl Look {
    /// Begins to look.
    pub(super) fn start(
        check: impl Into<String>,
        look: impl FnOnce() -> Vec<Finding> + Send + 'static,
    ) -> Self {
        let (sender, found) = sync_channel(1);
        // A look that was given up has nobody to tell. Where no thread can be had, the sender is gone at once.
        let _ = std::thread::Builder::new().spawn(move || sender.send(look()));
        Look { check: check.into(), found }
    }

    fn end(self, deadline: Instant) -> Vec<Row> {
        let left = deadline.saturating_duration_since(Instant::now());
        let found = self.found.recv_timeout(left).unwrap_or_else(|error| vec![given_up(error)]);
        found.into_iter().map(|finding| Row::new(&self.check, finding)).collect()
    }
}

fn given_up(error: RecvTimeoutError) -> Finding {
    match error {
        RecvTimeoutError::Timeout => Finding::error(
            format!("did not answer within {} seconds", PATIENCE.as_secs()),
            "see what hangs there: a disk, a name server, a network file system",
        ),
        RecvTimeoutError::Disconnected => {
            Finding::error("the look failed", "that is a mistake of this program: please report it")
        }
    }
}

/// What all looks found, in their order.
pub(super) fn all(looks: Vec<Look>) -> Vec<Row> {
    let deadline = Instant::now() + PATIENCE;
    looks.into_iter().flat_map(|look| look.end(deadline)).collect()
}

/// The answer to a question, unless it takes too long.
pub(super) fn within<T: Send + 'static>(
    patience: Duration,
    ask: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, answer) = sync_channel(1);
    let _ = std::thread::Builder::new().spawn(move || sender.send(ask()));
    answer.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn a_look_that_hangs_or_fails_is_a_finding_and_holds_up_no_other() {
        let (hold, held) = sync_channel::<()>(0);
        let hanging = Look::start("hanging", move || {
            let _ = held.recv();
            Vec::new()
        });
        let good = Look::start("good", || vec![Finding::ok("fine")]);
        let failing = Look::start("failing", || panic!("on purpose"));
        let rows = |look: Look, deadline| look.end(deadline).pop().unwrap();
        let later = Instant::now() + PATIENCE;
        assert_eq!(rows(good, later).level(), Level::Ok);
        assert_eq!(rows(failing, later).level(), Level::Error);
        assert_eq!(rows(hanging, Instant::now()).level(), Level::Error);
        drop(hold);
    }
}
