//! The room that a feed takes in its lane for what it has under way.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit for all of a feed's events that are under way, which grows and shrinks with them: a permit for each would
/// cost two locks an event. What is held is given back with this.
pub(super) struct Room {
    lane: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// None taken yet.
    pub(super) fn of(lane: &Arc<Semaphore>) -> Self {
        Room { lane: Arc::clone(lane), held: None }
    }

    /// Takes room for so many events, or for as many as there is room for; for how many.
    pub(super) fn take(&mut self, wanted: usize) -> usize {
        loop {
            let free = self.lane.available_permits().min(wanted);
            let Some(count) = u32::try_from(free).ok().filter(|count| *count > 0) else { return 0 };
            // Another feed may have been faster.
            if let Ok(taken) = Arc::clone(&self.lane).try_acquire_many_owned(count) {
                match &mut self.held {
                    Some(held) => held.merge(taken),
                    None => self.held = Some(taken),
                }
                return free;
            }
        }
    }

    /// Gives the room of so many events back.
    pub(super) fn give_back(&mut self, count: usize) {
        drop(self.held.as_mut().and_then(|held| held.split(count)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_share_a_lanes_room() {
        let lane = Arc::new(Semaphore::new(5));
        let (mut one, mut other) = (Room::of(&lane), Room::of(&lane));
        assert_eq!((one.take(3), other.take(3), one.take(1), other.take(0)), (3, 2, 0, 0));
        one.give_back(2);
        assert_eq!(other.take(9), 2);
        drop(other);
        assert_eq!(one.take(9), 4);
        one.give_back(5);
        drop(one);
        assert_eq!(lane.available_permits(), 5);
    }
}
