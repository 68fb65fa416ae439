//! All that a spool holds, as one file for another spool: see [`super::super::exchange`].

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use bytes::Bytes;
use rusqlite::{Connection, Row};
use serde::Serialize;

use super::super::cursor::Cursor;
use super::super::exchange::{
    self, CallbackLine, DeadLine, EntityLine, FingerprintLine, HeldLine, Line, QuarantinedLine, RecordLine,
    SignatureLine, Writing,
};
use super::super::high_water;
use super::super::index::Whole;
use super::super::record::{self, Found};
use super::super::schema;
use super::verify::widen;
use super::{HighWaterFound, Range, SpoolReader, time};
use crate::callback::Request;
use crate::event::EventId;
use crate::spool::{Record, SpoolError};

/// A content that came more often than this is told by its latest occurrence alone.
const OCCURRENCES: u32 = 10_000;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Records.
    pub records: u64,
    /// Of the ledger: signatures seen, contents seen, entities.
    pub signatures: u64,
    /// Contents seen.
    pub contents: u64,
    /// Entities.
    pub entities: u64,
    /// Duplicates held back.
    pub held: u64,
    /// Callbacks in quarantine.
    pub quarantined: u64,
    /// Records that were left out, since their checksum does not match.
    pub damaged: Vec<Range>,
    /// Callbacks held back or in quarantine that cannot be read and were left out.
    pub unreadable: u64,
    /// Notes of the ledger that cannot be read and were left out.
    pub damaged_notes: u64,
    /// What the mark of the acknowledged says.
    pub high_water: HighWaterFound,
    /// The SHA-256 that the file ends with.
    pub sha256: String,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        ExportError::Spool(error.into())
    }
}

impl Exported {
    /// Whether all that the spool ever acknowledged and still holds is in it.
    pub fn is_whole(&self) -> bool {
        let marked = matches!(self.high_water, HighWaterFound::None | HighWaterFound::Good);
        self.damaged.is_empty() && self.unreadable == 0 && self.damaged_notes == 0 && marked
    }
}

impl SpoolReader {
    /// Writes all that the spool holds at this moment. A relay goes on meanwhile; its log grows for as long as it takes.
    ///
    /// # Errors
    /// When the spool cannot be read or the file cannot be written; what was written has no end then.
    pub fn export(&self, out: impl Write) -> Result<Exported, ExportError> {
        // Before the snapshot: it is never newer than what is committed.
        let mark = high_water::read(&self.paths.high_water);
        let snapshot = self.conn.unchecked_transaction()?;
        let tip = self.tip()?;
        let sinks = sinks(&self.conn)?;
        let names = sinks.iter().map(|sink| sink.name.clone()).collect();
        let mut export = Export {
            conn: &self.conn,
            out: Writing::begin(out, exchange::header(tip, names))?,
            done: Exported {
                records: 0,
                signatures: 0,
                contents: 0,
                entities: 0,
                held: 0,
                quarantined: 0,
                damaged: Vec::new(),
                unreadable: 0,
                damaged_notes: 0,
                high_water: self.marked(mark, tip)?,
                sha256: String::new(),
            },
        };
        let index = Whole::read(&self.conn)?;
        export.done.damaged_notes = index.damaged_notes();
        export.records(&sinks, &index)?;
        export.ledger(&index)?;
        export.held()?;
        export.quarantined()?;
        let sha256 = export.out.end()?;
        snapshot.rollback()?;
        Ok(Exported { sha256, ..export.done })
    }
}

struct Export<'c, W> {
    conn: &'c Connection,
    out: Writing<W>,
    done: Exported,
}

