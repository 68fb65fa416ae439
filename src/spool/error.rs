//! What can go wrong, with the next step in the text.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a spool could not be opened. Nothing was changed on disk.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or the directory cannot be made, read or written.
    #[error("cannot use {path}: {source}; check that it exists and that the relay's user may write it")]
    File {
        /// What was to be used.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Another process has the spool.
    #[error(
        "the spool {path} is in use by another process: stop that one, or reach it through its control socket"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// There is no spool to read.
    #[error("there is no spool at {path}: check spool.path; the relay makes one when it starts")]
    Missing {
        /// The database that is not there.
        path: PathBuf,
    },
    /// The file is not ours.
    #[error(
        "{path} is not a spool of tendlc-relay ({found}): move it away or set another spool.path; it was not touched"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: String,
    },
    /// The file is ours and cannot be read.
    #[error(
        "the spool {path} is damaged ({found}): keep a copy, then restore it from a backup, or recover it with `sqlite3 {path} .recover`; it was not touched"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        found: String,
    },
    /// A later version made it unreadable for this one.
    #[error(
        "the spool {path} needs a reader of format {min_reader} or later, this program reads {ours}: run the newer version again"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The oldest format that may read it.
        min_reader: u32,
        /// The format of this program.
        ours: u32,
    },
    /// SQLite refused.
    #[error(
        "the spool {path} cannot be opened: {source}; check the disk and that no other program holds the file"
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// A short name for logs and exit messages.
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::File { .. } => "file",
            OpenError::Locked { .. } => "locked",
            OpenError::Missing { .. } => "missing",
            OpenError::Foreign { .. } => "foreign",
            OpenError::Damaged { .. } => "damaged",
            OpenError::TooNew { .. } => "too_new",
            OpenError::Sqlite { .. } => "sqlite",
        }
    }

    /// Turns an error of SQLite into the words for this file.
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                OpenError::Damaged { path, found: source.to_string() }
            }
            _ => OpenError::Sqlite { path, source },
        }
    }

    /// For mapping the errors of file operations on `path`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| OpenError::File { path: path.to_owned(), source }
    }
}

/// Why a callback was not made durable: it is answered 503 and Plivo tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The cap is reached and nothing may be deleted.
    #[error(
        "the spool has reached spool.max_size and holds only records that are not published: mend the sink that lags, or raise the cap"
    )]
    Full,
    /// The disk is full.
    #[error("the disk of the spool is full: make room; the relay goes on by itself")]
    DiskFull,
    /// This batch failed.
    #[error("the spool could not be written: {0}")]
    Io(String),
    /// An earlier error has not been overcome.
    #[error("the spool refuses appends after a disk error until its files prove good again: check the disk")]
    Poisoned,
    /// More callbacks wait than `queue` allows.
    #[error("too many callbacks wait for the disk: it is slower than they come")]
    Overload,
    /// The spool was closed.
    #[error("the spool is closed")]
    Closed,
}

impl AppendError {
    /// The metric label; one of [`crate::metrics::APPEND_FAILURES`].
    pub fn code(&self) -> &'static str {
        match self {
            AppendError::Full => "full",
            AppendError::DiskFull => "disk_full",
            AppendError::Io(_) => "io",
            AppendError::Poisoned => "poisoned",
            AppendError::Overload => "overload",
            AppendError::Closed => "closed",
        }
    }

    /// Seconds for the `Retry-After` header.
    pub fn retry_after(&self) -> u32 {
        match self {
            AppendError::Full | AppendError::DiskFull => 30,
            AppendError::Io(_) | AppendError::Poisoned | AppendError::Closed => 5,
            AppendError::Overload => 1,
        }
    }
}

/// Why something else than an append failed.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The spool was closed.
    #[error("the spool is closed")]
    Closed,
    /// Writing is refused until the disk is good again.
    #[error("the spool refuses writes after a disk error until its files prove good again: check the disk")]
    Poisoned,
    /// SQLite refused.
    #[error("the spool could not be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// No lane has this name.
    #[error("there is no sink {name:?}: known are {known}")]
    UnknownSink {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The change makes no sense as things stand.
    #[error("{0}")]
    Refused(String),
}

impl SpoolError {
    /// A short name for logs.
    pub fn code(&self) -> &'static str {
        match self {
            SpoolError::Closed => "closed",
            SpoolError::Poisoned => "poisoned",
            SpoolError::Sqlite(_) => "sqlite",
            SpoolError::UnknownSink { .. } => "unknown_sink",
            SpoolError::Refused(_) => "refused",
        }
    }
}

/// What an error of SQLite means for the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// No room on the disk: goes on when there is.
    DiskFull,
    /// Nothing in memory or page cache can be trusted any more.
    Poison,
    /// Another process holds the write lock.
    Busy,
    /// This statement alone.
    Statement,
}

/// Sorts an error of SQLite.
pub(super) fn severity(error: &rusqlite::Error) -> Severity {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Severity::DiskFull,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Severity::Busy,
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed,
        ) => Severity::Poison,
        _ => Severity::Statement,
    }
}
