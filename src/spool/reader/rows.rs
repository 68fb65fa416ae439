//! What stands in the spool besides records: status, cursors, dead letters, what is held back or quarantined.

use rusqlite::{OptionalExtension, Row};
use serde::Serialize;

use super::super::cursor::Cursor;
use super::super::seek::first_from;
use super::super::state::State;
use super::super::{Only, SpoolError, schema, space};
use super::{SpoolReader, time};
use crate::event::Timestamp;

/// The spool at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpoolStatus {
    /// The directory.
    pub path: String,
    /// The format of the file, and the oldest that may read it.
    pub format: u32,
    /// The oldest format that may read it.
    pub min_reader: u32,
    /// Pages in use and the log.
    pub bytes: u64,
    /// The cap on them, as of the relay's last start.
    pub cap: u64,
    /// Bytes of the files on disk.
    pub file_bytes: u64,
    /// Records held, published or not.
    pub records: u64,
    /// The oldest record's number.
    pub first: Option<u64>,
    /// The highest number given.
    pub tip: u64,
    /// The spool's clock at the last commit.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub clock: Timestamp,
    /// Rows of the signature ledger.
    pub signatures: u64,
    /// Contents seen.
    pub fingerprints: u64,
    /// Entities whose state is known.
    pub entities: u64,
    /// Duplicates held back.
    pub held: u64,
    /// Callbacks in quarantine.
    pub quarantine: u64,
    /// Acknowledged records that a disk lost.
    pub missing: Vec<MissingRange>,
    /// The sinks' cursors.
    pub sinks: Vec<SinkCursor>,
}

/// Acknowledged records that are not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingRange {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// When it was found.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub found_at: Timestamp,
    /// The copy of the log that was put aside.
    pub log_copy: Option<String>,
}

/// How far a sink is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinkCursor {
    /// The sink.
    pub sink: String,
    /// Whether the relay that last started has it; one that is not configured holds nothing back.
    pub configured: bool,
    /// Whether a full spool waits for it.
    pub required: bool,
    /// The highest sequence up to which all are published.
    pub cursor: u64,
    /// Records not yet published.
    pub depth: u64,
    /// When the oldest of them was received.
    pub oldest: Option<String>,
    /// Dead letters waiting for a decision.
    pub dead_letters: u64,
    /// Dead letters sent back and not yet published.
    pub requeued: u64,
    /// The unfinished replays.
    pub replays: Vec<ReplayStatus>,
}

/// A replay that is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayStatus {
    /// Its number.
    pub replay: u64,
    /// The first record.
    pub first: u64,
    /// The last record.
    pub last: u64,
    /// Which records of the range it is about.
    #[serde(skip_serializing_if = "Only::is_all")]
    pub only: Only,
    /// Records of the range not yet published again or passed over.
    pub depth: u64,
}

/// A record that a sink refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The sink.
    pub sink: String,
    /// The record's number.
    pub sequence: u64,
    /// The kind of error.
    pub code: String,
    /// What the sink said.
    pub reason: String,
    /// When.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub at: Timestamp,
}

/// A duplicate that was held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// The number to release it by.
    pub number: u64,
    /// When it came.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub received_at: Timestamp,
    /// The id of the event that it repeats.
    pub duplicate_of: String,
    /// Whether the entity had changed status in between.
    pub after_change: bool,
    /// What it says, as stored.
    pub facts: serde_json::Value,
}

/// A callback in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Its number.
    pub number: u64,
    /// When it came.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub received_at: Timestamp,
    /// The id of the content that its signature came with first.
    pub first_id: String,
    /// The path and query.
    pub target: String,
    /// What it says, as stored.
    pub facts: serde_json::Value,
}

