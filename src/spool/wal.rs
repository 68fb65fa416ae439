//! Looks at SQLite's log before SQLite does: SQLite ends it silently at the first frame that does not fit, and
//! overwrites what comes after.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

/// What the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    /// Nothing in it, or there is none.
    Empty,
    /// Every current frame fits, but for a tail that a crash may leave.
    Intact,
    /// Its header does not fit, so that SQLite would ignore all of it.
    HeaderDamaged,
    /// A frame does not fit although current frames follow it.
    Damaged {
        /// The frame, counted from 0.
        frame: u64,
    },
}

impl Log {
    /// Whether SQLite would silently ignore current frames.
    pub(super) fn is_damaged(self) -> bool {
        matches!(self, Log::HeaderDamaged | Log::Damaged { .. })
    }
}

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Reads the log through. A commit is synced before the next one is begun, so an unfinished write leaves frames that do not
/// fit within one commit only, the last one; any of its sectors may have arrived. Frames that follow its end were written
/// after it was synced: then the disk lost something that it had. What is known to be of this round by nothing but its
/// salts may be an old frame with a sector of a new one; so only frames count that fit the one before them.
///
/// Damage in the last two commits looks like an unfinished write. What was acknowledged is compared with the mark.
pub(super) fn inspect(path: &Path) -> io::Result<Log> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::with_capacity(256 << 10, file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Log::Empty),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? {
        return Ok(Log::Empty);
    }
    let Some(mut frames) = Frames::start(&header) else {
        // A header is synced before the first frame is written: one that has not arrived has nothing after it.
        let never_arrived = header == [0; HEADER] && !fill(&mut file, &mut [0])?;
        return Ok(if never_arrived { Log::Empty } else { Log::HeaderDamaged });
    };
    let mut frame = vec![0; FRAME_HEADER + frames.page_size];
    let mut number = 0;
    let mut misfit = None;
    // Whether a commit ended after the misfit.
    let mut ended = false;
    while fill(&mut file, &mut frame)? {
        let (current, fits) = (frames.is_current(&frame), frames.fits(&frame));
        match misfit {
            None if !current => break, // The end of what was written since the log was last restarted.
            None if !fits => misfit = Some(number),
            Some(misfit) if current && fits && ended => return Ok(Log::Damaged { frame: misfit }),
            Some(_) if current && fits => ended = ends_commit(&frame),
            None | Some(_) => {}
        }
        number += 1;
    }
    Ok(Log::Intact)
}

/// Whether the frame says that it is the last of a commit.
fn ends_commit(frame: &[u8]) -> bool {
    word(frame, 4) != 0
}

/// The running checksum over a log's frames.
struct Frames {
    page_size: usize,
    big_endian: bool,
    salts: [u8; 8],
    sum: (u32, u32),
}

impl Frames {
    fn start(header: &[u8; HEADER]) -> Option<Self> {
        let magic = word(header, 0);
        if magic & !1 != 0x377f_0682 || word(header, 4) != 3_007_000 {
            return None;
        }
        let page_size = usize::try_from(word(header, 8)).ok()?;
        if !page_size.is_power_of_two() || !(512..=65_536).contains(&page_size) {
            return None;
        }
        let mut salts = [0; 8];
        salts.copy_from_slice(&header[16..24]);
        let mut frames = Frames { page_size, big_endian: magic & 1 == 1, salts, sum: (0, 0) };
        frames.add(&header[..24]);
        (frames.sum == (word(header, 24), word(header, 28))).then_some(frames)
    }

    /// Whether the frame was written since the log was last restarted.
    fn is_current(&self, frame: &[u8]) -> bool {
        frame[8..16] == self.salts
    }

