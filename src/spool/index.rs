//! The three keyed look-ups that decide: signature ledger, fingerprints, entity states.
//!
//! # Two homes
//!
//! Their keys are hashes and ids: written as they come, each would dirty a page of its own in each of three tables.
//! So what is learned is kept in memory first, where the newest callbacks are looked up anyway, and goes to the tables
//! later, in the order of the keys, a little with every few batches:
//!
//! - `live` takes in what the batches learn. When it is large it is sealed, and a new one begins.
//! - `sealed` is carried over to the tables, lowest key first, about as fast as `live` grows.
//!
//! What is in memory is durable all the same: each batch writes what it learned as one row of `notes`, in its own
//! transaction. At start the notes are read back, but for what the tables hold by then (see `place`); when all of a
//! sealed part is in the tables, its notes go. Notes go from the oldest on, so that those which are read back never know
//! less than the tables.
//!
//! # After an error
//!
//! Memory is changed while the batch is made. When the batch fails, the index is read again from disk: see
//! [`Index::is_changed`].

mod adopt;
mod entries;
mod forget;
mod notes;
mod place;
mod presence;
mod scan;
mod tables;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::BTreeMap;

use rusqlite::Connection;

use self::entries::Entries;
pub(super) use self::entries::{Latest, Signed, Stands};
pub(super) use self::forget::{in_notes as forget_in_notes, notes_about};
use self::place::{Key, Place};
use self::presence::Presence;
use self::scan::Scan;
pub(super) use self::whole::Whole;
use super::decide::{Hash, Known, Seen, Standing};
use super::state::State;
use crate::event::{Status, Timestamp};

/// How many notes are sealed together: the more, the fewer pages are written for each, and the more memory is held
/// (about 350 bytes a note of an accepted callback).
const SEAL: usize = if cfg!(test) { 6 } else { 196_608 };

/// How many old notes go for each that was added.
const FORGET: u64 = 4;

/// How many entries are carried over together at least. A few with each of many small batches would write the same page of
/// a table again and again: more than half as much again as the batch itself.
const TOGETHER: usize = if cfg!(test) { 4 } else { 64 };

/// What a callback taught.
#[derive(Debug)]
pub(super) struct Note<'a> {
    /// The content, and its occurrence, to which the signatures are bound.
    pub(super) content: Known,
    /// Signatures that were not in the ledger.
    pub(super) signatures: Vec<Hash>,
    /// The new record, if it became one: the content's latest occurrence.
    pub(super) accepted: Option<Accepted<'a>>,
}

/// A callback that became a record.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    pub(super) sequence: u64,
    /// The entity whose state it moved, and where to.
    pub(super) moved: Option<(&'a str, Status)>,
}

impl Note<'_> {
    /// Its keys in the three tables.
    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let accepted = self.accepted.as_ref();
        let fingerprint = accepted.map(|_| self.content.fingerprint.as_slice());
        let entity = accepted.and_then(|accepted| accepted.moved).map(|(entity, _)| entity.as_bytes());
        self.signatures.iter().map(Hash::as_slice).chain(fingerprint).chain(entity)
    }
}

/// The look-ups.
#[derive(Debug, Default)]
pub(super) struct Index {
    live: Entries,
    sealed: Entries,
    presence: Presence,
    /// What the batch being made has learned, as it will be written.
    batch: notes::Batch,
    /// What came from another spool, with the moments at which that one learned it.
    apart: Vec<(Timestamp, notes::Batch)>,
    /// Whether memory differs from what the last commit left.
    changed: bool,
    /// The number of the next note.
    next: u64,
    /// The oldest note there is.
    oldest: u64,
    /// How far they were carried over.
    place: Place,
    /// What was added since something was carried over last.
    owed: Owed,
    /// Notes that could not be read back.
    damaged: u64,
}

/// What has to be made up for by carrying over and forgetting.
#[derive(Debug, Default)]
struct Owed {
    entries: usize,
    notes: u64,
}

impl Owed {
    /// What a start owes for what the one before still owed at its end: otherwise notes would grow with starts between
    /// which little comes.
    const AT_START: Owed = Owed { entries: TOGETHER, notes: TOGETHER as u64 };
}