impl SpoolReader {
    /// The spool at a glance.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn status(&self) -> Result<SpoolStatus, SpoolError> {
        let number = |key| Ok::<i64, SpoolError>(schema::meta(&self.conn, key)?.unwrap_or_default());
        let state = State::load(&self.conn)?;
        Ok(SpoolStatus {
            path: self.paths.dir.display().to_string(),
            format: self.conn.pragma_query_value(None, "user_version", |row| row.get(0))?,
            min_reader: u32::try_from(number("min_reader")?).unwrap_or_default(),
            bytes: space::pages(&self.conn)?.used_bytes() + self.paths.wal_bytes(),
            cap: u64::try_from(number("max_size")?).unwrap_or_default(),
            file_bytes: self.paths.file_bytes(),
            records: state.records,
            first: first_from(&self.conn, 0)?.map(|(sequence, _)| sequence),
            tip: state.tip(),
            clock: state.clock,
            signatures: state.signatures,
            fingerprints: state.fingerprints,
            entities: state.entities,
            held: state.held,
            quarantine: state.quarantine,
            missing: self.missing()?,
            sinks: self.sinks()?,
        })
    }

    /// The cursor of every sink, configured or not.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn sinks(&self) -> Result<Vec<SinkCursor>, SpoolError> {
        let tip = self.tip()?;
        let mut statement =
            self.conn.prepare("SELECT sink, low, above, required, configured FROM cursors ORDER BY sink")?;
        let mut rows = statement.query([])?;
        let mut sinks = Vec::new();
        while let Some(row) = rows.next()? {
            let (sink, low): (String, u64) = (row.get(0)?, row.get(1)?);
            let cursor = decode(low, &row.get::<_, Vec<u8>>(2)?);
            let depth = cursor.open_until(tip);
            let oldest = first_from(&self.conn, low + 1)?.filter(|_| depth > 0);
            sinks.push(SinkCursor {
                configured: row.get(4)?,
                required: row.get(3)?,
                cursor: low,
                depth,
                oldest: oldest.map(|(_, at)| at.to_rfc3339()),
                dead_letters: self.count("dead", &sink)?,
                requeued: self.count("requeued", &sink)?,
                replays: self.replays(&sink)?,
                sink,
            });
        }
        Ok(sinks)
    }

    /// Dead letters above `after`, of one sink or of all, in order of sink and number, at most `limit`.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn dead(&self, sink: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>, SpoolError> {
        let mut statement = self.conn.prepare(
            "SELECT sink, sequence, code, reason, at FROM dead WHERE ?1 IS NULL OR sink = ?1 \
             ORDER BY sink, sequence LIMIT ?2",
        )?;
        let rows = statement.query_map((sink, limit), dead_letter)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// A dead letter of a sink.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn dead_letter(&self, sink: &str, sequence: u64) -> Result<Option<DeadLetter>, SpoolError> {
        let sql = "SELECT sink, sequence, code, reason, at FROM dead WHERE sink = ?1 AND sequence = ?2";
        Ok(self.conn.query_row(sql, (sink, sequence), dead_letter).optional()?)
    }

    /// Duplicates held back, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn held(&self, limit: usize) -> Result<Vec<HeldBack>, SpoolError> {
        let mut statement = self.conn.prepare(
            "SELECT number, received_at, duplicate_of, after_change, facts FROM held ORDER BY number DESC LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok(HeldBack {
                number: row.get(0)?,
                received_at: time(row, 1)?,
                duplicate_of: row.get(2)?,
                after_change: row.get(3)?,
                facts: json(&row.get::<_, String>(4)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Callbacks in quarantine, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn quarantined(&self, limit: usize) -> Result<Vec<Quarantined>, SpoolError> {
        let mut statement = self.conn.prepare(
            "SELECT number, received_at, first_id, target, facts FROM quarantine ORDER BY number DESC LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok(Quarantined {
                number: row.get(0)?,
                received_at: time(row, 1)?,
                first_id: row.get(2)?,
                target: row.get(3)?,
                facts: json(&row.get::<_, String>(4)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn missing(&self) -> Result<Vec<MissingRange>, SpoolError> {
        let mut statement =
            self.conn.prepare("SELECT first, last, found_at, log_copy FROM missing ORDER BY first")?;
        let rows = statement.query_map([], |row| {
            Ok(MissingRange {
                first: row.get(0)?,
                last: row.get(1)?,
                found_at: time(row, 2)?,
                log_copy: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn replays(&self, sink: &str) -> Result<Vec<ReplayStatus>, SpoolError> {
        // A file that was not brought up to this format yet has no filters.
        let format: u32 = self.conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let filter = if format < 4 { "NULL" } else { "filter" };
        let mut statement = self.conn.prepare(&format!(
            "SELECT number, first, last, low, above, {filter} FROM replays WHERE sink = ?1 ORDER BY number"
        ))?;
        let rows = statement.query_map([sink], |row| {
            let last = row.get(2)?;
            let cursor = decode(row.get(3)?, &row.get::<_, Vec<u8>>(4)?);
            let only = Only::from_stored(row.get::<_, Option<String>>(5)?.as_deref());
            let depth = cursor.open_until(last);
            Ok(ReplayStatus { replay: row.get(0)?, first: row.get(1)?, last, only, depth })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn count(&self, table: &str, sink: &str) -> Result<u64, SpoolError> {
        let sql = format!("SELECT count(*) FROM {table} WHERE sink = ?1");
        Ok(self.conn.query_row(&sql, [sink], |row| row.get(0))?)
    }
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        sink: row.get(0)?,
        sequence: row.get(1)?,
        code: row.get(2)?,
        reason: row.get(3)?,
        at: time(row, 4)?,
    })
}

fn decode(low: u64, above: &[u8]) -> Cursor {
    Cursor::decode(low, above).unwrap_or_else(|| Cursor::at(low))
}

pub(super) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or(serde_json::Value::Null)
}
