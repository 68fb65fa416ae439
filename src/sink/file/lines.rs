//! One topic's file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::event::Timestamp;
use crate::spool::sync_directory;

/// A file of whole lines, open at its end.
pub(super) struct Lines {
    path: PathBuf,
    file: File,
    /// The end of the last line that is surely on disk.
    end: u64,
}

impl Lines {
    /// Opens a topic's file, or makes it. Cuts off a line that was left unfinished.
    pub(super) fn open(dir: &Path, topic: &str) -> io::Result<Self> {
        let path = dir.join(format!("{topic}.jsonl"));
        std::fs::create_dir_all(dir)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let length = file.metadata()?.len();
        let end = last_line_end(&mut file, length)?;
        if end < length {
            tracing::warn!(file = %path.display(), bytes = length - end, "cut off an unfinished line");
            file.set_len(end)?;
        }
        file.seek(SeekFrom::Start(end))?;
        sync_directory(dir)?;
        Ok(Lines { path, file, end })
    }

    /// Whether the path still leads to this file: it does not after somebody moved or deleted it.
    pub(super) fn is_current(&self) -> bool {
        let ours = self.file.metadata();
        let there = std::fs::metadata(&self.path);
        matches!((ours, there), (Ok(ours), Ok(there)) if ours.ino() == there.ino() && ours.dev() == there.dev())
    }

    /// Appends whole lines and syncs them. After an error nothing of them is left.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.file.set_len(self.end)?;
            self.file.seek(SeekFrom::Start(self.end))?;
            return Err(error);
        }
        self.end += lines.len() as u64;
        Ok(())
    }

    /// The file's length.
    pub(super) fn len(&self) -> u64 {
        self.end
    }

    /// Gives the file a name with the time, so that the next line begins a new one.
    pub(super) fn set_aside(self) -> io::Result<()> {
        let stem = self.path.with_extension("");
        let mut millis = Timestamp::now().as_millis();
        let target = loop {
            let target = PathBuf::from(format!("{}.{millis}.jsonl", stem.display()));
            if !target.exists() {
                break target;
            }
            millis += 1;
        };
        std::fs::rename(&self.path, target)?;
        self.path.parent().map_or(Ok(()), sync_directory)
    }
}

/// The offset after the last line feed.
fn last_line_end(file: &mut File, length: u64) -> io::Result<u64> {
    const CHUNK: u64 = 64 * 1024;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        let mut chunk = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.read_exact(&mut chunk)?;
        if let Some(position) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + position as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
