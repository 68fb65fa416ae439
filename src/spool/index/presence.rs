//! Which keys the index may hold: what spares nearly every new callback three looks at memory and at the disk.
//!
//! A filter that says "not there" is always right; one that says "maybe" costs a look. What is in the tables is read into
//! one by a thread of its own (see `scan`), and what is learned is added to others as it comes. Until the tables were
//! read for the first time every look is taken.
//!
//! # Renewal
//!
//! Nothing can be taken out of a filter, although the ledger forgets. So that they do not grow for as long as the relay
//! runs, they are made anew once as much was learned as there was, beside those in use:
//!
//! 1. From one sealing of the index on, what is learned is collected in new filters as well.
//! 2. At the next sealing all that was learned before the first one is in the tables: they are read.
//! 3. What was read and what was collected take the place of the old filters.

use std::hash::BuildHasher;
use std::sync::mpsc::{self, Receiver, TryRecvError};

use fastbloom::BloomFilter;
use foldhash::quality::RandomState;

use super::scan::Scan;

/// Bits for each key that a filter is made for, and how many of them a key sets: "maybe" is then wrong for one in 200. With
/// more hashes fewer bits would do, but each hash is a line of memory to wait for.
const BITS: usize = 16;
const HASHES: u32 = 3;

/// The most keys that a filter is made for: 32 MiB. With more of them, "maybe" is wrong more often: one in 50 with twice as
/// many.
const MOST: usize = 1 << 24;

/// How many keys that are learned find room beside those of the tables, and in the first filter after that: 2 MiB. Each
/// further one is made for four times as many.
const FIRST: usize = 1 << 20;

/// However little there was, so many times `FIRST` is learned before the tables are read again; however much, no more than
/// `MOST`.
const LITTLE: usize = 4;

/// What may be there.
#[derive(Debug)]
pub(super) struct Presence {
    /// Nothing is ruled out before the tables were read.
    known: Option<Filters>,
    next: Next,
    /// One hash of a key serves all filters.
    hasher: RandomState,
    first: usize,
}

/// What was in the tables when they were read, with some of what was learned since, and the rest of that.
#[derive(Debug)]
struct Filters {
    tables: Layer,
    learned: Learned,
}

/// The filters that come next.
#[derive(Debug)]
enum Next {
    /// Not yet.
    None,
    /// What is learned is collected for them.
    Collecting(Learned),
    /// And the tables are read.
    Reading(Learned, Receiver<Layer>),
}

/// Filters of what is learned.
#[derive(Debug, Default)]
struct Learned {
    layers: Vec<Layer>,
    keys: usize,
}

/// A filter.
#[derive(Debug)]
pub(super) struct Layer {
    filter: BloomFilter,
    /// How many keys it was given that it did not hold.
    keys: usize,
    /// How many more keys it is made for.
    room: usize,
}

impl Default for Presence {
    /// Of tables that were not read yet.
    fn default() -> Self {
        Presence::with_first(FIRST)
    }
}

impl Presence {
    fn with_first(first: usize) -> Self {
        let next = Next::Collecting(Learned::default());
        Presence { known: None, next, hasher: RandomState::default(), first }
    }

    /// Of tables that are empty, and with filters for so many keys.
    #[cfg(test)]
    pub(super) fn of_nothing(first: usize) -> Self {
        let mut presence = Presence::with_first(first);
        assert!(presence.begin(0).is_none());
        presence
    }

    /// Whether memory or the tables may hold the key. `false` is certain.
    pub(super) fn may_hold(&self, key: &[u8]) -> bool {
        self.known.as_ref().is_none_or(|known| known.may_hold(self.hasher.hash_one(key)))
    }

    /// From now on it may be there.
    pub(super) fn add(&mut self, key: &[u8]) {
        let hash = self.hasher.hash_one(key);
        if let Some(known) = &mut self.known {
            known.add(hash, self.first);
        }
        if let Next::Collecting(learned) | Next::Reading(learned, _) = &mut self.next {
            learned.add(hash, self.first);
        }
    }

    /// At the start, when what is in memory was added: how to find out what is in the tables, where there are so many rows.
    pub(super) fn begin(&mut self, rows: u64) -> Option<Scan> {
        if rows > 0 {
            return self.read(rows);
        }
        if let Next::Collecting(learned) = std::mem::replace(&mut self.next, Next::None) {
            self.known = Some(Filters { tables: Layer::with_room(self.first), learned });
        }
        None
    }

    /// When what was in memory has been sealed, and what was sealed before is in the tables: how to find out what that is,
    /// when it is time.
    pub(super) fn turn(&mut self, rows: u64) -> Option<Scan> {
        match &self.next {
            Next::None if self.is_worn() => self.next = Next::Collecting(Learned::default()),
            Next::Collecting(_) => return self.read(rows),
            Next::None | Next::Reading(..) => {}
        }
        None
    }

    /// Whether as much was learned as there was, within bounds.
    fn is_worn(&self) -> bool {
        let least = LITTLE * self.first;
        let worn = |Filters { tables, learned }: &Filters| learned.keys >= tables.keys.clamp(least, MOST);
        self.known.as_ref().is_none_or(worn)
    }

