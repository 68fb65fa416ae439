//! Opening: lock, identity, recovery, cursors. Everything that can refuse a file stands before anything that
//! changes one.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::files::{self, Lock, Paths};
use super::high_water::{self, HighWater};
use super::index::Index;
use super::lanes::Lane;
use super::state::State;
use super::wal::{self, Log};
use super::{LaneSpec, OpenError, SpoolConfig, cursors, readers, recover, schema, signed};
use crate::event::Timestamp;

/// A forward jump of the wall clock by more than this, while the relay was down, makes retention wait.
pub(super) const CLOCK_JUMP_MS: i64 = 3_600_000;

/// The smallest page of SQLite: no database is shorter.
const SMALLEST_PAGE: u64 = 512;

/// A spool, open and recovered.
pub(super) struct Opened {
    pub(super) paths: Paths,
    pub(super) lock: Lock,
    pub(super) conn: Connection,
    pub(super) state: State,
    pub(super) index: Index,
    pub(super) lanes: Vec<Arc<Lane>>,
    pub(super) high_water: HighWater,
    /// The clock jumped while the relay was down: nothing is deleted for its age on its first day.
    pub(super) clock_jumped: bool,
}

/// Opens or makes the spool.
pub(super) fn open(config: &SpoolConfig, lanes: &[LaneSpec], now: Timestamp) -> Result<Opened, OpenError> {
    let paths = Paths::new(&config.path);
    files::prepare_directory(&paths.dir)?;
    let lock = files::lock(&paths)?;
    let log = wal::inspect(&paths.wal).map_err(OpenError::file(&paths.wal))?;
    let mut log_copy = None;
    if exists(&paths.db)? {
        check_identity(&paths.db)?;
        if log.is_damaged() {
            log_copy = Some(copy_log(&paths, log, now)?);
        }
    } else {
        if log != Log::Empty {
            log_copy = Some(copy_log(&paths, log, now)?);
        }
        create(&paths, now)?;
    }
    let sqlite = |source| OpenError::sqlite(&paths.db, source);
    let mut conn = open_for_writing(&paths.db, config).map_err(sqlite)?;
    schema::upgrade(&conn).map_err(sqlite)?;
    let mut state = State::load(&conn).map_err(sqlite)?;
    let mark = high_water::read(&paths.high_water);
    if mark.is_some_and(|mark| mark.sequence > state.tip()) && log_copy.is_none() && log != Log::Empty {
        log_copy = Some(copy_log(&paths, log, now)?);
    }
    let clock_jumped = check_clock(&mut state, now);
    recover::recover(&mut conn, &mut state, mark, log, log_copy.as_deref()).map_err(sqlite)?;
    let index = Index::load(&conn).map_err(sqlite)?;
    let lanes = cursors::load(&mut conn, lanes, &state).map_err(sqlite)?;
    schema::set_meta(&conn, "max_size", signed(config.max_size.bytes())).map_err(sqlite)?;
    let high_water = HighWater::open(&paths.high_water).map_err(OpenError::file(&paths.high_water))?;
    Ok(Opened { paths, lock, conn, state, index, lanes, high_water, clock_jumped })
}

/// Opens the connection that writes.
pub(super) fn open_for_writing(db: &Path, config: &SpoolConfig) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(db, flags)?;
    conn.busy_timeout(Duration::from_secs(2))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!("journal mode is {mode}, not wal")));
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // Enough for the upper pages of the keyed tables, a million records and more. Of a larger cache each commit that
    // balanced a tree looks through every slot (the pages that it moved were for a moment beyond the file's end), and what
    // the processor holds at hand is taken from everybody else: with 16 MiB a callback on a million records cost an eighth
    // more, in runs of both in turn.
    conn.pragma_update(None, "cache_size", -4 * 1024)?;
    conn.pragma_update(None, "journal_size_limit", signed(config.effective_wal_limit()))?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// Refuses a file that is not ours or that is too new, without a change to it.
