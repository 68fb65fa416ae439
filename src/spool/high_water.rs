//! The mark of what was acknowledged: SQLite ends a damaged log silently, and this file is what notices.
//!
//! 24 bytes: magic, sequence, the record's checksum, and a CRC over these. Written after each commit, so that it is
//! never newer than what is durable, and synced later by the checkpoint thread. Torn, old or absent is no error.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::files;

const MAGIC: &[u8; 8] = b"tdlc-hw1";

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The highest sequence that was acknowledged.
    pub(super) sequence: u64,
    /// The checksum of that record.
    pub(super) checksum: u32,
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct HighWater {
    file: File,
}

impl HighWater {
    /// Opens or makes it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        files::open_private(path).map(|file| HighWater { file })
    }

    /// Writes the mark, without waiting for the disk.
    pub(super) fn write(&self, mark: Mark) -> io::Result<()> {
        self.file.write_all_at(&encode(mark), 0)
    }

    /// Makes the mark durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Reads the mark; `None` when there is none that can be trusted.
pub(super) fn read(path: &Path) -> Option<Mark> {
    decode(&fs::read(path).ok()?)
}

fn encode(mark: Mark) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&mark.sequence.to_le_bytes());
    bytes[16..20].copy_from_slice(&mark.checksum.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Option<Mark> {
    let bytes: &[u8; 24] = bytes.get(..24)?.try_into().ok()?;
    let mark = Mark {
        sequence: u64::from_le_bytes(bytes[8..16].try_into().ok()?),
        checksum: u32::from_le_bytes(bytes[16..20].try_into().ok()?),
    };
    (encode(mark) == *bytes).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_distrusts_what_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("high-water");
        assert_eq!(read(&path), None);
        let mark = Mark { sequence: 7_000_000_000, checksum: 0xdead_beef };
        let file = HighWater::open(&path).unwrap();
        file.write(mark).unwrap();
        file.sync().unwrap();
        assert_eq!(read(&path), Some(mark));
        for torn in 0..24 {
            let mut bytes = encode(mark);
            bytes[torn] ^= 0x10;
            assert_eq!(decode(&bytes), None);
            assert_eq!(decode(&bytes[..torn]), None);
        }
    }
}
