//! What the operator can set.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// Bytes of a page with its header in the log.
pub(super) const FRAME: u64 = 4096 + 24;

/// The spool's configuration, table `[spool]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// The directory that holds the spool: on a local disk, used by one relay.
    pub path: PathBuf,
    /// The cap on pages in use and log. At the cap the oldest published records go first, then callbacks are
    /// answered 503.
    pub max_size: Size,
    /// How long records stay after they were received, once they are published.
    pub retention: Span,
    /// How long after its first acceptance the same content counts as a retry. Plivo's last retry comes 452 s
    /// after its first attempt.
    pub dedupe_window: Span,
    /// How many different contents are kept for one signature that came with other content before.
    pub quarantine_per_signature: u32,
    /// How many quarantined callbacks are kept in all.
    pub quarantine_max: u32,
    /// How many held-back duplicates are kept; beyond it the oldest go.
    pub held_max: u32,
    /// The ballast file: disk space set aside so that acknowledgements can be written on a full disk. 0 is none.
    pub reserve: Size,
    /// The size of SQLite's log above which appends wait for a checkpoint that restarts it.
    pub wal_limit: Size,
    /// How many callbacks may wait for the writer; one more is answered 503.
    pub queue: usize,
    /// How many callbacks one commit may hold.
    pub group_max: usize,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        SpoolConfig {
            path: PathBuf::from("./var/spool"),
            max_size: Size::from_gib(10),
            retention: Span::from_secs(30 * 86_400),
            dedupe_window: Span::from_secs(8 * 60),
            quarantine_per_signature: 16,
            quarantine_max: 10_000,
            held_max: 10_000,
            reserve: Size::from_mib(16),
            wal_limit: Size::from_mib(64),
            queue: 4096,
            group_max: 512,
        }
    }
}

impl SpoolConfig {
    /// The smallest cap: room for the schema, a log and some records.
    const MIN_SIZE: Size = Size::from_mib(1);

    /// Says what is impossible, by key and with what is accepted.
    ///
    /// # Errors
    /// The first impossible value, in words.
    pub fn validate(&self) -> Result<(), String> {
        let at_least = |key: &str, good: bool, accepted: &str| {
            if good { Ok(()) } else { Err(format!("{key}: accepted is {accepted}")) }
        };
        at_least("path", !self.path.as_os_str().is_empty(), "the path of a directory")?;
        at_least("max_size", self.max_size >= Self::MIN_SIZE, "1MiB or more")?;
        at_least("wal_limit", self.wal_limit >= Size::from_kib(256), "256KiB or more")?;
        at_least("dedupe_window", self.dedupe_window.as_millis() <= 86_400_000, "at most 1d")?;
        at_least("retention", self.retention >= self.dedupe_window, "at least the dedupe_window")?;
        at_least("queue", (1..=1_000_000).contains(&self.queue), "1 to 1000000")?;
        at_least("group_max", (1..=10_000).contains(&self.group_max), "1 to 10000")
    }

    /// The limit on the log in frames: a page with its header.
    pub(super) fn wal_limit_frames(&self) -> u64 {
        self.effective_wal_limit() / FRAME
    }

    /// The limit on the log that leaves room for records under a small cap.
    pub(super) fn effective_wal_limit(&self) -> u64 {
        self.wal_limit.bytes().min(self.max_size.bytes() / 4)
    }
}

/// Where the cursor of a new sink starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// With the next callback.
    Now,
    /// With the oldest record that the spool holds.
    #[default]
    Oldest,
}

/// What the spool has to know of a sink: who owns the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSpec {
    /// The sink's name; its cursor is stored under it.
    pub name: String,
    /// Whether unpublished records of this sink hold up appends when the spool is full.
    pub required: bool,
    /// Where a sink seen for the first time starts.
    pub start: Start,
}
