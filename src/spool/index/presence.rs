//! Which keys the index may hold: what spares nearly every new callback three looks at memory and at the disk.
//!
//! A filter that says "not there" is always right; one that says "maybe" costs a look. What was in the tables at the
//! start is read by a thread of its own, a page at a time; until it is through, every look is taken. What is learned
//! after the start is added as it comes. Nothing is ever taken out: what a failed batch left behind costs looks, too.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use fastbloom::BloomFilter;
use foldhash::quality::RandomState;

use super::super::{Shared, SpoolError};
use super::{entity_name, tables};

/// Bits for each key that a filter is made for, and how many of them a key sets: "maybe" is then wrong for one in 200. With
/// more hashes fewer bits would do, but each hash is a line of memory to wait for.
const BITS: usize = 16;
const HASHES: u32 = 3;

/// The most keys that a filter is made for: 32 MiB. With more of them, "maybe" is wrong more often: one in 50 with twice as
/// many.
const MOST: usize = 1 << 24;

/// How many keys that are learned find room beside those of the start, and in the first filter after that: 2 MiB. Each
/// further one is made for four times as many.
const FIRST: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };

/// How many keys the thread reads at a time.
const PAGE: usize = 4096;

/// What may be there.
#[derive(Debug, Default)]
pub(super) struct Presence {
    before: Before,
    since: Vec<Layer>,
    /// One hash of a key serves all filters.
    hasher: RandomState,
}

/// What was in the tables at the start.
#[derive(Debug, Default)]
enum Before {
    /// Anything.
    #[default]
    Unknown,
    /// Anything, until the thread is through.
    Scanning(Receiver<Layer>),
    /// This, and with it what is learned while there is room: each further filter is a further look.
    Known(Layer),
}

#[derive(Debug)]
struct Layer {
    filter: BloomFilter,
    /// How many more keys it is made for.
    room: usize,
}

impl Presence {
    /// Finds out what is in the tables, where there are so many rows by now.
    pub(super) fn scan(&mut self, shared: Arc<Shared>, rows: u64) {
        if rows == 0 {
            self.before = Before::Known(Layer::with_room(FIRST));
            return;
        }
        let rows = usize::try_from(rows).unwrap_or(MOST);
        let (send, found) = mpsc::sync_channel(1);
        let hasher = self.hasher.clone();
        let scan = move || match scan(&shared, &hasher, filter(rows.saturating_add(FIRST))) {
            // An error means that the writer has ended.
            Ok(filter) => drop(send.send(Layer { filter, room: FIRST })),
            Err(SpoolError::Closed) => {}
            Err(error) => {
                tracing::warn!(%error, "the ledger's keys could not be read: look-ups stay slower until the next start");
            }
        };
        match thread::Builder::new().name("spool-index".to_owned()).spawn(scan) {
            Ok(_) => self.before = Before::Scanning(found),
            Err(error) => tracing::warn!(%error, "no thread to read the ledger's keys: look-ups stay slower"),
        }
    }

    /// Of tables that are empty.
    #[cfg(test)]
    pub(super) fn of_nothing() -> Self {
        Presence { before: Before::Known(Layer::with_room(FIRST)), ..Presence::default() }
    }

    /// Whether memory or the tables may hold the key. `false` is certain.
    pub(super) fn may_hold(&self, key: &[u8]) -> bool {
        let Before::Known(before) = &self.before else { return true };
        let hash = self.hasher.hash_one(key);
        before.filter.contains_hash(hash) || self.since.iter().any(|layer| layer.filter.contains_hash(hash))
    }

    /// From now on it may be there.
    pub(super) fn add(&mut self, key: &[u8]) {
        let hash = self.hasher.hash_one(key);
        if let Before::Known(layer) = &mut self.before
            && layer.room > 0
        {
            return layer.add(hash);
        }
        let full = self.since.last().is_none_or(|layer| layer.room == 0);
        if full {
            let shift = 2 * u32::try_from(self.since.len()).unwrap_or(8).min(8);
            self.since.push(Layer::with_room((FIRST << shift).min(MOST)));
        }
        if let Some(layer) = self.since.last_mut() {
            layer.add(hash);
        }
    }

    /// Takes what the thread has found, when it is through.
    pub(super) fn look(&mut self) {
        let Before::Scanning(found) = &self.before else { return };
        match found.try_recv() {
            Ok(layer) => self.before = Before::Known(layer),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => self.before = Before::Unknown,
        }
    }
}

impl Layer {
    fn with_room(room: usize) -> Self {
        Layer { filter: filter(room), room }
    }

    fn add(&mut self, hash: u64) {
        self.room -= usize::from(!self.filter.insert_hash(hash));
    }
}

fn filter(keys: usize) -> BloomFilter {
    BloomFilter::with_num_bits(BITS * keys.clamp(1, MOST)).hashes(HASHES)
}

fn scan(shared: &Shared, hasher: &RandomState, mut filter: BloomFilter) -> Result<BloomFilter, SpoolError> {
    let mut add = |key: &[u8]| {
        filter.insert_hash(hasher.hash_one(key));
    };
    for hashes in [tables::signatures_after, tables::fingerprints_after] {
        let mut last = Vec::new();
        while let Some(key) = shared.readers.with(|conn| hashes(conn, &last, PAGE, &mut add))? {
            last = key;
        }
    }
    let mut last = [String::new(), String::new(), String::new()];
    let mut add = |[account, endpoint, id]: [&str; 3]| add(entity_name(account, endpoint, id).as_bytes());
    while let Some(entity) =
        shared.readers.with(|conn| tables::entities_after(conn, &last, PAGE, &mut add))?
    {
        last = entity;
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_may_be_there_and_most_else_is_not() {
        let mut presence = Presence::of_nothing();
        let key = |number: u32| number.to_le_bytes();
        // Beyond the filter of what was there before, and beyond the first of what was learned since.
        let added = u32::try_from(FIRST).unwrap() * 4;
        (0..added).for_each(|number| presence.add(&key(number)));
        assert!((0..added).all(|number| presence.may_hold(&key(number))));
        let wrong = (added..2 * added).filter(|number| presence.may_hold(&key(*number))).count();
        assert!(wrong < added as usize / 20, "{wrong} of {added}");
        assert_eq!(presence.since.len(), 2);
    }

    #[test]
    fn nothing_is_ruled_out_before_the_tables_were_read() {
        let mut presence = Presence::default();
        assert!(presence.may_hold(b"a"));
        let (send, found) = mpsc::sync_channel(1);
        presence.before = Before::Scanning(found);
        presence.look();
        assert!(presence.may_hold(b"a"));
        send.send(Layer::with_room(1)).unwrap();
        presence.look();
        assert!(!presence.may_hold(b"a"));
        // A thread that found nothing out rules nothing out.
        let (send, found) = mpsc::sync_channel(1);
        presence.before = Before::Scanning(found);
        drop(send);
        presence.look();
        assert!(presence.may_hold(b"a"));
    }
}
