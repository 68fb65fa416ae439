//! The ledger: what was sent, how, and what was answered.
//!
//! A file of JSON Lines. The first line says whose it is; each other one is a [`Delivery`], written when it ended.
//! Tokens are never in it. One run, one file: times of different runs cannot be compared, so a file that is there
//! already is refused.

mod label;
mod line;
mod summary;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

pub use label::{Class, Label};
pub use line::{Attempt, Delivery, Outcome};
pub use summary::Summary;

/// The version of the file's format.
pub const VERSION: u32 = 2;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`VERSION`] of who wrote it.
    pub plivo_sim_ledger: u32,
    /// When, RFC 3339.
    pub started: String,
    /// The seed of chance.
    pub seed: u64,
}

/// A ledger that is being written. Clones write the same.
#[derive(Clone)]
pub struct Ledger(Arc<Mutex<Book>>);

struct Book {
    out: Option<BufWriter<File>>,
    summary: Summary,
    failed: Option<io::Error>,
}

impl Ledger {
    /// A ledger in a new file, or, without one, only a summary.
    ///
    /// # Errors
    /// When the file is there already or cannot be made.
    pub fn create(path: Option<&Path>, clock: &Clock, seed: u64) -> io::Result<Self> {
        let head = Head { plivo_sim_ledger: VERSION, started: clock.now().0, seed };
        let out = match path {
            None => None,
            Some(path) => {
                let mut out = BufWriter::new(File::create_new(path)?);
                write_line(&mut out, &head)?;
                Some(out)
            }
        };
        Ok(Ledger(Arc::new(Mutex::new(Book { out, summary: Summary::default(), failed: None }))))
    }

    /// Writes a line. The first failure is told at once and kept for [`Ledger::finish`]; nothing is written after it, since
    /// what comes after a gap proves nothing.
    pub fn add(&self, delivery: &Delivery) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.summary.add(delivery);
        let Book { out: Some(out), failed: failed @ None, .. } = &mut *book else { return };
        *failed = write_line(out, delivery).err();
        if let Some(error) = failed {
            // Whoever does not read it learns it from the exit code.
            let _ = writeln!(
                io::stderr(),
                "plivo-sim: writing the ledger: {error}; it ends here, and proves nothing"
            );
        }
    }

    /// What has been written so far, in sum.
    ///
    /// # Errors
    /// When a line could not be written.
    pub fn finish(&self) -> io::Result<Summary> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &book.failed {
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(book.summary.clone()),
        }
    }
}

/// A whole line goes out at once, so that whoever reads along, or after a kill, finds no half ones.
fn write_line(out: &mut BufWriter<File>, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The time of day, and one that never jumps: that of the runtime's timers.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    at: OffsetDateTime,
}

impl Clock {
    /// Starts it.
    pub fn start() -> Self {
        Clock { began: Instant::now(), at: OffsetDateTime::now_utc() }
    }

    /// Now: in RFC 3339, and in nanoseconds since the start.
    pub fn now(&self) -> (String, u64) {
        let passed = self.began.elapsed();
        let text = (self.at + passed).format(&Rfc3339).unwrap_or_default();
        (text, u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let clock = Clock::start();
        let ledger = Ledger::create(Some(&path), &clock, 7).unwrap();
        ledger.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let head: Head = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((head.plivo_sim_ledger, head.seed), (VERSION, 7));
        let again = Ledger::create(Some(&path), &clock, 7).err().unwrap();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
