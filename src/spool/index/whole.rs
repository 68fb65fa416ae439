//! All that the index knows, key by key, from both of its homes: for another spool.

use rusqlite::Connection;

use super::super::decide::{Hash, Known, Seen, Standing};
use super::super::schema;
use super::entries::{Entries, Latest, Signed, Stands};
use super::place::Place;
use super::{Note, entity_name, name_parts, notes};
use crate::event::{Status, Timestamp};

/// The index of a spool as one snapshot has it.
pub(in crate::spool) struct Whole<'c> {
    conn: &'c Connection,
    /// What notes say stands above what the tables say.
    noted: Entries,
    damaged: u64,
}

impl<'c> Whole<'c> {
    /// Reads the notes.
    pub(in crate::spool) fn read(conn: &'c Connection) -> rusqlite::Result<Self> {
        let (mut noted, mut damaged) = (Entries::default(), 0);
        if schema::has_table(conn, "notes")? {
            let place = Place::read(conn)?;
            let take = |number, at, note: &Note<'_>| {
                noted.take_those(note, at, |key| place.is_before(number, key));
            };
            damaged = notes::read(conn, take)?.damaged;
        }
        Ok(Whole { conn, noted, damaged })
    }

    /// How many notes cannot be read: what they say is not shown.
    pub(in crate::spool) fn damaged_notes(&self) -> u64 {
        self.damaged
    }

    /// Shows each signature.
    pub(in crate::spool) fn signatures<E: From<rusqlite::Error>>(
        &self,
        mut see: impl FnMut(&Hash, Signed) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self
            .conn
            .prepare("SELECT hash, fingerprint, occurrence, first_seen FROM signatures ORDER BY hash")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let hash: Hash = row.get(0)?;
            if !self.noted.signatures.contains_key(&hash) {
                let known = Known { fingerprint: row.get(1)?, occurrence: row.get(2)? };
                see(&hash, Signed { known, first_seen: Timestamp::from_millis(row.get(3)?) })?;
            }
        }
        self.noted.signatures.iter().try_for_each(|(hash, signed)| see(hash, *signed))
    }

    /// Shows each content.
    pub(in crate::spool) fn fingerprints<E: From<rusqlite::Error>>(
        &self,
        mut see: impl FnMut(&Hash, Latest) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql =
            "SELECT fingerprint, occurrence, accepted_at, sequence FROM fingerprints ORDER BY fingerprint";
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let fingerprint: Hash = row.get(0)?;
            if !self.noted.fingerprints.contains_key(&fingerprint) {
                let accepted_at = Timestamp::from_millis(row.get(2)?);
                let seen = Seen { occurrence: row.get(1)?, accepted_at };
                see(&fingerprint, Latest { seen, sequence: row.get(3)? })?;
            }
        }
        self.noted.fingerprints.iter().try_for_each(|(fingerprint, latest)| see(fingerprint, *latest))
    }

    /// Shows each entity, by account, endpoint and id.
    pub(in crate::spool) fn entities<E: From<rusqlite::Error>>(
        &self,
        mut see: impl FnMut([&str; 3], Stands) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = "SELECT account, endpoint, entity, status, at, sequence FROM entities ORDER BY account, endpoint, entity";
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            let [account, endpoint, id] = name.each_ref().map(String::as_str);
            if !self.noted.entities.contains_key(entity_name(account, endpoint, id).as_str()) {
                // A word of a later version counts as a status outside the table.
                let status = row.get::<_, String>(3)?.parse().unwrap_or(Status::Unknown);
                let standing = Standing { status, at: Timestamp::from_millis(row.get(4)?) };
                see([account, endpoint, id], Stands { standing, sequence: row.get(5)? })?;
            }
        }
        for (name, stands) in &self.noted.entities {
            see(name_parts(name), *stands)?;
        }
        Ok(())
    }
}
