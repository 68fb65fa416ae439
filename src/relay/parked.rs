//! Records that wait for their topic: one of them tries, with pauses, on behalf of all. A topic that does not exist for
//! days costs a try now and then, however many wait.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::window::Job;

/// What waits, by topic.
#[derive(Debug, Default)]
pub(super) struct Parked {
    topics: HashMap<Arc<str>, Trouble>,
}

/// One topic that takes nothing.
#[derive(Debug)]
struct Trouble {
    /// The record that tries.
    scout: u64,
    waiting: VecDeque<Box<Job>>,
}

impl Parked {
    /// A record failed for its topic's sake: given back when it is the one to try again.
    pub(super) fn fail(&mut self, job: Box<Job>) -> Option<Box<Job>> {
        match self.topics.get_mut(&job.publication.topic) {
            Some(trouble) if trouble.scout != job.sequence => {
                trouble.waiting.push_back(job);
                None
            }
            Some(_) => Some(job),
            None => {
                let trouble = Trouble { scout: job.sequence, waiting: VecDeque::new() };
                self.topics.insert(Arc::clone(&job.publication.topic), trouble);
                Some(job)
            }
        }
    }

    /// A record got through: its topic takes what waited.
    pub(super) fn pass(&mut self, job: &Job) -> VecDeque<Box<Job>> {
        if self.topics.is_empty() {
            return VecDeque::new();
        }
        self.topics.remove(&job.publication.topic).map(|trouble| trouble.waiting).unwrap_or_default()
    }

    /// A record failed for another reason. Where it was the one to try, nobody knows about its topic any more.
    pub(super) fn leave(&mut self, job: &Job) -> VecDeque<Box<Job>> {
        let was_scout =
            self.topics.get(&job.publication.topic).is_some_and(|trouble| trouble.scout == job.sequence);
        if was_scout { self.pass(job) } else { VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::job;

    fn boxed(sequence: u64) -> Box<Job> {
        job(sequence, "")
    }

    fn sequences(jobs: VecDeque<Box<Job>>) -> Vec<u64> {
        jobs.into_iter().map(|job| job.sequence).collect()
    }

    #[test]
    fn the_first_to_fail_tries_for_all() {
        let mut parked = Parked::default();
        let scout = parked.fail(boxed(3)).unwrap();
        assert!(parked.fail(boxed(1)).is_none() && parked.fail(boxed(7)).is_none());
        let scout = parked.fail(scout).unwrap();
        let mut elsewhere = boxed(8);
        elsewhere.publication.topic = "other".into();
        assert!(parked.pass(&elsewhere).is_empty());
        assert_eq!(sequences(parked.pass(&scout)), [1, 7]);
        assert!(parked.pass(&scout).is_empty());
    }

    #[test]
    fn whoever_gets_through_frees_all_and_who_fails_otherwise_only_as_a_scout() {
        let mut parked = Parked::default();
        let scout = parked.fail(boxed(1)).unwrap();
        assert!(parked.fail(boxed(2)).is_none());
        assert!(parked.leave(&job(9, "")).is_empty());
        assert_eq!(sequences(parked.leave(&scout)), [2]);
        parked.fail(boxed(1)).unwrap();
        assert!(parked.fail(boxed(2)).is_none());
        assert_eq!(sequences(parked.pass(&job(9, ""))), [2]);
    }
}
