//! What is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Things in the order in which they fall due; of those due together, the one that was put on first.
#[derive(Debug)]
pub struct Schedule<T> {
    waiting: BinaryHeap<Reverse<Entry<T>>>,
    next: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: Duration,
    number: u64,
    thing: T,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Schedule { waiting: BinaryHeap::new(), next: 0 }
    }
}

impl<T> Schedule<T> {
    /// Puts it on.
    pub fn put(&mut self, due: Duration, thing: T) {
        self.waiting.push(Reverse(Entry { due, number: self.next, thing }));
        self.next += 1;
    }

    /// Takes the first off, with its time, if that has come by `now`.
    pub fn take_due(&mut self, now: Duration) -> Option<T> {
        if self.next_due()? > now {
            return None;
        }
        self.waiting.pop().map(|Reverse(entry)| entry.thing)
    }

    /// When the first falls due.
    pub fn next_due(&self) -> Option<Duration> {
        self.waiting.peek().map(|Reverse(entry)| entry.due)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl<T> Entry<T> {
    fn key(&self) -> (Duration, u64) {
        (self.due, self.number)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_and_then_by_turn() {
        let mut schedule = Schedule::default();
        for (seconds, name) in [(2, "c"), (1, "a"), (1, "b"), (9, "late")] {
            schedule.put(Duration::from_secs(seconds), name);
        }
        let mut due = Vec::new();
        while let Some(name) = schedule.take_due(Duration::from_secs(2)) {
            due.push(name);
        }
        assert_eq!(due, ["a", "b", "c"]);
        assert_eq!((schedule.len(), schedule.next_due()), (1, Some(Duration::from_secs(9))));
    }
}
