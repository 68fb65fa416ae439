//! Connections for reading, of their own: a small pool, whose connections hold no snapshot between uses.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::SpoolError;

/// How many connections are kept open between uses.
const KEPT: usize = 4;

/// The pool.
#[derive(Debug)]
pub(super) struct Readers {
    db: PathBuf,
    pool: Mutex<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Connections handed out and not given back.
    out: usize,
    /// Counts retirements: a connection from before one is not taken back.
    generation: u64,
    /// No new connections while the writer proves the files.
    suspended: bool,
    closed: bool,
}

impl Readers {
    /// Nothing is opened before the first use.
    pub(super) fn new(db: &Path) -> Self {
        Readers { db: db.to_owned(), pool: Mutex::default() }
    }

    /// Runs `read` on a connection. It blocks: never on a runtime's thread for more than a point read.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SpoolError> {
        let (conn, generation) = self.take()?;
        let result = conn.and_then(|conn| read(&conn).map(|value| (value, conn)));
        let mut pool = self.lock();
        pool.out -= 1;
        // A connection that failed is not used again.
        let (value, conn) = result?;
        if pool.generation == generation && pool.idle.len() < KEPT && !pool.closed {
            pool.idle.push(conn);
        }
        Ok(value)
    }

    /// Closes all that are idle and lends no more until [`resume`](Self::resume). Returns how many are still out.
    pub(super) fn suspend(&self) -> usize {
        let mut pool = self.lock();
        pool.generation += 1;
        pool.suspended = true;
        pool.idle.clear();
        pool.out
    }

    /// Lends again.
    pub(super) fn resume(&self) {
        self.lock().suspended = false;
    }

    /// Lends never again.
    pub(super) fn close(&self) {
        let mut pool = self.lock();
        pool.closed = true;
        pool.idle.clear();
    }

    fn take(&self) -> Result<(rusqlite::Result<Connection>, u64), SpoolError> {
        let mut pool = self.lock();
        if pool.closed {
            return Err(SpoolError::Closed);
        }
        if pool.suspended {
            return Err(SpoolError::Poisoned);
        }
        pool.out += 1;
        let (idle, generation) = (pool.idle.pop(), pool.generation);
        drop(pool);
        Ok((idle.map_or_else(|| open_for_reading(&self.db), Ok), generation))
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a connection that never writes, and whose closing never touches the log.
pub(super) fn open_for_reading(db: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(db, flags)?;
    tune_reader(&conn)?;
    Ok(conn)
}

/// Small memory, no checkpoint at close.
pub(super) fn tune_reader(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_secs(2))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "cache_size", -1024)
}
