//! Brings each notice to the sender, in a task of its own: one that waits for its next attempt holds up no other.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use super::ServeError;
use super::screen::Screen;
use crate::sim::ledger::{Ledger, Summary};
use crate::sim::notice::{Notice, Status};
use crate::sim::plivo::Due;
use crate::sim::sender::Sender;

/// How many notices may be under way, pauses between attempts included. While there are more the clock stands still.
const UNDER_WAY: usize = 10_000;

/// What sends, and where it is written down.
pub(super) struct Post {
    pub sender: Sender,
    pub ledger: Ledger,
}

/// Brings notices to the sender, or only says that they are owed.
pub(super) struct Dispatch {
    screen: Screen,
    post: Option<Post>,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Those that wait for their request's end, which is to come before them, by its number.
    held: HashMap<u64, Notice>,
}

impl Dispatch {
    pub(super) fn new(screen: Screen, post: Option<Post>) -> Self {
        let room = Arc::new(Semaphore::new(UNDER_WAY));
        Dispatch { screen, post, room, tasks: TaskTracker::new(), held: HashMap::new() }
    }

    /// Where it is written down what is sent.
    pub(super) fn ledger(&self) -> Option<Ledger> {
        self.post.as_ref().map(|post| post.ledger.clone())
    }

    /// Takes the next step once there is room; whether there was one. Nothing is lost when it is dropped before.
    pub(super) async fn take(&mut self, steps: &mut mpsc::Receiver<Due>) -> io::Result<bool> {
        // Never closed.
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return Ok(false) };
        let Some(due) = steps.recv().await else { return Ok(false) };
        if let Some(notice) = &due.notice {
            self.screen.owed(notice)?;
        }
        self.go(due, room);
        Ok(true)
    }

    /// Takes what is left, lets attempts end, and waits for the last.
    pub(super) async fn finish(
        mut self,
        mut steps: mpsc::Receiver<Due>,
    ) -> Result<Option<Summary>, ServeError> {
        if let Some(post) = &self.post {
            post.sender.stop();
        }
        while self.take(&mut steps).await? {}
        for (_, notice) in std::mem::take(&mut self.held) {
            if let Ok(room) = Arc::clone(&self.room).acquire_owned().await {
                self.send(vec![(notice, false)], room);
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
        let Some(Post { sender, ledger }) = self.post else { return Ok(None) };
        sender.finish().await?;
        ledger.finish().map(Some).map_err(ServeError::Ledger)
    }

    fn go(&mut self, Due { turn, notice }: Due, room: OwnedSemaphorePermit) {
        let Some(post) = &self.post else { return };
        let earlier = self.held.remove(&turn);
        match (notice, earlier) {
            (Some(notice), Some(earlier)) => self.send(vec![(notice, false), (earlier, true)], room),
            // What it was about is gone before its end: nothing comes that could overtake it.
            (None, Some(earlier)) => self.send(vec![(earlier, false)], room),
            (Some(notice), None)
                if notice.status == Status::Created && post.sender.chaos().is_reordered(notice.number) =>
            {
                // Of these alone is it certain that another step comes.
                self.held.insert(turn, notice);
            }
            (Some(notice), None) => self.send(vec![(notice, false)], room),
            (None, None) => {}
        }
    }

    /// One after the other; each says whether it is out of its turn.
    fn send(&self, notices: Vec<(Notice, bool)>, room: OwnedSemaphorePermit) {
        let Some(post) = &self.post else { return };
        let (sender, screen) = (post.sender.clone(), self.screen);
        self.tasks.spawn(async move {
            for (notice, reordered) in notices {
                screen.sent(&sender.send(notice, None, reordered).await);
            }
            drop(room);
        });
    }
}
