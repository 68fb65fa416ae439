//! A part of the index in memory, in the order of its keys.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::super::decide::{Hash, Known, Seen, Standing};
use super::Note;
use super::place::Key;
use crate::event::Timestamp;

/// What a signature came with first.
#[derive(Debug, Clone, Copy)]
pub(in crate::spool) struct Signed {
    pub(in crate::spool) known: Known,
    pub(in crate::spool) first_seen: Timestamp,
}

/// The latest occurrence of a content.
#[derive(Debug, Clone, Copy)]
pub(in crate::spool) struct Latest {
    pub(in crate::spool) seen: Seen,
    pub(in crate::spool) sequence: u64,
}

/// Where an entity stands, and since which record.
#[derive(Debug, Clone, Copy)]
pub(in crate::spool) struct Stands {
    pub(in crate::spool) standing: Standing,
    pub(in crate::spool) sequence: u64,
}

/// Some notes, by their keys.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) signatures: BTreeMap<Hash, Signed>,
    pub(super) fingerprints: BTreeMap<Hash, Latest>,
    pub(super) entities: BTreeMap<Box<str>, Stands>,
    /// How many notes were taken in.
    pub(super) notes: usize,
}

impl Entries {
    /// Takes in a note; how many signatures were new.
    pub(super) fn take(&mut self, note: &Note<'_>, at: Timestamp) -> usize {
        self.take_those(note, at, |_| true)
    }

    /// Takes in what a note says of these keys; how many signatures were new.
    pub(super) fn take_those(
        &mut self,
        note: &Note<'_>,
        at: Timestamp,
        those: impl Fn(Key<'_>) -> bool,
    ) -> usize {
        self.notes += 1;
        let mut new = 0;
        for hash in note.signatures.iter().filter(|hash| those(Key::Signature(*hash))) {
            // One request may name a signature twice; what it came with first stays.
            if let Entry::Vacant(vacant) = self.signatures.entry(*hash) {
                vacant.insert(Signed { known: note.content, first_seen: at });
                new += 1;
            }
        }
        let Some(accepted) = &note.accepted else { return new };
        let fingerprint = &note.content.fingerprint;
        if those(Key::Fingerprint(fingerprint)) {
            let seen = Seen { occurrence: note.content.occurrence, accepted_at: at };
            self.fingerprints.insert(*fingerprint, Latest { seen, sequence: accepted.sequence });
        }
        if let Some((entity, status)) = accepted.moved.filter(|(entity, _)| those(Key::Entity(entity))) {
            let stands = Stands { standing: Standing { status, at }, sequence: accepted.sequence };
            match self.entities.get_mut(entity) {
                Some(known) => *known = stands,
                None => drop(self.entities.insert(entity.into(), stands)),
            }
        }
        new
    }

    /// All keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let hashes = self.signatures.keys().chain(self.fingerprints.keys()).map(Hash::as_slice);
        hashes.chain(self.entities.keys().map(|entity| entity.as_bytes()))
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.signatures.is_empty() && self.fingerprints.is_empty() && self.entities.is_empty()
    }
}
