//! Is all there, and whole? Also beside a running relay: no snapshot is held longer than the look at the pages takes.

use rusqlite::Connection;
use serde::Serialize;

use super::super::cursor::Cursor;
use super::super::high_water::{self, Mark};
use super::super::index::Whole;
use super::super::record::{self, Found};
use super::SpoolReader;
use super::export::sinks;
use crate::spool::SpoolError;

/// Records looked at in one snapshot.
const PAGE: usize = 500;

/// What a look at all of a spool found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// What SQLite says is wrong with the file's pages; at most a hundred findings.
    pub pages: Vec<String>,
    /// Records whose checksum matches.
    pub good_records: u64,
    /// Records whose checksum does not match.
    pub damaged: Vec<Range>,
    /// Records that are not there although not every sink had them yet. What the disk is known to have lost is not
    /// among them: `spool status` has that.
    pub lost: Vec<Range>,
    /// Notes of the ledger whose checksum does not match: retries of what they were about may be taken for new.
    pub damaged_notes: u64,
    /// What the mark of the acknowledged says.
    pub high_water: HighWaterFound,
}

/// A range of records' numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// The mark of what was acknowledged, held against the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HighWaterFound {
    /// There is none that can be read. That is no error.
    #[default]
    None,
    /// It agrees.
    Good,
    /// More was acknowledged than is there.
    Ahead {
        /// The highest number that was acknowledged.
        acknowledged: u64,
        /// The highest number that is there.
        tip: u64,
    },
    /// The record that was acknowledged last is another one: the file was restored from a copy, perhaps.
    OtherRecord {
        /// Its number.
        sequence: u64,
    },
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        let marked = matches!(self.high_water, HighWaterFound::None | HighWaterFound::Good);
        let whole = self.pages.is_empty() && self.damaged.is_empty() && self.lost.is_empty();
        whole && self.damaged_notes == 0 && marked
    }
}

impl SpoolReader {
    /// Checks the pages, the checksum of every record and of the ledger's notes, that no record is missing, and the
    /// high-water mark.
    ///
    /// # Errors
    /// When the spool cannot be read at all; what is damaged is no error but a finding.
    pub fn verify(&self) -> Result<Verified, SpoolError> {
        let mut found = Verified { high_water: self.mark()?, ..Verified::default() };
        let tip = self.tip()?;
        let mut gaps = Vec::new();
        match pages(&self.conn) {
            Ok(pages) => found.pages = pages,
            Err(error) => found.pages.push(error.to_string()),
        }
        if let Err(error) = self.look_at_records(tip, &mut found, &mut gaps) {
            found.pages.push(format!("records cannot be read to the end: {error}"));
            return Ok(found);
        }
        match Whole::read(&self.conn) {
            Ok(index) => found.damaged_notes = index.damaged_notes(),
            Err(error) => found.pages.push(format!("the ledger's notes cannot be read: {error}")),
        }
        found.lost = self.lost(gaps)?;
        Ok(found)
    }

    /// What the mark of the acknowledged says. A look at one record, where [`verify`](Self::verify) reads all.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn mark(&self) -> Result<HighWaterFound, SpoolError> {
        // Before the tip: it is never newer than what is committed.
        let mark = high_water::read(&self.paths.high_water);
        Ok(self.marked(mark, self.tip()?)?)
    }

    pub(super) fn marked(&self, mark: Option<Mark>, tip: u64) -> rusqlite::Result<HighWaterFound> {
        let Some(Mark { sequence, checksum }) = mark else { return Ok(HighWaterFound::None) };
        if sequence > tip {
            return Ok(HighWaterFound::Ahead { acknowledged: sequence, tip });
        }
        let mut statement = self.conn.prepare("SELECT checksum FROM records WHERE sequence = ?1")?;
        let mut rows = statement.query([sequence])?;
        // One that was deleted since then says nothing.
        let other =
            rows.next()?.map(|row| row.get::<_, u32>(0)).transpose()?.is_some_and(|one| one != checksum);
        Ok(if other { HighWaterFound::OtherRecord { sequence } } else { HighWaterFound::Good })
    }

    /// Reads every record up to `tip`, and notes the numbers between them.
    fn look_at_records(&self, tip: u64, found: &mut Verified, gaps: &mut Vec<Range>) -> rusqlite::Result<()> {
        let sql = format!(
            "SELECT {} FROM records r WHERE r.sequence > ?1 AND r.sequence <= ?2 ORDER BY r.sequence LIMIT {PAGE}",
            record::COLUMNS
        );
        let mut statement = self.conn.prepare(&sql)?;
        let mut seen = 0;
        loop {
            let before = seen;
            let mut rows = statement.query((seen, tip))?;
            while let Some(row) = rows.next()? {
                let sequence = match record::read(row)? {
                    Found::Good(record) => {
                        found.good_records += 1;
                        record.sequence()
                    }
                    Found::Damaged { sequence } => {
                        widen(&mut found.damaged, sequence);
                        sequence
                    }
                };
                gaps.extend(between(seen, sequence));
                seen = sequence;
            }
            if seen == before {
                gaps.extend(between(seen, tip + 1));
                return Ok(());
            }
        }
    }

    /// Which of these numbers some sink still waits for. What is deleted while this reads was published everywhere, and
    /// the cursors are read after that.
    fn lost(&self, gaps: Vec<Range>) -> Result<Vec<Range>, SpoolError> {
        let cursors: Vec<Cursor> = sinks(&self.conn)?.into_iter().map(|sink| sink.cursor).collect();
        let replays = self.replayed()?;
        let mut missing = Cursor::default();
        for range in self.missing()? {
            missing.ack_range(range.first, range.last);
        }
        let waited_for = |sequence: &u64| {
            let replayed = replays.iter().any(|(low, last)| sequence > low && sequence <= last);
            replayed || cursors.iter().any(|cursor| !cursor.contains(*sequence))
        };
        // Up to this, every configured sink has published everything and no replay waits.
        let lows = cursors.iter().map(Cursor::low).chain(replays.iter().map(|(low, _)| *low));
        let floor = lows.min().unwrap_or(u64::MAX - 1);
        let mut lost = Vec::new();
        for gap in gaps {
            (gap.first.max(floor + 1)..=gap.last)
                .filter(|sequence| !missing.contains(*sequence) && waited_for(sequence))
                .for_each(|sequence| widen(&mut lost, sequence));
        }
        Ok(lost)
    }

    /// What is published again, above the first number of each and up to the second.
    pub(super) fn replayed(&self) -> Result<Vec<(u64, u64)>, SpoolError> {
        let sql =
            "SELECT r.low, r.last FROM replays r JOIN cursors c ON c.sink = r.sink AND c.configured = 1";
        let mut statement = self.conn.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// What SQLite finds in the file.
fn pages(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare("PRAGMA integrity_check(100)")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    let found: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// The numbers between two, if there are any.
fn between(seen: u64, next: u64) -> Option<Range> {
    (next > seen + 1).then(|| Range { first: seen + 1, last: next - 1 })
}

/// Adds a number that is higher than all before.
pub(super) fn widen(ranges: &mut Vec<Range>, sequence: u64) {
    match ranges.last_mut() {
        Some(range) if range.last + 1 == sequence => range.last = sequence,
        _ => ranges.push(Range { first: sequence, last: sequence }),
    }
}