    fn read(&mut self, rows: u64) -> Option<Scan> {
        let Next::Collecting(learned) = std::mem::replace(&mut self.next, Next::None) else { return None };
        let (send, found) = mpsc::sync_channel(1);
        self.next = Next::Reading(learned, found);
        let mut into = Layer::with_room(usize::try_from(rows).unwrap_or(MOST).saturating_add(self.first));
        into.room = self.first;
        Some(Scan::new(into, self.hasher.clone(), send))
    }

    /// Takes what was read, when that is through.
    pub(super) fn look(&mut self) {
        let Next::Reading(_, found) = &self.next else { return };
        let found = match found.try_recv() {
            Err(TryRecvError::Empty) => return,
            found => found,
        };
        // What could not be read to its end is read again when it is time.
        if let (Ok(tables), Next::Reading(learned, _)) =
            (found, std::mem::replace(&mut self.next, Next::None))
        {
            self.known = Some(Filters { tables, learned });
        }
    }

    /// How many bytes the filters in use have.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let layers = self.known.iter().flat_map(|known| known.learned.layers.iter().chain([&known.tables]));
        layers.map(|layer| layer.filter.num_bits() / 8).sum()
    }
}

impl Filters {
    fn may_hold(&self, hash: u64) -> bool {
        self.tables.holds(hash) || self.learned.layers.iter().any(|layer| layer.holds(hash))
    }

    fn add(&mut self, hash: u64, first: usize) {
        // Each further filter is a further look.
        if self.tables.room > 0 { self.tables.add(hash) } else { self.learned.add(hash, first) }
    }
}

impl Learned {
    fn has_room(&self) -> bool {
        self.layers.last().is_some_and(|layer| layer.room > 0)
    }

    fn add(&mut self, hash: u64, first: usize) {
        if !self.has_room() {
            let shift = 2 * u32::try_from(self.layers.len()).unwrap_or(8).min(8);
            self.layers.push(Layer::with_room((first << shift).min(MOST)));
        }
        if let Some(layer) = self.layers.last_mut() {
            let before = layer.keys;
            layer.add(hash);
            self.keys += layer.keys - before;
        }
    }
}

impl Layer {
    fn with_room(room: usize) -> Self {
        let bits = BITS * room.clamp(1, MOST);
        Layer { filter: BloomFilter::with_num_bits(bits).hashes(HASHES), keys: 0, room }
    }

    fn holds(&self, hash: u64) -> bool {
        self.filter.contains_hash(hash)
    }

    /// Adds a key that was learned.
    fn add(&mut self, hash: u64) {
        let before = self.keys;
        self.hold(hash);
        self.room -= self.keys - before;
    }

    /// Adds a key that room was made for.
    pub(super) fn hold(&mut self, hash: u64) {
        self.keys += usize::from(!self.filter.insert_hash(hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_may_be_there_and_most_else_is_not() {
        let first = 1 << 10;
        let mut presence = Presence::of_nothing(first);
        let key = |number: u32| number.to_le_bytes();
        // Beyond the filter of the tables, and beyond the first of what is learned.
        let added = u32::try_from(first).unwrap() * 4;
        (0..added).for_each(|number| presence.add(&key(number)));
        assert!((0..added).all(|number| presence.may_hold(&key(number))));
        let wrong = (added..2 * added).filter(|number| presence.may_hold(&key(*number))).count();
        assert!(wrong < added as usize / 20, "{wrong} of {added}");
        assert_eq!(presence.known.unwrap().learned.layers.len(), 2);
    }

    #[test]
    fn nothing_is_ruled_out_before_the_tables_were_read() {
        let mut presence = Presence::default();
        assert!(presence.may_hold(b"a"));
        presence.add(b"b");
        let scan = presence.begin(1).unwrap();
        presence.look();
        assert!(presence.may_hold(b"a"));
        presence.add(b"c");
        scan.finish();
        presence.look();
        // What was learned before and meanwhile is held beside what was read.
        assert_eq!([b"a", b"b", b"c"].map(|key| presence.may_hold(key)), [false, true, true]);
    }

    #[test]
    fn what_was_not_read_to_its_end_rules_nothing_out_and_is_read_again() {
        let mut presence = Presence::default();
        drop(presence.begin(1));
        presence.look();
        assert!(presence.may_hold(b"a"));
        assert!(presence.turn(1).is_none(), "first it is collected");
        presence.add(b"b");
        presence.turn(1).unwrap().finish();
        presence.look();
        assert_eq!([b"a", b"b"].map(|key| presence.may_hold(key)), [false, true]);
    }

    #[test]
    fn filters_do_not_grow_with_what_was_forgotten() {
        let mut presence = Presence::of_nothing(64);
        let mut most = 0;
        for number in 0..100_000_u32 {
            presence.add(&number.to_le_bytes());
            if number % 50 == 0
                && let Some(scan) = presence.turn(1_000)
            {
                // The tables hold next to nothing by then.
                scan.finish();
                presence.look();
            }
            most = most.max(presence.bytes());
        }
        // Each key has two bytes while there is room for it.
        assert!(most < 2 * 3_000, "{most} bytes");
    }
}
