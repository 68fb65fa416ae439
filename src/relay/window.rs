//! What a feed has claimed and not yet seen acknowledged: which record may go next, and which has to wait for its
//! entity. Pure: no time, no tasks.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::event::Timestamp;
use crate::sink::Publication;
use crate::spool::Feed;

/// What stands for an entity's id: two that come out alike only wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Entity(u64);

impl Entity {
    pub(super) fn of(id: &str) -> Self {
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Entity(KEYS.hash_one(id))
    }
}

/// Hashes what nobody outside can choose: the spool's own numbers, and what has been hashed with a secret already.
type Numbers = foldhash::fast::RandomState;

/// A record on its way. Boxed, since it changes places often.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) sequence: u64,
    /// Records of one entity go one after the other; those without an entity have no order to keep.
    pub(super) entity: Option<Entity>,
    pub(super) received_at: Timestamp,
    pub(super) publication: Publication,
    /// The tries so far; boxed, since most need only one.
    pub(super) pauses: Option<Box<super::backoff::Pauses>>,
}

/// What one claim found, oldest first. Each goes its own way from here on: unboxed, it would be moved twice more.
pub(super) type Claimed = Vec<Box<Job>>;

impl Job {
    fn weight(&self) -> usize {
        // Headers, key and what holds it all: about so much.
        self.publication.parcel.payload().len() + 1_024
    }
}

/// The claimed records of one feed.
#[derive(Debug)]
pub(super) struct Window {
    /// Free to go since they were claimed, oldest first.
    fresh: VecDeque<Box<Job>>,
    /// Free to go after they had to wait, for another try or for their entity.
    freed: BTreeMap<u64, Box<Job>>,
    /// The entities that are under way, and what waits behind each: behind most nothing does.
    #[expect(clippy::box_collection, reason = "the map is a quarter as large, and few entities have any")]
    busy: HashMap<Entity, Option<Box<VecDeque<Box<Job>>>>, Numbers>,
    /// How many are claimed and not finished.
    open: usize,
    /// Which these are, on a feed whose claims may find one of them again.
    known: Option<HashSet<u64, Numbers>>,
    weight: usize,
    reach: usize,
}

/// How much claimed records may weigh before no more are claimed.
const HEAVIEST: usize = 16 << 20;

/// How many records may be claimed for each one that may be under way: so that a hot entity does not stop the others.
const REACH: usize = 4;

impl Window {
    /// For a lane with so many events under way at once.
    pub(super) fn new(width: usize, feed: Feed) -> Self {
        // The claims of the other feeds only go on.
        let known = matches!(feed, Feed::Requeued).then(HashSet::default);
        Window {
            fresh: VecDeque::new(),
            freed: BTreeMap::new(),
            busy: HashMap::default(),
            open: 0,
            known,
            weight: 0,
            reach: width.saturating_mul(REACH).max(64),
        }
    }

    /// How many more may be claimed.
    pub(super) fn room(&self) -> usize {
        if self.weight >= HEAVIEST { 0 } else { self.reach.saturating_sub(self.open) }
    }

    /// Takes in claimed records, oldest first. One that is there already is left out.
    pub(super) fn admit(&mut self, jobs: Claimed) {
        for job in jobs {
            if self.known.as_mut().is_none_or(|known| known.insert(job.sequence)) {
                self.open += 1;
                self.weight += job.weight();
                self.place(job);
            }
        }
    }

    /// The oldest record that may go.
    pub(super) fn next(&mut self) -> Option<Box<Job>> {
        let freed = self.freed.first_key_value().map(|(sequence, _)| *sequence);
        match (self.fresh.front(), freed) {
            (Some(fresh), Some(freed)) if freed < fresh.sequence => {
                self.freed.pop_first().map(|(_, job)| job)
            }
            (Some(_), _) => self.fresh.pop_front(),
            (None, _) => self.freed.pop_first().map(|(_, job)| job),
        }
    }

    /// How many may go.
    pub(super) fn ready(&self) -> usize {
        self.fresh.len() + self.freed.len()
    }

    /// A record that was under way may try again. Its entity stays busy with it.
    pub(super) fn again(&mut self, job: Box<Job>) {
        self.freed.insert(job.sequence, job);
    }

