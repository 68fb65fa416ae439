//! A door for what is fuzzed: bytes as they lie in the spool's files, read back whatever they are. No part of what the
//! library offers.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::cursor::Cursor;
use super::record::{self, Record};
use super::{high_water, index};

/// A row of records in the order of its columns, and whether its checksum matches.
pub fn record(columns: [Value; 15]) -> Option<(Record, bool)> {
    thread_local! {
        static CONNECTION: Option<Connection> = Connection::open_in_memory().ok();
    }
    CONNECTION.with(|connection| {
        let mut statement = connection.as_ref()?.prepare_cached(SELECT).ok()?;
        statement.query_row(params_from_iter(columns), |row| Ok(record::parse(row))).ok()?
    })
}

const SELECT: &str = "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15";

/// A sink's cursor: 8 bytes of its low end, and its ranges. Whether it decodes.
pub fn cursor(bytes: &[u8]) -> bool {
    let Some((low, above)) = bytes.split_first_chunk() else { return false };
    Cursor::decode(u64::from_le_bytes(*low), above).is_some()
}

/// The ledger's notes of one batch. Whether they decode.
pub fn notes(bytes: &[u8]) -> bool {
    index::decode(bytes)
}

/// The high-water mark. Whether it decodes.
pub fn mark(bytes: &[u8]) -> bool {
    high_water::decode(bytes).is_some()
}
