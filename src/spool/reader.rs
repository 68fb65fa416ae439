//! Reading a spool from another process, while the relay runs or when it is stopped.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, ToSql};

use super::files::Paths;
use super::record::{self, Found};
use super::state::State;
use super::{Audited, OpenError, Record, SpoolError, audit, open, readers, schema, seek};
use crate::event::{Endpoint, Status, Timestamp};

mod rows;
mod verify;

mod backup;
mod export;
mod purge;
mod quarantine;
mod rehearse;

pub use backup::BackupError;
pub use export::{ExportError, Exported};
pub use purge::PurgePlan;
pub use quarantine::QuarantinedCallback;
pub use rehearse::Rehearsal;
pub use rows::{DeadLetter, HeldBack, MissingRange, Quarantined, ReplayStatus, SinkCursor, SpoolStatus};
pub use verify::{HighWaterFound, Range, Verified};

/// Which records to list. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this endpoint.
    pub endpoint: Option<Endpoint>,
    /// Only those that could not be placed.
    pub unrecognized: bool,
    /// With this status.
    pub status: Option<Status>,
    /// About this brand, campaign or number.
    pub entity: Option<String>,
    /// Of this auth id.
    pub account: Option<String>,
    /// Received at this moment or later.
    pub since: Option<Timestamp>,
    /// Received before this moment.
    pub until: Option<Timestamp>,
    /// Only those that could not be placed or whose status is unknown, and that were not normalized again.
    pub unplaced: bool,
}

/// A spool, open for reading only.
#[derive(Debug)]
pub struct SpoolReader {
    conn: Connection,
    paths: Paths,
}

impl SpoolReader {
    /// Opens the spool in the directory `path`.
    ///
    /// # Errors
    /// When there is none, it is not ours, or a newer program made it unreadable.
    pub fn open(path: &Path) -> Result<SpoolReader, OpenError> {
        let paths = Paths::new(path);
        if !paths.db.try_exists().map_err(OpenError::file(&paths.db))? {
            return Err(OpenError::Missing { path: paths.db });
        }
        let conn = match open::check_identity(&paths.db) {
            Ok(()) => readers::open_for_reading(&paths.db),
            // A directory that this user may not write, and a relay that is stopped: SQLite cannot make the files
            // that it shares with a writer, and needs none.
            Err(OpenError::Sqlite { .. }) if paths.wal_bytes() == 0 => open_immutable(&paths.db),
            Err(error) => return Err(error),
        };
        let conn = conn.map_err(|source| OpenError::sqlite(&paths.db, source))?;
        Ok(SpoolReader { conn, paths })
    }

