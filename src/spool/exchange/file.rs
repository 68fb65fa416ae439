//! The file: written line by line, and read so that nothing but a whole one passes.

use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Line;
use crate::event::Timestamp;

/// The format that this program writes, and the highest that it reads.
const FORMAT: u32 = 1;

/// The longest line: a body of 16 MiB in base64, and what stands around it.
const LINE_MAX: u64 = 32 << 20;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format.
    pub format: u32,
    /// The program's version.
    pub program: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The highest number that its spool had given.
    pub tip: u64,
    /// The sinks that its spool had.
    pub sinks: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct FirstLine {
    tendlc_relay_export: Header,
}

#[derive(Serialize, Deserialize)]
struct LastLine {
    end: End,
}

#[derive(Serialize, Deserialize)]
struct End {
    /// How many come before it.
    lines: u64,
    /// Of all that comes before it.
    sha256: String,
}

/// Of a whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What it says of itself.
    pub header: Header,
    /// The SHA-256 that it ends with: its name in the audit.
    pub sha256: String,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// It is something else.
    #[error("{path} is not an export of a spool: `spool export` makes one")]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A later version made it.
    #[error(
        "{path} is an export of format {format}, made by version {program}; this program reads up to {FORMAT}: run the newer version"
    )]
    TooNew {
        /// Which.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// Who made it.
        program: String,
    },
    /// It has no end.
    #[error("{path} is cut short after {lines} lines: copy it again, or make another export")]
    CutShort {
        /// Which.
        path: PathBuf,
        /// How many there are.
        lines: u64,
    },
    /// It is not what was written.
    #[error("{path} is damaged ({what}): copy it again, or make another export")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where, or how.
        what: String,
    },
}

/// The first line of a file made now.
pub(in crate::spool) fn header(tip: u64, sinks: Vec<String>) -> Header {
    let program = env!("CARGO_PKG_VERSION").to_owned();
    Header { format: FORMAT, program, made_at: Timestamp::now(), tip, sinks }
}

/// A file being written.
pub(in crate::spool) struct Writing<W> {
    out: W,
    hasher: Sha256,
    lines: u64,
}

impl<W: Write> Writing<W> {
    /// Begins with the first line.
    pub(in crate::spool) fn begin(out: W, header: Header) -> io::Result<Self> {
        let mut writing = Writing { out, hasher: Sha256::new(), lines: 0 };
        writing.add(&FirstLine { tendlc_relay_export: header })?;
        Ok(writing)
    }

    /// Adds a line.
    pub(in crate::spool) fn line(&mut self, line: &Line) -> io::Result<()> {
        self.add(line)
    }

    /// Writes the last line; the SHA-256 in it.
    pub(in crate::spool) fn end(mut self) -> io::Result<String> {
        let sha256 = HEXLOWER.encode(&self.hasher.finalize_reset());
        let end = End { lines: self.lines, sha256: sha256.clone() };
        self.add(&LastLine { end })?;
        self.out.flush()?;
        Ok(sha256)
    }

    fn add(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.hasher.update(&bytes);
        self.lines += 1;
        self.out.write_all(&bytes)
    }
}

/// Reads a file to its end and shows each of its lines. Only when this returns `Ok` is what was shown known to be whole:
/// whoever acts on it reads the file once before.
///
/// # Errors
/// When the file is none, is too new, cut short or damaged; or what `see` says.
pub fn read<E: From<ExchangeError>>(
    path: &Path,
    mut input: impl BufRead,
    mut see: impl FnMut(Line) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut lines = Lines { path, hasher: Sha256::new(), count: 0, bytes: Vec::new() };
    let header = lines.header(&mut input)?;
    loop {
        let before = lines.count;
        if !lines.next(&mut input)? {
            return Err(ExchangeError::CutShort { path: path.to_owned(), lines: before }.into());
        }
        match serde_json::from_slice(&lines.bytes) {
            Ok(line) => {
                lines.took();
                see(line)?;
            }
            Err(error) => {
                let sha256 = lines.end(&error, &mut input)?;
                return Ok(Summary { header, sha256 });
            }
        }
    }
}

struct Lines<'p> {
    path: &'p Path,
    hasher: Sha256,
    /// Lines read, with the one in `bytes`.
    count: u64,
    bytes: Vec<u8>,
}