impl<W: Write> Export<'_, W> {
    fn records(&mut self, sinks: &[Sink], index: &Whole<'_>) -> Result<(), ExportError> {
        let superseded = superseded(self.conn)?;
        let contents = Contents::read(self.conn, index)?;
        let sql = format!("SELECT {} FROM records r ORDER BY r.sequence", record::COLUMNS);
        let mut statement = self.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let record = match record::read(row)? {
                Found::Good(record) => record,
                Found::Damaged { sequence } => {
                    widen(&mut self.done.damaged, sequence);
                    continue;
                }
            };
            let mut line = line_of(&record, contents.of(&record));
            line.superseded = superseded.contains(&line.sequence);
            for sink in sinks {
                sink.tell(&mut line);
            }
            self.out.line(&Line::Record(Box::new(line)))?;
            self.done.records += 1;
        }
        Ok(())
    }

    fn ledger(&mut self, index: &Whole<'_>) -> Result<(), ExportError> {
        let Export { out, done, .. } = self;
        index.signatures(|hash, signed| {
            done.signatures += 1;
            let known = signed.known;
            out.line(&Line::Signature(SignatureLine {
                hash: *hash,
                fingerprint: known.fingerprint,
                occurrence: known.occurrence,
                first_seen: signed.first_seen,
            }))
            .map_err(ExportError::from)
        })?;
        index.fingerprints(|fingerprint, latest| {
            done.contents += 1;
            out.line(&Line::Fingerprint(FingerprintLine {
                fingerprint: *fingerprint,
                occurrence: latest.seen.occurrence,
                accepted_at: latest.seen.accepted_at,
            }))
            .map_err(ExportError::from)
        })?;
        index.entities(|[account, endpoint, entity], stands| {
            done.entities += 1;
            out.line(&Line::Entity(EntityLine {
                account: account.to_owned(),
                endpoint: endpoint.to_owned(),
                entity: entity.to_owned(),
                status: stands.standing.status,
                at: stands.standing.at,
            }))
            .map_err(ExportError::from)
        })
    }

    fn held(&mut self) -> Result<(), ExportError> {
        let sql = "SELECT method, target, content_type, content_encoding, verdict, facts, body, received_at, fingerprint, \
            duplicate_of, after_change, \
            row_number() OVER (PARTITION BY fingerprint, received_at ORDER BY number) FROM held ORDER BY number";
        self.done.held = self.aside(sql, |row, callback| {
            Ok(Line::Held(Box::new(HeldLine {
                received_at: time(row, 7)?,
                fingerprint: row.get(8)?,
                duplicate_of: EventId::from_stored(row.get(9)?),
                after_change: row.get(10)?,
                nth: row.get(11)?,
                callback,
            })))
        })?;
        Ok(())
    }

    fn quarantined(&mut self) -> Result<(), ExportError> {
        let sql = "SELECT method, target, content_type, content_encoding, verdict, facts, body, received_at, fingerprint, \
            first_id, signature FROM quarantine ORDER BY number";
        self.done.quarantined = self.aside(sql, |row, callback| {
            Ok(Line::Quarantined(Box::new(QuarantinedLine {
                received_at: time(row, 7)?,
                fingerprint: row.get(8)?,
                first_id: EventId::from_stored(row.get(9)?),
                signature: row.get(10)?,
                callback,
            })))
        })?;
        Ok(())
    }

    /// Writes the rows of callbacks that became no record, those that can be read; how many.
    fn aside(
        &mut self,
        sql: &str,
        line: impl Fn(&Row<'_>, CallbackLine) -> rusqlite::Result<Line>,
    ) -> Result<u64, ExportError> {
        let mut statement = self.conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut written = 0;
        while let Some(row) = rows.next()? {
            if let Some(callback) = callback(row)? {
                self.out.line(&line(row, callback)?)?;
                written += 1;
            } else {
                self.done.unreadable += 1;
            }
        }
        Ok(written)
    }
}

/// A configured sink: what it is done with.
pub(super) struct Sink {
    name: String,
    pub(super) cursor: Cursor,
    requeued: BTreeSet<u64>,
    dead: HashMap<u64, DeadLine>,
}

impl Sink {
    /// Whether it got a record, or passed over it.
    pub(super) fn has(&self, sequence: u64) -> bool {
        let aside = self.requeued.contains(&sequence) || self.dead.contains_key(&sequence);
        !aside && self.cursor.contains(sequence)
    }

    /// Tells a line of a record whether the sink has it. A requeued one it has not got yet.
    fn tell(&self, line: &mut RecordLine) {
        if let Some(dead) = self.dead.get(&line.sequence) {
            line.dead.push(dead.clone());
        } else if self.has(line.sequence) {
            line.published.push(self.name.clone());
        }
    }
}