    /// Whether the frame fits what the one before it says of itself.
    fn fits(&mut self, frame: &[u8]) -> bool {
        self.add(&frame[..8]);
        self.add(&frame[FRAME_HEADER..]);
        let said = (word(frame, 16), word(frame, 20));
        word(frame, 0) != 0 && std::mem::replace(&mut self.sum, said) == said
    }

    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let (first, second) = (self.operand(pair, 0), self.operand(pair, 4));
            self.sum.0 = self.sum.0.wrapping_add(first).wrapping_add(self.sum.1);
            self.sum.1 = self.sum.1.wrapping_add(second).wrapping_add(self.sum.0);
        }
    }

    fn operand(&self, bytes: &[u8], at: usize) -> u32 {
        let value = word(bytes, at);
        if self.big_endian { value } else { value.swap_bytes() }
    }
}

/// A big-endian word; the caller has checked the length.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// Fills the buffer; `false` at the end of the file, also in the middle of a frame.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use rusqlite::config::DbConfig;

    use super::*;

    fn log_of(commits: usize) -> (tempfile::TempDir, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("a.db")).unwrap();
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
        for _ in 0..commits {
            conn.execute("INSERT INTO t VALUES (zeroblob(9000))", []).unwrap();
        }
        drop(conn);
        let bytes = std::fs::read(dir.path().join("a.db-wal")).unwrap();
        (dir, bytes)
    }

    fn inspect_bytes(dir: &Path, bytes: &[u8]) -> Log {
        let path = dir.join("copy");
        std::fs::write(&path, bytes).unwrap();
        inspect(&path).unwrap()
    }

    #[test]
    fn tells_a_crash_from_damage() {
        let (dir, bytes) = log_of(5);
        let dir = dir.path();
        let frame = FRAME_HEADER + 4096;
        let frames = (bytes.len() - HEADER) / frame;
        assert!(frames > 10);
        assert_eq!(inspect(&dir.join("none")).unwrap(), Log::Empty);
        assert_eq!(inspect_bytes(dir, &[]), Log::Empty);
        assert_eq!(inspect_bytes(dir, &[0; HEADER]), Log::Empty);
        assert_eq!(inspect_bytes(dir, &[0; HEADER + 1]), Log::HeaderDamaged);
        assert_eq!(inspect_bytes(dir, &bytes), Log::Intact);
        // Cut anywhere: what a crash leaves.
        for cut in [HEADER, HEADER + 1, HEADER + 3 * frame, HEADER + 3 * frame + 24, bytes.len() - 1] {
            assert_eq!(inspect_bytes(dir, &bytes[..cut]), Log::Intact, "cut at {cut}");
        }
        // Any frame of the last commit torn: also what a crash leaves.
        let flag = |number: usize| word(&bytes, HEADER + number * frame + 4) != 0;
        let last = (0..frames - 1).rev().find(|number| flag(*number)).unwrap() + 1;
        assert!(last < frames - 1, "a commit of several frames");
        for number in last..frames {
            let mut torn = bytes.clone();
            torn[HEADER + number * frame + 100] ^= 1;
            assert_eq!(inspect_bytes(dir, &torn), Log::Intact, "frame {number}");
            torn[HEADER + number * frame..][..frame].fill(0);
            assert_eq!(inspect_bytes(dir, &torn), Log::Intact, "frame {number}");
        }
        // One that commits follow: damage.
        for number in [0, 4] {
            let mut damaged = bytes.clone();
            damaged[HEADER + number * frame + 100] ^= 1;
            assert_eq!(inspect_bytes(dir, &damaged), Log::Damaged { frame: number as u64 });
        }
        let mut headless = bytes.clone();
        headless[20] ^= 1;
        assert_eq!(inspect_bytes(dir, &headless), Log::HeaderDamaged);
    }

    #[test]
    fn frames_of_an_earlier_round_are_no_damage() {
        let (dir, _) = log_of(5);
        let conn = Connection::open(dir.path().join("a.db")).unwrap();
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        conn.execute("INSERT INTO t VALUES (1)", []).unwrap();
        drop(conn);
        assert_eq!(inspect(&dir.path().join("a.db-wal")).unwrap(), Log::Intact);
    }
}
