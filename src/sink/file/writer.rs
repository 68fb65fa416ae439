//! The thread that writes lines: all that wait go out together, with one sync a file.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::config::FileConfig;
use super::lines::Lines;

/// A line to be written.
pub(super) struct Line {
    /// The topic, which is a legal name of a file: templates are validated, accounts sanitized.
    pub(super) topic: Arc<str>,
    /// The event, without a line feed.
    pub(super) payload: Bytes,
    /// Gets the outcome.
    pub(super) done: oneshot::Sender<Result<(), String>>,
}

/// How many files stay open.
const MOST_OPEN: usize = 64;

/// How many lines go out together.
const GROUP: usize = 512;

/// Starts the thread; it ends when the last sender is gone.
pub(super) fn spawn(sink: &str, config: &FileConfig, mut lines: mpsc::Receiver<Line>) {
    let mut writer = Writer {
        dir: config.dir.clone(),
        rotate_at: config.rotate_size.map(|size| size.bytes()),
        open: HashMap::new(),
    };
    let run = move || {
        let mut group = Vec::with_capacity(GROUP);
        while lines.blocking_recv_many(&mut group, GROUP) > 0 {
            writer.write(group.drain(..));
        }
    };
    if let Err(error) = std::thread::Builder::new().name(format!("sink-{sink}")).spawn(run) {
        // The receiver is dropped: every publication reports that the writer has ended.
        tracing::error!(sink, %error, "the thread that writes files cannot be started");
    }
}

struct Writer {
    dir: PathBuf,
    rotate_at: Option<u64>,
    open: HashMap<Arc<str>, Lines>,
}

/// The lines of one file.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
}

impl Writer {
    fn write(&mut self, group: impl Iterator<Item = Line>) {
        let mut batches: HashMap<Arc<str>, Batch> = HashMap::new();
        for line in group {
            let batch = batches.entry(line.topic).or_default();
            batch.bytes.extend_from_slice(&line.payload);
            batch.bytes.push(b'\n');
            batch.waiting.push(line.done);
        }
        for (topic, batch) in batches {
            let outcome = self.append(&topic, &batch.bytes).map_err(|error| {
                // Opened anew next time: after a failed sync nothing that is cached about the file can be trusted.
                self.open.remove(&topic);
                let file = self.dir.join(format!("{topic}.jsonl"));
                format!("{}: {error}: make room, or make the directory writable", file.display())
            });
            for done in batch.waiting {
                // Whoever does not wait any more does not need the answer.
                let _ = done.send(outcome.clone());
            }
        }
    }

    fn append(&mut self, topic: &Arc<str>, bytes: &[u8]) -> io::Result<()> {
        let mut lines = match self.open.remove(topic).filter(Lines::is_current) {
            Some(lines) => lines,
            None => Lines::open(&self.dir, topic)?,
        };
        if self.rotate_at.is_some_and(|limit| lines.len() > 0 && lines.len() + bytes.len() as u64 > limit) {
            lines.set_aside()?;
            lines = Lines::open(&self.dir, topic)?;
        }
        lines.append(bytes)?;
        if self.open.len() >= MOST_OPEN {
            self.open.clear();
        }
        self.open.insert(Arc::clone(topic), lines);
        Ok(())
    }
}
