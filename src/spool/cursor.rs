//! How far a lane has come: everything up to `low`, and some ranges above it.
//!
//! The ranges above are what lets a thousand records pass a slow one without being sent again after a restart.

use std::collections::BTreeMap;

use super::varint;

/// How far past the cursor claims may reach: bounds what stands above it.
pub(super) const REACH: u64 = 8192;

/// The highest sequence up to which all are acknowledged, and what is acknowledged above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    low: u64,
    /// First and last of each acknowledged range above `low`: disjoint, not touching, not touching `low`.
    above: BTreeMap<u64, u64>,
    /// How many sequences stand in `above`.
    count: u64,
}

impl Cursor {
    /// All up to `low` is acknowledged.
    pub(super) fn at(low: u64) -> Self {
        Cursor { low, ..Cursor::default() }
    }

    /// The highest sequence up to which all are acknowledged.
    pub(super) fn low(&self) -> u64 {
        self.low
    }

    /// Whether the sequence is acknowledged.
    pub(super) fn contains(&self, sequence: u64) -> bool {
        sequence <= self.low
            || self.above.range(..=sequence).next_back().is_some_and(|(_, last)| sequence <= *last)
    }

    /// How many up to `tip` are not acknowledged.
    pub(super) fn open_until(&self, tip: u64) -> u64 {
        tip.saturating_sub(self.low).saturating_sub(self.count)
    }

    /// Acknowledges all from `first` to `last`.
    pub(super) fn ack_range(&mut self, first: u64, last: u64) {
        if last <= self.low || first > last {
            return;
        }
        let (mut first, mut last) = (first.max(self.low + 1), last);
        // Swallow every range that overlaps or touches.
        while let Some((&start, &end)) = self.above.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            self.above.remove(&start);
            self.count -= end - start + 1;
            first = first.min(start);
            last = last.max(end);
        }
        if first == self.low + 1 {
            self.low = last;
        } else {
            self.above.insert(first, last);
            self.count += last - first + 1;
        }
    }

    /// Takes in all that the other one has.
    pub(super) fn merge(&mut self, other: &Cursor) {
        self.ack_range(1, other.low);
        for (&first, &last) in &other.above {
            self.ack_range(first, last);
        }
    }

    /// Forgets what lies above `tip`: it was never durable.
    pub(super) fn clamp(&mut self, tip: u64) {
        let ranges = std::mem::take(&mut self.above);
        self.count = 0;
        self.low = self.low.min(tip);
        for (first, last) in ranges {
            self.ack_range(first, last.min(tip));
        }
    }

    /// The ranges above, for storing: distances as variable-length integers, and at the end a checksum over these and
    /// `low`. It is an integer that does not end: a program that knows no checksum decodes nothing, and publishes again.
    pub(super) fn encode_above(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.above.len() * 4 + SEAL);
        let mut at = self.low;
        for (&first, &last) in &self.above {
            varint::push(&mut bytes, first - at);
            varint::push(&mut bytes, last - first);
            at = last;
        }
        let seal = seal(self.low, &bytes);
        bytes.extend(seal);
        bytes
    }

    /// From what was stored; `None` when it does not decode, or its checksum does not match.
    pub(super) fn decode(low: u64, above: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::at(low);
        let mut rest = unsealed(low, above)?;
        let mut at = low;
        while !rest.is_empty() {
            let first = at.checked_add(varint::take(&mut rest)?)?;
            let last = first.checked_add(varint::take(&mut rest)?)?;
            cursor.ack_range(first, last);
            at = last;
        }
        Some(cursor)
    }
}

/// How long a checksum is.
const SEAL: usize = 5;

/// Seven bits of the checksum a byte, each of which says that another one follows.
fn seal(low: u64, ranges: &[u8]) -> [u8; SEAL] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&low.to_le_bytes());
    hasher.update(ranges);
    let sum = hasher.finalize();
    std::array::from_fn(|place| (sum >> (7 * place)).to_le_bytes()[0] | 0x80)
}

/// What is before the checksum; `None` when it does not match. Earlier versions wrote none: then the last byte ends an
/// integer.
fn unsealed(low: u64, stored: &[u8]) -> Option<&[u8]> {
    if stored.last().is_none_or(|last| last & 0x80 == 0) {
        return Some(stored);
    }
    let (ranges, found) = stored.split_last_chunk()?;
    (seal(low, ranges) == *found).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slow_record_does_not_hold_what_passed_it() {
        let mut cursor = Cursor::at(10);
        for sequence in [12, 13, 15] {
            cursor.ack_range(sequence, sequence);
        }
        cursor.ack_range(13, 13);
        assert_eq!((cursor.low(), cursor.open_until(16)), (10, 3));
        assert!(!cursor.contains(11) && cursor.contains(12) && !cursor.contains(14));
        cursor.ack_range(11, 11);
        assert_eq!((cursor.low(), cursor.open_until(16)), (13, 2));
        cursor.ack_range(14, 14);
        assert_eq!((cursor.low(), cursor.open_until(16)), (15, 1));
    }

    #[test]
    fn a_flipped_bit_is_noticed_and_what_an_earlier_version_wrote_is_read() {
        let mut cursor = Cursor::at(1000);
        cursor.ack_range(1005, 1300);
        let stored = cursor.encode_above();
        for bit in 0..64 {
            assert_eq!(Cursor::decode(1000 ^ (1 << bit), &stored), None);
        }
        for bit in 0..8 * stored.len() {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Cursor::decode(1000, &flipped), None, "bit {bit}");
        }
        assert_eq!(Cursor::decode(1000, &stored[..stored.len() - SEAL]), Some(cursor));
        assert_eq!(Cursor::decode(1000, &[]), Some(Cursor::at(1000)));
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(low in 0_u64..5, acks in prop::collection::vec((1_u64..60, 0_u64..6), 0..40), tip in 0_u64..70) {
            let mut cursor = Cursor::at(low);
            let mut set: BTreeSet<u64> = (1..=low).collect();
            for (first, length) in acks {
                cursor.ack_range(first, first + length);
                set.extend(first..=first + length);
                let expected_low = (1..).take_while(|n| set.contains(n)).last().unwrap_or(0);
                prop_assert_eq!(cursor.low(), expected_low);
                for sequence in 1..70 {
                    prop_assert_eq!(cursor.contains(sequence), set.contains(&sequence));
                }
                let decoded = Cursor::decode(cursor.low(), &cursor.encode_above()).unwrap();
                prop_assert_eq!(&decoded, &cursor);
                let highest = set.last().copied().unwrap_or(0);
                let open = (1..=highest).filter(|n| !set.contains(n)).count() as u64;
                prop_assert_eq!(cursor.open_until(highest), open);
            }
            let mut clamped = cursor.clone();
            clamped.clamp(tip);
            for sequence in 1..70 {
                prop_assert_eq!(clamped.contains(sequence), sequence <= tip && set.contains(&sequence));
            }
            clamped.merge(&cursor);
            prop_assert_eq!(clamped, cursor);
        }

        #[test]
        fn decoding_is_total(low in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Cursor::decode(low, &bytes);
        }
    }
}
