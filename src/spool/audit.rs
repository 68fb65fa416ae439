//! The audit: one row for each change made by command, written in the transaction of the change.

use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;

use super::{ChangeDone, Operator, Order};
use crate::event::Timestamp;

/// A change that an operator made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Its number: changes are numbered in the order in which they were made.
    pub number: u64,
    /// When.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub at: Timestamp,
    /// Who.
    #[serde(flatten)]
    pub by: Operator,
    /// What was asked for.
    pub change: Value,
    /// What it did.
    pub done: Value,
}

/// Writes the row of a change, if it leaves one; its number.
pub(super) fn write(
    tx: &Connection,
    at: Timestamp,
    order: &Order,
    done: &ChangeDone,
) -> rusqlite::Result<Option<i64>> {
    let Operator { uid, user, login, host } = &order.by;
    let Some(audited) = order.change.audited().map_err(not_json)? else { return Ok(None) };
    tx.execute(
        "INSERT INTO audit (at, uid, user, login, host, change, done) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (at.as_millis(), uid, user, login, host, json(&audited)?, json(done)?),
    )?;
    Ok(Some(tx.last_insert_rowid()))
}

/// Whether an import of this file came to its end.
pub(super) fn has_import(conn: &Connection, sha256: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) > 0 FROM audit WHERE CASE WHEN json_valid(change) THEN \
        json_extract(change, '$.import.sha256') = ?1 AND json_extract(change, '$.import.step') = 'end' END";
    conn.query_row(sql, [sha256], |row| row.get(0))
}

/// The latest rows, newest first.
pub(super) fn latest(conn: &Connection, limit: usize) -> rusqlite::Result<Vec<Audited>> {
    let mut statement = conn.prepare(
        "SELECT number, at, uid, user, login, host, change, done FROM audit ORDER BY number DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([limit], |row| {
        let by = Operator { uid: row.get(2)?, user: row.get(3)?, login: row.get(4)?, host: row.get(5)? };
        let parsed = |text: String| serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Audited {
            number: row.get(0)?,
            at: Timestamp::from_millis(row.get(1)?),
            by,
            change: parsed(row.get(6)?),
            done: parsed(row.get(7)?),
        })
    })?;
    rows.collect()
}

fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(not_json)
}

fn not_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
