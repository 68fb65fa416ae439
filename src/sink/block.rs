//! Where publications are laid out side by side: one allocation for dozens of them instead of three for each.

use bytes::{Bytes, BytesMut};

/// The first allocation: a claim that finds one record must not hold much more than it.
const SMALLEST: usize = 4 << 10;

/// The largest: what one slow publication keeps from being freed.
const LARGEST: usize = 64 << 10;

/// Memory for the publications of one claim. Each allocation is twice the one before, up to a bound.
#[derive(Default)]
pub struct Block {
    room: BytesMut,
    size: usize,
    /// Where a parcel is written before its length is known.
    draft: Vec<u8>,
}

/// An event's key, id and payload in one piece of memory, which is shared by the publications of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    bytes: Bytes,
    /// Where the key ends and the id begins.
    id: usize,
    /// Where the id ends and the payload begins.
    payload: usize,
}

impl Block {
    /// Puts in a key, an id and the payload that `write` appends.
    pub(super) fn put(&mut self, key: &str, id: &str, write: impl FnOnce(&mut Vec<u8>)) -> Parcel {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        draft.extend_from_slice(key.as_bytes());
        draft.extend_from_slice(id.as_bytes());
        write(&mut draft);
        let parcel = Parcel { bytes: self.keep(&draft), id: key.len(), payload: key.len() + id.len() };
        self.draft = draft;
        parcel
    }

    fn keep(&mut self, bytes: &[u8]) -> Bytes {
        if self.room.capacity() < bytes.len() {
            self.size = (2 * self.size).clamp(SMALLEST, LARGEST);
            self.room = BytesMut::with_capacity(self.size.max(bytes.len()));
        }
        self.room.extend_from_slice(bytes);
        self.room.split().freeze()
    }
}

impl Parcel {
    /// One by itself.
    #[cfg(test)]
    pub(crate) fn new(key: &str, id: &str, payload: &str) -> Self {
        Block::default().put(key, id, |bytes| bytes.extend(payload.bytes()))
    }

    /// Events with one key stay in order.
    pub fn key(&self) -> &str {
        text(&self.bytes[..self.id])
    }

    /// The idempotency key.
    pub fn id(&self) -> &str {
        text(&self.bytes[self.id..self.payload])
    }

    /// The structured event, or its data alone.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload..]
    }

    /// The payload for who keeps it longer than the parcel.
    pub fn shared_payload(&self) -> Bytes {
        self.bytes.slice(self.payload..)
    }
}

/// What was put in as text.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_stays_whatever_comes_after() {
        let mut block = Block::default();
        let long = "x".repeat(LARGEST + 1);
        let texts: Vec<String> = (0..500).map(|number| format!("text {number} ä")).collect();
        let mut put =
            |key: &str, id: &str, payload: &str| block.put(key, id, |json| json.extend(payload.bytes()));
        let kept: Vec<Parcel> = texts.iter().map(|text| put(text, "id", text)).collect();
        let large = put("", "ö", &long);
        let after = put("after", "", "");
        for (parcel, text) in kept.iter().zip(&texts) {
            assert_eq!((parcel.key(), parcel.id(), parcel.payload()), (&**text, "id", text.as_bytes()));
        }
        assert_eq!((large.key(), large.id(), large.shared_payload()), ("", "ö", long.into()));
        assert_eq!((after.key(), after.id(), after.payload()), ("after", "", &b""[..]));
    }

    #[test]
    fn allocations_grow_to_a_bound() {
        let mut block = Block::default();
        block.put("x", "", |_| {});
        assert_eq!(block.size, SMALLEST);
        for _ in 0..200 {
            block.put("", "", |json| json.extend([0; 1_000]));
        }
        assert_eq!(block.size, LARGEST);
    }
}
