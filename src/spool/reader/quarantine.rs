//! One callback in quarantine, whole.

use rusqlite::OptionalExtension;
use serde_json::Value;

use super::rows::json;
use super::{SpoolReader, time};
use crate::event::Timestamp;
use crate::spool::SpoolError;

/// A callback in quarantine, as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedCallback {
    /// Its number.
    pub number: u64,
    /// When it came.
    pub received_at: Timestamp,
    /// The id of the content that its signature came with first.
    pub first_id: String,
    /// GET or POST.
    pub method: String,
    /// The path and query.
    pub target: String,
    /// The header of that name.
    pub content_type: Option<String>,
    /// The header of that name.
    pub content_encoding: Option<String>,
    /// How it was verified, as stored.
    pub verification: Value,
    /// What it says, as stored.
    pub facts: Value,
    /// The body.
    pub body: Vec<u8>,
}

impl SpoolReader {
    /// A callback in quarantine.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn quarantined_callback(&self, number: u64) -> Result<Option<QuarantinedCallback>, SpoolError> {
        let sql = "SELECT number, received_at, first_id, method, target, content_type, content_encoding, verdict, \
            facts, body FROM quarantine WHERE number = ?1";
        let found = self.conn.query_row(sql, [number], |row| {
            Ok(QuarantinedCallback {
                number: row.get(0)?,
                received_at: time(row, 1)?,
                first_id: row.get(2)?,
                method: row.get(3)?,
                target: row.get(4)?,
                content_type: row.get(5)?,
                content_encoding: row.get(6)?,
                verification: json(&row.get::<_, String>(7)?),
                facts: json(&row.get::<_, String>(8)?),
                body: row.get(9)?,
            })
        });
        Ok(found.optional()?)
    }
}