impl Lines<'_> {
    /// Reads one; whether there is one with its end.
    fn next(&mut self, input: &mut impl BufRead) -> Result<bool, ExchangeError> {
        self.bytes.clear();
        let read = input.take(LINE_MAX).read_until(b'\n', &mut self.bytes);
        read.map_err(|source| ExchangeError::File { path: self.path.to_owned(), source })?;
        self.count += 1;
        if self.bytes.len() as u64 == LINE_MAX {
            return Err(self.damaged(format!("line {} is too long", self.count)));
        }
        Ok(self.bytes.ends_with(b"\n"))
    }

    fn took(&mut self) {
        self.hasher.update(&self.bytes);
    }

    fn header(&mut self, input: &mut impl BufRead) -> Result<Header, ExchangeError> {
        let foreign = || ExchangeError::Foreign { path: self.path.to_owned() };
        // Only as far as a first line goes: something else may have no lines at all.
        let has_line = self.next(input).map_err(|error| match error {
            ExchangeError::Damaged { path, .. } => ExchangeError::Foreign { path },
            error => error,
        })?;
        let first: serde_json::Value = serde_json::from_slice(&self.bytes).map_err(|_| foreign())?;
        let Some(told) = first.get("tendlc_relay_export").filter(|_| has_line) else { return Err(foreign()) };
        let format = told["format"].as_u64().and_then(|format| u32::try_from(format).ok());
        if let Some(format) = format.filter(|format| *format > FORMAT) {
            let program = told["program"].as_str().unwrap_or("unknown").chars().take(32).collect();
            return Err(ExchangeError::TooNew { path: self.path.to_owned(), format, program });
        }
        let FirstLine { tendlc_relay_export: header } =
            serde_json::from_value(first).map_err(|error| self.damaged(format!("line 1: {error}")))?;
        self.took();
        Ok(header)
    }

    /// The line is none of the others: it has to be the last one. Its SHA-256.
    fn end(&mut self, error: &serde_json::Error, input: &mut impl BufRead) -> Result<String, ExchangeError> {
        let Ok(LastLine { end }) = serde_json::from_slice(&self.bytes) else {
            return Err(self.damaged(format!("line {}: {error}", self.count)));
        };
        if end.lines != self.count - 1 || end.sha256 != HEXLOWER.encode(&self.hasher.finalize_reset()) {
            return Err(self.damaged("its checksum does not match".to_owned()));
        }
        self.next(input)?;
        if self.bytes.is_empty() {
            Ok(end.sha256)
        } else {
            Err(self.damaged("something comes after its end".to_owned()))
        }
    }

    fn damaged(&self, what: String) -> ExchangeError {
        ExchangeError::Damaged { path: self.path.to_owned(), what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::exchange::{EntityLine, FingerprintLine};

    fn written() -> Vec<u8> {
        let mut out = Vec::new();
        let mut writing = Writing::begin(&mut out, header(7, vec!["files".to_owned()])).unwrap();
        for line in lines() {
            writing.line(&line).unwrap();
        }
        writing.end().unwrap();
        out
    }

    fn lines() -> [Line; 2] {
        let at = Timestamp::from_millis(5);
        let status = crate::event::Status::Created;
        let (account, endpoint, entity) = ("MA".to_owned(), "brand".to_owned(), "B1\n".to_owned());
        [
            Line::Fingerprint(FingerprintLine { fingerprint: [9; 32], occurrence: 3, accepted_at: at }),
            Line::Entity(EntityLine { account, endpoint, entity, status, at }),
        ]
    }

    fn read_back(bytes: &[u8]) -> Result<(Summary, Vec<Line>), ExchangeError> {
        let mut seen = Vec::new();
        let summary = read(Path::new("x.jsonl"), bytes, |line| {
            seen.push(line);
            Ok::<_, ExchangeError>(())
        })?;
        Ok((summary, seen))
    }

    #[test]
    fn what_was_written_is_read_back() {
        let (summary, seen) = read_back(&written()).unwrap();
        assert_eq!((summary.header.tip, summary.header.sinks), (7, vec!["files".to_owned()]));
        assert_eq!((seen, summary.sha256.len()), (lines().to_vec(), 64));
    }

    #[test]
    fn no_part_of_it_passes_for_the_whole() {
        let bytes = written();
        let first = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        for length in 0..bytes.len() {
            match read_back(&bytes[..length]).unwrap_err() {
                ExchangeError::Foreign { .. } => assert!(length <= first, "{length}"),
                ExchangeError::CutShort { .. } => assert!(length > first, "{length}"),
                other => panic!("{length}: {other}"),
            }
        }
        let more = [bytes.as_slice(), b"{}\n"].concat();
        assert!(read_back(&more).unwrap_err().to_string().contains("after its end"));
    }

    #[test]
    fn no_flipped_bit_passes() {
        let bytes = written();
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // The last line's end may be lost, and with it the last line.
            assert!(read_back(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_later_format_and_a_foreign_file_are_named() {
        let text = String::from_utf8(written()).unwrap();
        let newer = text.replace("\"format\":1", "\"format\":2");
        assert!(read_back(newer.as_bytes()).unwrap_err().to_string().contains("export of format 2"));
        for foreign in ["", "{}\n", "SQLite format 3\0", "[1]\n", "\u{1b}[31m\n"] {
            let error = read_back(foreign.as_bytes()).unwrap_err();
            assert!(matches!(error, ExchangeError::Foreign { .. }), "{foreign:?}: {error}");
        }
    }
}