    /// The highest committed sequence.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn tip(&self) -> Result<u64, SpoolError> {
        Ok(State::load(&self.conn)?.tip())
    }

    /// Records in ascending order above `after`, at most `limit`. A damaged one is left out and logged.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn events(&self, filter: &EventFilter, after: u64, limit: usize) -> Result<Vec<Record>, SpoolError> {
        self.select(filter, "r.sequence > ?1 ORDER BY r.sequence", after, limit)
    }

    /// The latest records, at most `limit`, in ascending order.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn latest(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Record>, SpoolError> {
        let mut records = self.select(filter, "r.sequence > ?1 ORDER BY r.sequence DESC", 0, limit)?;
        records.reverse();
        Ok(records)
    }

    /// One record.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn event(&self, sequence: u64) -> Result<Option<Record>, SpoolError> {
        let sql = format!("SELECT {} FROM records r WHERE r.sequence = ?1", record::COLUMNS);
        let found = self.conn.query_row(&sql, [sequence], record::read).optional()?;
        Ok(found.and_then(good))
    }

    /// The record with this id, the latest where it was normalized again. There is no index of ids: all records are
    /// looked through from the latest on, a page at a time.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn by_id(&self, id: &str) -> Result<Option<Record>, SpoolError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT sequence, id FROM records WHERE sequence < ?1 ORDER BY sequence DESC LIMIT 5000",
        )?;
        let mut below = self.tip()? + 1;
        loop {
            let rows = statement.query_map([below], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let page: Vec<(u64, String)> = rows.collect::<rusqlite::Result<_>>()?;
            if let Some((sequence, _)) = page.iter().find(|(_, found)| found == id) {
                return self.event(*sequence);
            }
            let Some((last, _)) = page.last() else { return Ok(None) };
            below = *last;
        }
    }

    /// The changes that operators made, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn audit(&self, limit: usize) -> Result<Vec<Audited>, SpoolError> {
        if !schema::has_table(&self.conn, "audit")? {
            return Ok(Vec::new());
        }
        Ok(audit::latest(&self.conn, limit)?)
    }

    /// Whether an export with this SHA-256 was taken in, to its end.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn has_import(&self, sha256: &str) -> Result<bool, SpoolError> {
        Ok(schema::has_table(&self.conn, "audit")? && audit::has_import(&self.conn, sha256)?)
    }

    fn select(
        &self,
        filter: &EventFilter,
        tail: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Record>, SpoolError> {
        let after = match filter.since {
            Some(since) => after.max(self.before(since)?),
            None => after,
        };
        let (mut conditions, parameters) = filter.conditions();
        if filter.unplaced {
            conditions.push_str("(r.endpoint IS NULL OR r.status = 'unknown') AND ");
        }
        if filter.unplaced && schema::has_table(&self.conn, "superseded")? {
            conditions.push_str("NOT EXISTS (SELECT 1 FROM superseded s WHERE s.sequence = r.sequence) AND ");
        }
        let sql = format!("SELECT {} FROM records r WHERE {conditions}{tail} LIMIT ?2", record::COLUMNS);
        let mut all: Vec<&dyn ToSql> = vec![&after, &limit];
        all.extend(parameters.iter().map(AsRef::as_ref));
        let mut statement = self.conn.prepare_cached(&sql)?;
        let rows = statement.query_map(all.as_slice(), record::read)?;
        let mut records = Vec::new();
        for found in rows {
            records.extend(good(found?));
        }
        Ok(records)
    }

    /// The number that all records received at `since` or later lie above.
    fn before(&self, since: Timestamp) -> Result<u64, SpoolError> {
        let tip = self.tip()?;
        Ok(seek::first_since(&self.conn, since, tip)?.map_or(tip, |first| first - 1))
    }

    /// The directory.
    pub fn path(&self) -> &PathBuf {
        &self.paths.dir
    }
}

fn good(found: Found) -> Option<Record> {
    match found {
        Found::Good(record) => Some(record),
        Found::Damaged { sequence } => {
            tracing::warn!(sequence, "a record's checksum does not match: it is left out");
            None
        }
    }
}

impl EventFilter {
    /// The conditions but `since`, each followed by AND, with parameters from ?3 on.
    fn conditions(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let mut sql = String::new();
        let mut parameters: Vec<Box<dyn ToSql>> = Vec::new();
        let mut add = |condition: &str, value: Option<Box<dyn ToSql>>| {
            if let Some(value) = value {
                parameters.push(value);
                sql.push_str(&format!("{condition} ?{} AND ", parameters.len() + 2));
            }
        };
        fn boxed<T: ToSql + 'static>(value: T) -> Box<dyn ToSql> {
            Box::new(value)
        }
        add("r.endpoint =", self.endpoint.map(|endpoint| boxed(endpoint.as_str())));
        add("r.status =", self.status.map(|status| boxed(status.as_str())));
        add("r.entity =", self.entity.clone().map(boxed));
        add("r.account =", self.account.clone().map(boxed));
        add("r.received_at <", self.until.map(|time| boxed(time.as_millis())));
        if self.unrecognized {
            sql.push_str("r.endpoint IS NULL AND ");
        }
        (sql, parameters)
    }
}

/// For a stopped relay's spool in a directory that may not be written.
fn open_immutable(db: &Path) -> rusqlite::Result<Connection> {
    let name = db.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)?;
    readers::tune_reader(&conn)?;
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != schema::APPLICATION_ID {
        return Err(rusqlite::Error::InvalidPath(db.to_owned()));
    }
    Ok(conn)
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}
