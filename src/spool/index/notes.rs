//! What batches learned, one row each: the durable form of what is only in memory.

use rusqlite::Connection;

use super::super::decide::{Hash, Known};
use super::super::varint;
use super::{Accepted, Note};
use crate::event::{Status, Timestamp};

/// The notes of one batch, packed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    entries: usize,
}

impl Batch {
    /// Adds a note.
    pub(super) fn push(&mut self, note: &Note<'_>) {
        let bytes = &mut self.bytes;
        bytes.extend_from_slice(&note.content.fingerprint);
        varint::push(bytes, note.content.occurrence.into());
        varint::push(bytes, note.signatures.len() as u64);
        note.signatures.iter().for_each(|hash| bytes.extend_from_slice(hash));
        // Records are numbered from 1.
        varint::push(bytes, note.accepted.as_ref().map_or(0, |accepted| accepted.sequence));
        let moved = note.accepted.as_ref().and_then(|accepted| accepted.moved);
        if note.accepted.is_some() {
            push_text(bytes, moved.map_or("", |(_, status)| status.as_str()));
        }
        if let Some((entity, _)) = moved {
            push_text(bytes, entity);
        }
        self.entries +=
            note.signatures.len() + usize::from(note.accepted.is_some()) + usize::from(moved.is_some());
    }

    /// How many rows of the three tables it comes to.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.entries = 0;
    }
}

/// Writes a batch as the note `number`.
pub(super) fn append(tx: &Connection, number: u64, at: Timestamp, batch: &Batch) -> rusqlite::Result<()> {
    let checksum = checksum(number, at.as_millis(), &batch.bytes);
    tx.prepare_cached("INSERT INTO notes VALUES (?1, ?2, ?3, ?4)")?.execute((
        number,
        at.as_millis(),
        checksum,
        &batch.bytes,
    ))?;
    Ok(())
}

/// Writes a note anew.
pub(super) fn replace(tx: &Connection, number: u64, at: Timestamp, batch: &Batch) -> rusqlite::Result<()> {
    let checksum = checksum(number, at.as_millis(), &batch.bytes);
    tx.prepare_cached("UPDATE notes SET checksum = ?2, entries = ?3 WHERE number = ?1")?.execute((
        number,
        checksum,
        &batch.bytes,
    ))?;
    Ok(())
}

/// Drops all notes up to this one.
pub(super) fn forget(tx: &Connection, until: u64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM notes WHERE number <= ?1")?.execute([until])?;
    Ok(())
}

/// Which notes there are.
pub(super) struct Found {
    pub(super) first: u64,
    pub(super) next: u64,
    /// How many are damaged.
    pub(super) damaged: u64,
}

/// Shows all notes, oldest first, each with its batch's number and moment.
pub(super) fn read(
    conn: &Connection,
    mut see: impl FnMut(u64, Timestamp, &Note<'_>),
) -> rusqlite::Result<Found> {
    let mut statement = conn.prepare("SELECT number, at, checksum, entries FROM notes ORDER BY number")?;
    let mut rows = statement.query([])?;
    let (mut first, mut next, mut damaged) = (None, 1, 0_u64);
    while let Some(row) = rows.next()? {
        let number: u64 = row.get(0)?;
        let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
        let at: i64 = row.get(1)?;
        let show = |note: Note<'_>| see(number, Timestamp::from_millis(at), &note);
        if row.get::<_, u32>(2)? != checksum(number, at, bytes) || each(bytes, show).is_none() {
            damaged += 1;
        }
        first.get_or_insert(number);
        next = number + 1;
    }
    if damaged > 0 {
        tracing::error!(
            notes = damaged,
            "notes of the spool's ledger are damaged: retries of the callbacks that they were about may be published as new events; check the disk"
        );
    }
    Ok(Found { first: first.unwrap_or(next), next, damaged })
}

/// Shows each note of a batch. `None` when the bytes make no sense; what came before that was shown.
pub(super) fn each<'b>(mut bytes: &'b [u8], mut see: impl FnMut(Note<'b>)) -> Option<()> {
    while !bytes.is_empty() {
        let fingerprint = take_hash(&mut bytes)?;
        let occurrence = u32::try_from(varint::take(&mut bytes)?).ok()?;
        let mut signatures = Vec::new();
        for _ in 0..varint::take(&mut bytes)? {
            signatures.push(take_hash(&mut bytes)?);
        }
        let accepted = match varint::take(&mut bytes)? {
            0 => None,
            sequence => Some(Accepted { sequence, moved: take_moved(&mut bytes)? }),
        };
        see(Note { content: Known { fingerprint, occurrence }, signatures, accepted });
    }
    Some(())
}

fn take_moved<'a>(bytes: &mut &'a [u8]) -> Option<Option<(&'a str, Status)>> {
    let word = take_text(bytes)?;
    if word.is_empty() {
        return Some(None);
    }
    // A word of a later version counts as a status outside the table.
    let status = word.parse().unwrap_or(Status::Unknown);
    Some(Some((take_text(bytes)?, status)))
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    varint::push(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(varint::take(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

fn take_hash(bytes: &mut &[u8]) -> Option<Hash> {
    let (hash, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*hash)
}

fn checksum(number: u64, at: i64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&at.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}