    /// A record is done with: its entity's next one may go.
    pub(super) fn finish(&mut self, job: &Job) {
        if let Some(known) = &mut self.known {
            known.remove(&job.sequence);
        }
        self.open = self.open.saturating_sub(1);
        self.weight = self.weight.saturating_sub(job.weight());
        let Some(entity) = job.entity else { return };
        let Entry::Occupied(mut busy) = self.busy.entry(entity) else { return };
        match busy.get_mut().as_mut().and_then(|waiting| waiting.pop_front()) {
            Some(next) => drop(self.freed.insert(next.sequence, next)),
            None => drop(busy.remove()),
        }
    }

    /// Whether nothing is claimed.
    pub(super) fn is_empty(&self) -> bool {
        self.open == 0
    }

    fn place(&mut self, job: Box<Job>) {
        if let Some(entity) = job.entity {
            match self.busy.entry(entity) {
                Entry::Occupied(mut busy) => return busy.get_mut().get_or_insert_default().push_back(job),
                Entry::Vacant(idle) => idle.insert(None),
            };
        }
        match self.fresh.back() {
            // What was sent back for another try may lie anywhere.
            Some(last) if last.sequence > job.sequence => drop(self.freed.insert(job.sequence, job)),
            _ => self.fresh.push_back(job),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::job;
    use crate::sink::Parcel;

    fn window(jobs: &[(u64, &str)]) -> Window {
        let mut window = Window::new(16, Feed::Requeued);
        window.admit(jobs.iter().map(|(sequence, entity)| job(*sequence, entity)).collect());
        window
    }

    #[test]
    fn one_record_an_entity_and_the_oldest_first() {
        let mut window = window(&[(1, "a"), (2, "a"), (3, "b"), (4, "a")]);
        let first = window.next().unwrap();
        let second = window.next().unwrap();
        assert_eq!((first.sequence, second.sequence), (1, 3));
        assert!(window.next().is_none());
        window.finish(&second);
        assert!(window.next().is_none());
        window.finish(&first);
        assert_eq!(window.next().map(|job| job.sequence), Some(2));
    }

    #[test]
    fn a_record_that_tries_again_keeps_its_entity_waiting() {
        let mut window = window(&[(1, "a"), (2, "a")]);
        let first = window.next().unwrap();
        window.again(first);
        let again = window.next().unwrap();
        assert_eq!(again.sequence, 1);
        assert!(window.next().is_none());
        window.finish(&again);
        assert_eq!(window.next().map(|job| job.sequence), Some(2));
    }

    #[test]
    fn records_without_an_entity_do_not_wait_for_each_other() {
        let mut window = window(&[(1, ""), (2, "")]);
        assert!(window.next().is_some() && window.next().is_some());
    }

    #[test]
    fn a_record_claimed_twice_is_taken_once() {
        let mut window = window(&[(1, "a"), (2, "b")]);
        window.admit(vec![job(1, "a"), job(3, "c")]);
        let taken: Vec<u64> = std::iter::from_fn(|| window.next()).map(|job| job.sequence).collect();
        assert_eq!(taken, [1, 2, 3]);
    }

    #[test]
    fn the_oldest_goes_first_wherever_it_comes_from() {
        let mut window = window(&[(5, "a"), (6, "a"), (9, "b")]);
        window.admit(vec![job(2, "c"), job(7, "")]);
        let first = window.next().unwrap();
        let fifth = window.next().unwrap();
        assert_eq!((first.sequence, fifth.sequence), (2, 5));
        window.finish(&fifth);
        window.again(first);
        let rest: Vec<u64> = std::iter::from_fn(|| window.next()).map(|job| job.sequence).collect();
        assert_eq!((rest, window.ready()), (vec![2, 6, 7, 9], 0));
    }

    #[test]
    fn claims_are_bounded_by_count_and_weight() {
        let mut window = Window::new(16, Feed::Live);
        assert_eq!(window.room(), 64);
        window.admit((1..=60).map(|sequence| job(sequence, "a")).collect());
        assert_eq!(window.room(), 4);
        let mut heavy = job(61, "b");
        heavy.publication.parcel = Parcel::new("", "", &"x".repeat(HEAVIEST));
        window.admit(vec![heavy]);
        assert_eq!(window.room(), 0);
        window.next().unwrap();
        let heavy = window.next().unwrap();
        window.finish(&heavy);
        assert_eq!(window.room(), 4);
    }
}