impl Index {
    /// Reads back what the tables do not hold yet.
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut index = Index::default();
        index.reload(conn)?;
        Ok(index)
    }

    /// The same again, after an error: nothing that was in memory only is left.
    pub(super) fn reload(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let presence = std::mem::take(&mut self.presence);
        let mut index =
            Index { presence, place: Place::read(conn)?, owed: Owed::AT_START, ..Index::default() };
        let Index { place, live, sealed, presence, .. } = &mut index;
        let take = |number, at, note: &Note<'_>| {
            let part = if number > place.sealed { &mut *live } else { &mut *sealed };
            part.take_those(note, at, |key| place.is_before(number, key));
        };
        let found = notes::read(conn, take)?;
        live.keys().chain(sealed.keys()).for_each(|key| presence.add(key));
        (index.oldest, index.damaged) = (found.first, found.damaged);
        // Should all notes be gone, the numbers of those that the place is about are not given again.
        index.next = found.next.max(index.place.sealed + 1);
        index.seal_when_full();
        *self = index;
        Ok(())
    }

    /// How many notes could not be read back when they were last read: what they said is not known any more.
    pub(super) fn damaged_notes(&self) -> u64 {
        self.damaged
    }

    /// How the keys in the tables are read, so that what is not there need not be looked up.
    pub(super) fn scan(&mut self, state: &State) -> Option<Scan> {
        self.presence.begin(keys(state))
    }

    /// What a signature came with first.
    pub(super) fn signature(&self, conn: &Connection, hash: &Hash) -> rusqlite::Result<Option<Known>> {
        if !self.presence.may_hold(hash) {
            return Ok(None);
        }
        match self.live.signatures.get(hash).or_else(|| self.sealed.signatures.get(hash)) {
            Some(signed) => Ok(Some(signed.known)),
            None => tables::signature(conn, hash),
        }
    }

    /// The latest occurrence of a content.
    pub(super) fn fingerprint(
        &self,
        conn: &Connection,
        fingerprint: &Hash,
    ) -> rusqlite::Result<Option<Seen>> {
        if !self.presence.may_hold(fingerprint) {
            return Ok(None);
        }
        match self.live.fingerprints.get(fingerprint).or_else(|| self.sealed.fingerprints.get(fingerprint)) {
            Some(latest) => Ok(Some(latest.seen)),
            None => tables::fingerprint(conn, fingerprint),
        }
    }

    /// Where an entity stands; named by [`entity_name`].
    pub(super) fn standing(&self, conn: &Connection, entity: &str) -> rusqlite::Result<Option<Standing>> {
        if !self.presence.may_hold(entity.as_bytes()) {
            return Ok(None);
        }
        match self.live.entities.get(entity).or_else(|| self.sealed.entities.get(entity)) {
            Some(stands) => Ok(Some(stands.standing)),
            None => tables::standing(conn, entity),
        }
    }

    /// Takes in what a callback taught, at `state.clock`, and counts what is new. `known` says whether the entity that
    /// it moved was known.
    pub(super) fn note(&mut self, state: &mut State, note: &Note<'_>, known: bool) {
        self.changed = true;
        self.batch.push(note);
        note.keys().for_each(|key| self.presence.add(key));
        state.signatures += self.live.take(note, state.clock) as u64;
        if let Some(accepted) = &note.accepted {
            state.fingerprints += u64::from(note.content.occurrence == 0);
            state.entities += u64::from(accepted.moved.is_some() && !known);
        }
    }

    /// Binds signatures that were not in the ledger to the content that they came with, or that they have to stand for.
    pub(super) fn bind(&mut self, state: &mut State, content: Known, signatures: Vec<Hash>) {
        if !signatures.is_empty() {
            self.note(state, &Note { content, signatures, accepted: None }, false);
        }
    }

    /// Writes what the batch learned, and carries a part of what is sealed over to the tables.
    pub(super) fn save(&mut self, tx: &Connection, state: &State) -> rusqlite::Result<()> {
        let own = (!self.batch.is_empty()).then_some((&state.clock, &self.batch));
        let (mut added, mut entries) = (0, 0);
        for (at, batch) in own.into_iter().chain(self.apart.iter().map(|(at, batch)| (at, batch))) {
            notes::append(tx, self.next + added, *at, batch)?;
            added += 1;
            entries += batch.entries();
        }
        if added == 0 {
            return Ok(());
        }
        self.next += added;
        self.owed.entries += entries + entries / 16 + 1;
        self.owed.notes += added;
        if self.owed.entries < TOGETHER {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        self.carry(tx, owed.entries)?;
        let until = self.place.carried.min(self.oldest + FORGET * owed.notes - 1);
        if self.oldest <= until {
            notes::forget(tx, until)?;
            self.oldest = until + 1;
        }
        Ok(())
    }

    /// The batch is durable. It may be time to read the keys in the tables again.
    #[must_use]
    pub(super) fn committed(&mut self, state: &State) -> Option<Scan> {
        self.changed = false;
        self.batch.clear();
        self.apart.clear();
        self.presence.look();
        if self.seal_when_full() { self.presence.turn(keys(state)) } else { None }
    }

    /// Whether it was.
    fn seal_when_full(&mut self) -> bool {
        let is_full = self.live.notes >= SEAL && self.sealed.is_empty();
        if is_full {
            self.sealed = std::mem::take(&mut self.live);
            self.place.seal(self.next - 1);
        }
        is_full
    }

    /// Whether a failed batch has left memory ahead of the disk, so that it has to be loaded again.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    fn carry(&mut self, tx: &Connection, count: usize) -> rusqlite::Result<()> {
        let Index { sealed, place, .. } = self;
        if sealed.is_empty() {
            return Ok(());
        }
        let mut left = count;
        if !sealed.signatures.is_empty() {
            let rows = lowest(&mut sealed.signatures, left, |hash| place.pass(Key::Signature(hash)));
            left -= tables::put_signatures(tx, rows)?;
        }
        if left > 0 && !sealed.fingerprints.is_empty() {
            let rows = lowest(&mut sealed.fingerprints, left, |hash| place.pass(Key::Fingerprint(hash)));
            left -= tables::put_fingerprints(tx, rows)?;
        }
        if left > 0 && !sealed.entities.is_empty() {
            let rows = lowest(&mut sealed.entities, left, |name| place.pass(Key::Entity(name)));
            tables::put_standings(tx, rows)?;
        }
        if sealed.is_empty() {
            place.finish();
        }
        place.write(tx)
    }
}

