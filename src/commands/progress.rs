//! How far long work is: one line on a terminal, and nothing elsewhere.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the line is written anew. Work that is done before the first time is not worth a line.
const EVERY: Duration = Duration::from_secs(1);

/// Clears the line that the cursor is in.
const CLEAR: &str = "\r\u{1b}[K";

/// How many of something, in words.
type InWords = fn(u64) -> String;

/// Work that is told of on standard error, where that is a terminal, until this is dropped.
pub(super) struct Progress {
    work: Arc<Work>,
    teller: Option<Teller>,
}

struct Work {
    what: &'static str,
    count: Option<Count>,
    /// What else there is to say of it now.
    note: Mutex<String>,
}

struct Count {
    done: AtomicU64,
    total: Option<u64>,
    in_words: InWords,
}

/// A thread that writes the line, and what ends it.
struct Teller {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Work of which nothing but its beginning and its end can be seen.
    pub(super) fn of(what: &'static str) -> Self {
        Progress::begin(what, None)
    }

    /// Work that is done piece by piece, out of so many where that is known.
    pub(super) fn counting(what: &'static str, total: Option<u64>, in_words: InWords) -> Self {
        Progress::begin(what, Some(Count { done: AtomicU64::new(0), total, in_words }))
    }

    fn begin(what: &'static str, count: Option<Count>) -> Self {
        let work = Arc::new(Work { what, count, note: Mutex::default() });
        let teller = io::stderr().is_terminal().then(|| Teller::of(Arc::clone(&work)));
        Progress { work, teller }
    }

    /// So many more pieces are done.
    pub(super) fn add(&self, pieces: u64) {
        if let Some(count) = &self.work.count {
            count.done.fetch_add(pieces, Ordering::Relaxed);
        }
    }

    /// What there is to say of it now.
    pub(super) fn note(&self, note: String) {
        *self.work.note.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Some(Teller { end, thread }) = self.teller.take() else { return };
        drop(end);
        // What comes next is written where the line was. A teller that panicked has no line any more.
        let _ = thread.join();
    }
}

impl Work {
    fn line(&self, elapsed: Duration) -> String {
        let mut line = self.what.to_owned();
        if let Some(Count { done, total, in_words }) = &self.count {
            let done = done.load(Ordering::Relaxed);
            let far = match total {
                Some(total) => format!("{done} of {}", in_words(*total)),
                None => in_words(done),
            };
            line += &format!(": {far}");
        }
        let note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        if !note.is_empty() {
            line += &format!(": {note}");
        }
        format!("{line} ({} s)", elapsed.as_secs())
    }
}

impl Teller {
    fn of(work: Arc<Work>) -> Self {
        let (end, ended) = channel();
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // A longer one could not be cleared.
                let line: String = work.line(begun.elapsed()).chars().take(width()).collect();
                // A terminal that went away wants no more lines; the work goes on.
                let _ = write!(io::stderr(), "{CLEAR}{line}");
            }
            if begun.elapsed() >= EVERY {
                let _ = write!(io::stderr(), "{CLEAR}");
            }
        });
        Teller { end, thread }
    }
}

/// How many characters fit into a line.
fn width() -> usize {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    // A terminal that does not say is as wide as they were.
    if columns == 0 { 79 } else { usize::from(columns) - 1 }
}

/// Bytes that are written, as pieces of work.
pub(super) struct Counted<'p, W> {
    pub(super) out: W,
    pub(super) progress: &'p Progress,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.progress.add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(progress: &Progress) -> String {
        progress.work.line(Duration::from_millis(12_300))
    }

    #[test]
    fn the_line_tells_what_is_done_how_far_and_for_how_long() {
        assert_eq!(line(&Progress::of("checking the spool")), "checking the spool (12 s)");

        let lines = |count| format!("{count} lines");
        let taking_in = Progress::counting("taking in", Some(40), lines);
        taking_in.add(2);
        taking_in.add(5);
        assert_eq!(line(&taking_in), "taking in: 7 of 40 lines (12 s)");

        let export = Progress::counting("exporting", None, lines);
        let mut out = Counted { out: Vec::new(), progress: &export };
        out.write_all(b"seven\n\n").unwrap();
        assert_eq!(
            (out.out.as_slice(), line(&export)),
            (&b"seven\n\n"[..], "exporting: 7 lines (12 s)".to_owned())
        );

        let waiting = Progress::of("waiting");
        waiting.note("2 left".to_owned());
        waiting.note("1 left".to_owned());
        assert_eq!(line(&waiting), "waiting: 1 left (12 s)");
    }
}