pub(super) fn check_identity(db: &Path) -> Result<(), OpenError> {
    let foreign = |found: String| OpenError::Foreign { path: db.to_owned(), found };
    check_header(db)?;
    let damaged = |found: String| OpenError::Damaged { path: db.to_owned(), found };
    let identity = match readers::open_for_reading(db).and_then(|conn| identity_of(&conn)) {
        Ok(identity) => identity,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(foreign("not an SQLite database, or its header is damaged".to_owned()));
        }
        Err(error) => return Err(OpenError::sqlite(db, error)),
    };
    if identity.application != schema::APPLICATION_ID {
        let application = identity.application;
        return Err(foreign(format!("an SQLite database with application id {application:#x}")));
    }
    match identity.min_reader.map(u32::try_from) {
        Some(Ok(min_reader)) if min_reader <= schema::FORMAT => {}
        Some(Ok(min_reader)) => {
            return Err(OpenError::TooNew { path: db.to_owned(), min_reader, ours: schema::FORMAT });
        }
        _ => return Err(damaged("it does not say its format".to_owned())),
    }
    identity
        .misfit
        .map_or(Ok(()), |table| Err(damaged(format!("the table {table} is not described as it was made"))))
}

/// Looks at the file before SQLite does: SQLite takes one that is shorter than its header for a new database, and deletes
/// the log beside it, even when it was told to read only.
///
/// Not while this process writes to the spool: closing any descriptor of a file lets go of the locks that SQLite has on it.
fn check_header(db: &Path) -> Result<(), OpenError> {
    let foreign = |found: String| OpenError::Foreign { path: db.to_owned(), found };
    let mut file = fs::File::open(db).map_err(OpenError::file(db))?;
    match file.metadata().map_err(OpenError::file(db))?.len() {
        0 => return Err(foreign("the file is empty".to_owned())),
        length @ 1..SMALLEST_PAGE => return Err(foreign(format!("it has only {length} bytes"))),
        _ => {}
    }
    let mut header = [0; 16];
    file.read_exact(&mut header).map_err(OpenError::file(db))?;
    if header != *b"SQLite format 3\0" {
        return Err(foreign("not an SQLite database, or its header is damaged".to_owned()));
    }
    Ok(())
}

/// What a file says of itself.
struct Identity {
    application: i32,
    min_reader: Option<i64>,
    /// A table that is not what it should be.
    misfit: Option<String>,
}

fn identity_of(conn: &Connection) -> rusqlite::Result<Identity> {
    let application = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != schema::APPLICATION_ID {
        return Ok(Identity { application, min_reader: None, misfit: None });
    }
    let misfit = schema::misfit(conn)?;
    // Without its table there is nothing to ask.
    let min_reader = if misfit.is_some() { Some(0) } else { schema::meta(conn, "min_reader")? };
    Ok(Identity { application, min_reader, misfit })
}

/// Makes the database under another name, whole and durable, before it gets its own: a crash in between leaves
/// nothing that looks like a spool.
fn create(paths: &Paths, now: Timestamp) -> Result<(), OpenError> {
    let new = paths.dir.join("spool.db.new");
    for leftover in ["spool.db.new", "spool.db.new-wal", "spool.db.new-shm", "spool.db-wal", "spool.db-shm"] {
        remove(&paths.dir.join(leftover))?;
    }
    drop(files::open_private(&new).map_err(OpenError::file(&new))?);
    let make = || -> rusqlite::Result<()> {
        let conn = Connection::open(&new)?;
        schema::create(&conn, now.as_millis())?;
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        conn.close().map_err(|(_, error)| error)
    };
    make().map_err(|source| OpenError::sqlite(&new, source))?;
    let finish = || {
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, &paths.db)?;
        files::sync_directory(&paths.dir)
    };
    finish().map_err(OpenError::file(&paths.db))
}

/// The clock of the spool at start; whether the wall clock jumped forward while the relay was down.
fn check_clock(state: &mut State, now: Timestamp) -> bool {
    let ahead = now.millis_since(state.clock);
    if ahead < -CLOCK_JUMP_MS {
        tracing::warn!(
            behind_seconds = -ahead / 1000,
            "the wall clock is far behind the spool's, which never runs backwards: times of new records stand still until it has caught up; check the system's clock"
        );
    }
    let jumped = state.clock.as_millis() > 0 && ahead > CLOCK_JUMP_MS;
    state.clock = state.clock.max(now);
    jumped
}

fn copy_log(paths: &Paths, log: Log, now: Timestamp) -> Result<String, OpenError> {
    let copy = files::copy_log_aside(paths, now.as_millis()).map_err(OpenError::file(&paths.wal))?;
    tracing::error!(log = ?log, copy = %copy.display(), "the spool's log does not fit what was acknowledged: a copy was put aside");
    Ok(copy.display().to_string())
}

fn exists(path: &Path) -> Result<bool, OpenError> {
    path.try_exists().map_err(OpenError::file(path))
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(OpenError::file(path)(error)),
        _ => Ok(()),
    }
}
