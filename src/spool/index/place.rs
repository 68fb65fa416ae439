//! How far notes have been carried over to the tables: a row of `meta`, written with what is carried over. A start goes on
//! from there, and does not read back what the tables hold.

use rusqlite::Connection;
use rusqlite::types::Value;

use super::super::{schema, varint};

/// The row's key.
const ROW: &str = "carried";

/// The table that comes last.
const ENTITIES: u8 = 3;

/// A key, and its table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    Signature(&'a [u8]),
    Fingerprint(&'a [u8]),
    Entity(&'a str),
}

impl<'a> Key<'a> {
    /// The key without its table.
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Key::Signature(hash) | Key::Fingerprint(hash) => hash,
            Key::Entity(name) => name.as_bytes(),
        }
    }

    /// Sorts as keys are carried over: one table after the other.
    fn order(self) -> (u8, &'a [u8]) {
        let table = match self {
            Key::Signature(_) => 1,
            Key::Fingerprint(_) => 2,
            Key::Entity(_) => ENTITIES,
        };
        (table, self.bytes())
    }
}

/// Which notes are in the tables, and which keys of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// All that the notes up to this one say is in the tables.
    pub(super) carried: u64,
    /// The notes after those and up to this one are sealed.
    pub(super) sealed: u64,
    /// What is sealed is in the tables up to this key, which is told as [`Key::order`] does.
    table: u8,
    key: Vec<u8>,
}

impl Place {
    /// Reads it. In a spool of an earlier version there is none, and a damaged one counts as none: then what notes say is
    /// carried over once more.
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<Self> {
        let place = match schema::meta(conn, ROW)? {
            None => return Ok(Place::default()),
            Some(Value::Blob(bytes)) => Place::decode(&bytes),
            Some(_) => None,
        };
        if place.is_none() {
            tracing::warn!(
                "how far the ledger's notes were carried over is damaged: they are carried over once more; check the disk"
            );
        }
        Ok(place.unwrap_or_default())
    }

    /// Writes it.
    pub(super) fn write(&self, tx: &Connection) -> rusqlite::Result<()> {
        schema::set_meta(tx, ROW, self.encode())
    }

    /// Whether the tables may not hold yet what a note says of a key.
    pub(super) fn is_before(&self, note: u64, key: Key<'_>) -> bool {
        note > self.sealed || note > self.carried && key.order() > (self.table, self.key.as_slice())
    }

    /// All of what was sealed is in the tables; the notes after that and up to this one are sealed.
    pub(super) fn seal(&mut self, until: u64) {
        *self = Place { carried: self.sealed, sealed: until, ..Place::default() };
    }

    /// What is sealed is in the tables up to this key.
    pub(super) fn pass(&mut self, key: Key<'_>) {
        let (table, key) = key.order();
        self.table = table;
        key.clone_into(&mut self.key);
    }

    /// All of what is sealed is in the tables.
    pub(super) fn finish(&mut self) {
        self.seal(self.sealed);
    }

    /// Names no entity any more; whether it did. That they are in the tables is then forgotten.
    pub(super) fn forget_entity(&mut self) -> bool {
        let named = self.table == ENTITIES && !self.key.is_empty();
        if named {
            self.key.clear();
        }
        named
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        varint::push(&mut bytes, self.carried);
        varint::push(&mut bytes, self.sealed);
        bytes.push(self.table);
        bytes.extend_from_slice(&self.key);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (mut bytes, checksum) = bytes.split_last_chunk()?;
        if crc32fast::hash(bytes) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (carried, sealed) = (varint::take(&mut bytes)?, varint::take(&mut bytes)?);
        let (&table, key) = bytes.split_first()?;
        Some(Place { carried, sealed, table, key: key.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_pass_table_by_table_and_only_those_of_what_is_sealed() {
        let mut place = Place { carried: 3, sealed: 3, ..Place::default() };
        place.seal(7);
        place.pass(Key::Fingerprint(b"m"));
        let keys = [Key::Signature(b"z"), Key::Fingerprint(b"m"), Key::Fingerprint(b"ma"), Key::Entity("")];
        for (note, left) in [(3, [false; 4]), (4, [false, false, true, true]), (8, [true; 4])] {
            assert_eq!(keys.map(|key| place.is_before(note, key)), left, "note {note}");
        }
        place.finish();
        assert_eq!(keys.map(|key| place.is_before(7, key)), [false; 4]);
        assert_eq!(keys.map(|key| place.is_before(8, key)), [true; 4]);
    }

    #[test]
    fn a_place_is_read_as_it_was_written_and_never_from_damaged_bytes() {
        let mut place = Place { carried: 300, sealed: 70_000, ..Place::default() };
        place.pass(Key::Entity("MA1\0brand\0B1"));
        let bytes = place.encode();
        assert_eq!(Place::decode(&bytes), Some(place));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Place::decode(&damaged), None, "byte {at}");
            assert_eq!(Place::decode(&bytes[..at]), None, "{at} bytes");
        }
    }
}
