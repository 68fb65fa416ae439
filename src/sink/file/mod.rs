//! The file sink: JSON Lines, one file a topic. The embedded default: the relay runs with no broker at all.
//!
//! An event is acknowledged after its line was synced to disk. A line that a crash left unfinished was never
//! acknowledged; it is cut off when its file is opened again, and written anew.

mod config;
mod examine;
mod lines;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use self::writer::Line;
use super::Published;
use super::encode::Publication;
use super::error::{CheckError, Code, PublishError};
pub use config::FileConfig;

/// How many lines may wait for the writer.
const QUEUE: usize = 1_024;

/// A sink of files in a directory.
pub struct FileSink {
    dir: PathBuf,
    lines: mpsc::Sender<Line>,
}

impl FileSink {
    /// The writer's thread ends with the sink.
    pub(super) fn new(name: &str, config: &FileConfig) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        writer::spawn(name, config, receiver);
        FileSink { dir: config.dir.clone(), lines: sender }
    }

    /// Appends an event to its topic's file: returns when the line is on disk.
    pub(super) async fn publish(&self, publication: &Publication) -> Result<Published, PublishError> {
        let (done, written) = oneshot::channel();
        let line = Line {
            topic: Arc::clone(&publication.topic),
            payload: publication.parcel.shared_payload(),
            done,
        };
        // Boxed, since it is large and soon over.
        Box::pin(self.lines.send(line)).await.map_err(|_| ended())?;
        match written.await {
            Ok(Ok(())) => Ok(Published::New),
            Ok(Err(problem)) => Err(PublishError::sink(Code::Io, problem)),
            Err(_) => Err(ended()),
        }
    }

    /// Whether files can be made in the directory; makes the directory.
    pub(super) async fn check(&self) -> Result<(), CheckError> {
        let dir = self.dir.clone();
        let found = tokio::task::spawn_blocking(move || probe(&dir)).await;
        found
            .map_err(|_| CheckError::blocking(Code::Io, "the check of the directory was interrupted"))?
            .map_err(|error| {
                let dir = self.dir.display();
                let reason =
                    format!("directory {dir}: {error}: make it writable for the relay, or correct `dir`");
                CheckError::blocking(Code::Io, reason)
            })
    }
}

fn probe(dir: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    tempfile::tempfile_in(dir).map(|_| ())
}

fn ended() -> PublishError {
    PublishError::sink(Code::Io, "the writer of files has ended: restart the relay")
}

#[cfg(test)]
mod tests;