pub(super) fn sinks(conn: &Connection) -> rusqlite::Result<Vec<Sink>> {
    let mut statement =
        conn.prepare("SELECT sink, low, above FROM cursors WHERE configured = 1 ORDER BY sink")?;
    let mut rows = statement.query([])?;
    let mut sinks = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        // One that cannot be trusted has published nothing: better twice than never.
        let cursor = Cursor::decode(row.get(1)?, &row.get::<_, Vec<u8>>(2)?).unwrap_or_default();
        let mut requeued = conn.prepare_cached("SELECT sequence FROM requeued WHERE sink = ?1")?;
        let requeued = requeued.query_map([&name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        sinks.push(Sink { cursor, requeued, dead: dead(conn, &name)?, name });
    }
    Ok(sinks)
}

fn dead(conn: &Connection, sink: &str) -> rusqlite::Result<HashMap<u64, DeadLine>> {
    let mut dead = conn.prepare_cached("SELECT sequence, code, reason, at FROM dead WHERE sink = ?1")?;
    let rows = dead.query_map([sink], |row| {
        let line =
            DeadLine { sink: sink.to_owned(), code: row.get(1)?, reason: row.get(2)?, at: time(row, 3)? };
        Ok((row.get(0)?, line))
    })?;
    rows.collect()
}

fn superseded(conn: &Connection) -> rusqlite::Result<BTreeSet<u64>> {
    if !schema::has_table(conn, "superseded")? {
        return Ok(BTreeSet::new());
    }
    let mut statement = conn.prepare("SELECT sequence FROM superseded")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// Which content a record is of: rows do not say it, the index does.
struct Contents {
    /// By the number of the record that is its latest occurrence.
    latest: HashMap<u64, [u8; 32]>,
    /// By the ids of the occurrences before it.
    earlier: HashMap<EventId, [u8; 32]>,
}

impl Contents {
    fn read(conn: &Connection, index: &Whole<'_>) -> rusqlite::Result<Self> {
        let first: Option<u64> = conn.query_row("SELECT min(sequence) FROM records", [], |row| row.get(0))?;
        let first = first.unwrap_or(u64::MAX);
        let mut contents = Contents { latest: HashMap::new(), earlier: HashMap::new() };
        index.fingerprints(|fingerprint, latest| {
            if latest.sequence >= first {
                contents.latest.insert(latest.sequence, *fingerprint);
            }
            // An import brings contents without their records: 0 and 1 stand for none.
            let here = u32::from(latest.sequence <= 1);
            for occurrence in 0..(latest.seen.occurrence + here).min(OCCURRENCES) {
                contents.earlier.insert(EventId::new(fingerprint, occurrence), *fingerprint);
            }
            Ok::<_, rusqlite::Error>(())
        })?;
        Ok(contents)
    }

    fn of(&self, record: &Record) -> Option<[u8; 32]> {
        let stamp = record.stamp();
        let latest = self.latest.get(&stamp.sequence).copied();
        latest
            .filter(|fingerprint| EventId::new(fingerprint, stamp.occurrence) == stamp.id)
            .or_else(|| self.earlier.get(&stamp.id).copied())
    }
}

fn line_of(record: &Record, fingerprint: Option<[u8; 32]>) -> RecordLine {
    let stamp = record.stamp();
    RecordLine {
        sequence: stamp.sequence,
        id: stamp.id.clone(),
        received_at: stamp.received_at,
        occurrence: stamp.occurrence,
        previous_status: stamp.previous_status,
        transition: stamp.transition,
        revision: stamp.revision,
        superseded: false,
        fingerprint,
        published: Vec::new(),
        dead: Vec::new(),
        callback: CallbackLine::new(record.request(), record.verdict(), record.facts()),
    }
}

/// What was kept aside, from the first seven columns; `None` when it makes no sense.
fn callback(row: &Row<'_>) -> rusqlite::Result<Option<CallbackLine>> {
    let (method, verdict, facts): (String, String, String) = (row.get(0)?, row.get(4)?, row.get(5)?);
    let parsed = (record::method(&method), serde_json::from_str(&verdict), serde_json::from_str(&facts));
    let (Some(method), Ok(verdict), Ok(facts)) = parsed else { return Ok(None) };
    let request = Request {
        method,
        target: row.get(1)?,
        content_type: row.get(2)?,
        content_encoding: row.get(3)?,
        body: Bytes::from(row.get::<_, Vec<u8>>(6)?),
    };
    Ok(Some(CallbackLine::new(&request, &verdict, &facts)))
}