/// How many keys there are, in either home.
fn keys(state: &State) -> u64 {
    state.signatures + state.fingerprints + state.entities
}

/// Takes out the lowest entries, at most so many; their keys are shown.
fn lowest<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    most: usize,
    mut see: impl FnMut(&K),
) -> impl Iterator<Item = (K, V)> {
    std::iter::from_fn(|| map.pop_first()).take(most).inspect(move |(key, _)| see(key))
}

/// Whether these are notes: what is fuzzed.
pub(super) fn decode(bytes: &[u8]) -> bool {
    notes::each(bytes, |_| {}).is_some()
}

/// How many signatures, fingerprints and entities there are on disk, in either home.
#[cfg(test)]
pub(super) fn rows(conn: &Connection) -> rusqlite::Result<[u64; 3]> {
    let Index { live, sealed, .. } = Index::load(conn)?;
    let count = |table: &str| conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
    let mut rows: [u64; 3] = [count("signatures")?, count("fingerprints")?, count("entities")?];
    for hash in both(&live.signatures, &sealed.signatures) {
        rows[0] += u64::from(tables::signature(conn, hash)?.is_none());
    }
    for fingerprint in both(&live.fingerprints, &sealed.fingerprints) {
        rows[1] += u64::from(tables::fingerprint(conn, fingerprint)?.is_none());
    }
    for entity in both(&live.entities, &sealed.entities) {
        rows[2] += u64::from(tables::standing(conn, entity)?.is_none());
    }
    Ok(rows)
}

/// The keys of two maps, each once.
#[cfg(test)]
fn both<'m, K: Ord, V>(one: &'m BTreeMap<K, V>, other: &'m BTreeMap<K, V>) -> impl Iterator<Item = &'m K> {
    one.keys().chain(other.keys().filter(|key| !one.contains_key(key)))
}

/// The name of an entity in memory: sorts as the three columns of its table do.
pub(super) fn entity_name(account: &str, endpoint: &str, id: &str) -> String {
    // Neither an auth id nor an endpoint holds a NUL; what an id holds does not matter, since it is last.
    [account, endpoint, id].join("\0")
}

/// Account, endpoint and id of an entity's name.
pub(super) fn name_parts(name: &str) -> [&str; 3] {
    let mut parts = name.splitn(3, '\0');
    let mut next = || parts.next().unwrap_or_default();
    [next(), next(), next()]
}
