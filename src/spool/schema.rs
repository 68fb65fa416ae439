//! The tables, and what the file says of itself.

use rusqlite::Connection;
use rusqlite::types::{FromSql, ToSql};

/// "TDLC": marks the file as ours in the header of SQLite.
pub(super) const APPLICATION_ID: i32 = 0x5444_4c43;

/// The format that this program writes. Minor releases only add.
pub(super) const FORMAT: u32 = 5;

/// The oldest format whose readers understand what this program writes.
pub(super) const MIN_READER: u32 = 2;

/// Short columns stand before long ones: SQLite reads a row from the left, and does not touch a body that is not
/// asked for. No index but the keys: each would cost a page written per callback.
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

-- One row, written with each batch.
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    next INTEGER NOT NULL, clock INTEGER NOT NULL, records INTEGER NOT NULL,
    signatures INTEGER NOT NULL, fingerprints INTEGER NOT NULL, entities INTEGER NOT NULL,
    held INTEGER NOT NULL, quarantine INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 1, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE records (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, received_at INTEGER NOT NULL,
    endpoint TEXT, status TEXT, account TEXT NOT NULL, entity TEXT,
    occurrence INTEGER NOT NULL, previous_status TEXT, transition TEXT, revision INTEGER NOT NULL,
    checksum INTEGER NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL,
    content_type TEXT, content_encoding TEXT, verdict TEXT NOT NULL, facts TEXT NOT NULL, body BLOB NOT NULL
) STRICT;

-- The ledger: what content a signature came with first, and as which occurrence.
CREATE TABLE signatures (
    hash BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, occurrence INTEGER NOT NULL, first_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE fingerprints (
    fingerprint BLOB PRIMARY KEY, occurrence INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entities (
    account TEXT NOT NULL, endpoint TEXT NOT NULL, entity TEXT NOT NULL,
    status TEXT NOT NULL, at INTEGER NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (account, endpoint, entity)
) STRICT, WITHOUT ROWID;

CREATE TABLE held (
    number INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, duplicate_of TEXT NOT NULL,
    after_change INTEGER NOT NULL, fingerprint BLOB NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL,
    content_type TEXT, content_encoding TEXT, verdict TEXT NOT NULL, facts TEXT NOT NULL, body BLOB NOT NULL
) STRICT;

CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, first_id TEXT NOT NULL,
    signature BLOB NOT NULL, fingerprint BLOB NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL,
    content_type TEXT, content_encoding TEXT, verdict TEXT NOT NULL, facts TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (signature, fingerprint)
) STRICT;

CREATE TABLE cursors (
    sink TEXT PRIMARY KEY, low INTEGER NOT NULL, above BLOB NOT NULL, required INTEGER NOT NULL,
    configured INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead (
    sink TEXT NOT NULL, sequence INTEGER NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (sink, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE requeued (
    sink TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (sink, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE replays (
    number INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    low INTEGER NOT NULL, above BLOB NOT NULL, started_at INTEGER NOT NULL
) STRICT;

-- Numbers that were acknowledged and are not there: what a damaged log took.
CREATE TABLE missing (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, found_at INTEGER NOT NULL, log_copy TEXT
) STRICT;
";

/// What format 2 added: what the index learned and has not carried over to its three tables yet. A reader of format 1
/// would take the tables for all there is.
const NOTES: &str = "
CREATE TABLE IF NOT EXISTS notes (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, checksum INTEGER NOT NULL, entries BLOB NOT NULL
) STRICT;
";

/// What format 3 added: who changed what by command. Older readers do without.
const AUDIT: &str = "
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, uid INTEGER NOT NULL, user TEXT, login TEXT,
    host TEXT NOT NULL, change TEXT NOT NULL, done TEXT NOT NULL
) STRICT;
";

/// What format 4 added: which records of its range a replay is about. Older readers replay the whole range.
const REPLAY_FILTER: &str = "ALTER TABLE replays ADD COLUMN filter TEXT;";

/// What format 5 added: records that were normalized again, and by which record. Older readers do without.
const SUPERSEDED: &str = "
CREATE TABLE IF NOT EXISTS superseded (sequence INTEGER PRIMARY KEY, by INTEGER NOT NULL) STRICT;
";

/// Everything that makes the tables of this format.
fn tables() -> String {
    format!("{TABLES} {NOTES} {AUDIT} {REPLAY_FILTER} {SUPERSEDED}")
}

/// Makes the tables in an empty database.
pub(super) fn create(conn: &Connection, now: i64) -> rusqlite::Result<()> {
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", FORMAT)?;
    conn.execute_batch(&format!("BEGIN; {} COMMIT;", tables()))?;
    set_meta(conn, "min_reader", i64::from(MIN_READER))?;
    set_meta(conn, "created_at", now)
}

/// The first table of this format that the file does not describe as it was made: a description that is damaged can
/// still be one that SQLite understands, with a column of another name. Later formats may add columns.
pub(super) fn misfit(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let format: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format != FORMAT {
        return Ok(None);
    }
    let model = Connection::open_in_memory()?;
    model.execute_batch(&tables())?;
    let mut known = model
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let mut rows = known.query([])?;
    let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 AND tbl_name = ?1 AND sql = ?2";
    while let Some(row) = rows.next()? {
        let (name, sql): (String, String) = (row.get(0)?, row.get(1)?);
        if conn.query_row(count, (&name, sql), |row| row.get::<_, u64>(0))? != 1 {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Brings a database of an older format up to this one.
pub(super) fn upgrade(conn: &Connection) -> rusqlite::Result<()> {
    let format: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format >= FORMAT {
        return Ok(());
    }
    let tx = conn.unchecked_transaction()?;
    tx.execute_batch(NOTES)?;
    tx.execute_batch(AUDIT)?;
    tx.execute_batch(SUPERSEDED)?;
    if format < 4 {
        tx.execute_batch(REPLAY_FILTER)?;
    }
    set_meta(&tx, "min_reader", i64::from(MIN_READER))?;
    tx.pragma_update(None, "user_version", FORMAT)?;
    tx.commit()?;
    tracing::info!(from = format, to = FORMAT, "the spool was brought up to this version's format");
    Ok(())
}

/// Whether a table is there: a reader may meet a file that was not brought up to this format yet.
pub(super) fn has_table(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    conn.query_row(sql, [name], |row| row.get(0))
}

/// What the file says of itself.
pub(super) fn meta<T: FromSql>(conn: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    use rusqlite::OptionalExtension;
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}

/// Writes what the file says of itself.
pub(super) fn set_meta(conn: &Connection, key: &str, value: impl ToSql) -> rusqlite::Result<()> {
    let put = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    conn.prepare_cached(put)?.execute((key, value))?;
    Ok(())
}
