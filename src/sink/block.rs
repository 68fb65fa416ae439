//! Where publications are laid out side by side: one allocation for dozens of them instead of three for each.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

/// The first allocation: a claim that finds one record must not hold much more than it.
const SMALLEST: usize = 4 << 10;

/// The largest: what one slow publication keeps from being freed.
const LARGEST: usize = 64 << 10;

/// Memory for the publications of one claim. Each allocation is twice the one before, up to a bound.
#[derive(Default)]
pub struct Block {
    room: BytesMut,
    size: usize,
    /// Where a document is written before its length is known.
    draft: Vec<u8>,
}

impl Block {
    /// Puts in bytes. What is answered keeps the memory that it lies in.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Bytes {
        if self.room.capacity() < bytes.len() {
            self.size = (2 * self.size).clamp(SMALLEST, LARGEST);
            self.room = BytesMut::with_capacity(self.size.max(bytes.len()));
        }
        self.room.extend_from_slice(bytes);
        self.room.split().freeze()
    }

    /// Puts in what `write` appends.
    pub(super) fn put_written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        write(&mut draft);
        let bytes = self.put(&draft);
        self.draft = draft;
        bytes
    }

    /// Puts in text.
    pub(super) fn put_text(&mut self, text: &str) -> ByteString {
        // Text it was and text it is.
        ByteString::try_from(self.put(text.as_bytes())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_stays_whatever_comes_after() {
        let mut block = Block::default();
        let long = "x".repeat(LARGEST + 1);
        let texts: Vec<String> = (0..500).map(|number| format!("text {number} ä")).collect();
        let kept: Vec<ByteString> = texts.iter().map(|text| block.put_text(text)).collect();
        let large = block.put(long.as_bytes());
        let written: Vec<Bytes> =
            ["one", "more"].map(|text| block.put_written(|draft| draft.extend(text.bytes()))).into();
        assert_eq!(written, ["one", "more"]);
        let after = block.put_text("after");
        assert!(kept.iter().zip(&texts).all(|(kept, text)| **kept == **text));
        assert_eq!((&large[..], &*after, &*block.put_text("")), (long.as_bytes(), "after", ""));
    }

    #[test]
    fn allocations_grow_to_a_bound() {
        let mut block = Block::default();
        block.put(b"x");
        assert_eq!(block.size, SMALLEST);
        for _ in 0..200 {
            block.put(&[0; 1_000]);
        }
        assert_eq!(block.size, LARGEST);
    }
}
