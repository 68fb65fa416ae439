//! The control socket: how a command reaches the relay that has the spool.
//!
//! A Unix socket `control.sock` (0600) in the spool's directory. One connection carries one request and one answer,
//! each a line of JSON. Whoever holds the spool's lock owns the socket, so a file that is there already when the
//! relay starts was left by one that is gone.

mod client;
mod server;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::ask;
pub use server::{Control, Reach};

use crate::spool::{ChangeDone, Order};

/// The socket's name in the spool's directory.
const SOCKET: &str = "control.sock";

/// The longest line either side reads: a part of an import with the largest body that the relay takes, in base64.
const LINE_MAX: u64 = 32 << 20;

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A change of the spool.
    Change(Box<Order>),
    /// How the lanes are doing, which only the running relay knows.
    Lanes,
    /// Be no longer ready, until the next start, and go on with everything else.
    Drain,
}

/// What the relay answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The change is made and durable; or, where it was to be rehearsed, what it would come to.
    Done(ChangeDone),
    /// One object a lane.
    Lanes(Value),
    /// The relay is not ready any more.
    Draining,
    /// It was not done.
    Failed {
        /// A short name.
        code: String,
        /// In words.
        message: String,
    },
}

/// Why the socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be made.
    #[error("cannot listen on {path}: {source}; check that the relay's user may write the directory")]
    Bind {
        /// The socket.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Something is wrong with the socket of a running relay.
    #[error("cannot reach the relay at {path}: {source}; run the command as the relay's user")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The answer makes no sense.
    #[error(
        "the relay at {path} gave no answer that this version understands: {what}; is it another version?"
    )]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What came.
        what: String,
    },
}

impl ControlError {
    /// A short name.
    pub const fn code(&self) -> &'static str {
        match self {
            ControlError::Bind { .. } => "bind",
            ControlError::Connect { .. } => "connect",
            ControlError::Answer { .. } => "answer",
        }
    }
}

/// The longest path that a socket's address can hold, with room for the name before the rename.
const ADDRESS_MAX: usize = 90;

/// A name for a file of the directory that fits into a socket's address, however long the directory's own is. The
/// handle has to live as long as the name is used.
fn address(dir: &Path, name: &str) -> std::io::Result<(PathBuf, std::fs::File)> {
    use std::os::fd::AsRawFd;
    let handle = std::fs::File::open(dir)?;
    let path = dir.join(name);
    if path.as_os_str().len() <= ADDRESS_MAX {
        return Ok((path, handle));
    }
    Ok((PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())).join(name), handle))
}
