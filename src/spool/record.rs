//! A record: one accepted callback as a row, with the checksum that is written at append and checked at claim.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::Row;

use crate::callback::{Method, Request, Verdict};
use crate::event::{Event, EventId, Stamp, Status, Timestamp, Transition};
use crate::normalize::{self, Facts};

/// An accepted callback: the request as received, what was decided about it, and what the writer stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub(super) request: Request,
    /// Nearly all records of one spool have the same.
    pub(super) verdict: Arc<Verdict>,
    pub(super) facts: Facts,
    pub(super) stamp: Stamp,
}

impl Record {
    /// The record's number in its spool.
    pub fn sequence(&self) -> u64 {
        self.stamp.sequence
    }

    /// The idempotency key.
    pub fn id(&self) -> &EventId {
        &self.stamp.id
    }

    /// When the callback was received.
    pub fn received_at(&self) -> Timestamp {
        self.stamp.received_at
    }

    /// What the callback says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What verification found.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The request as received.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What the writer stamped.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The key that keeps an entity's events in order: its id, or the account's auth id where there is none.
    pub fn entity_key(&self) -> &str {
        self.facts.entity().unwrap_or(&self.verdict.auth_id)
    }

    /// The event: a pure function of the record.
    pub fn event(&self) -> Event<'_> {
        normalize::event(&self.request, &self.verdict, &self.facts, &self.stamp)
    }

    /// What it weighs in memory, about.
    pub(super) fn weight(&self) -> usize {
        self.request.body.len() + self.request.target.len() + 512
    }
}

/// The columns that [`read`] takes, in its order.
pub(super) const COLUMNS: &str = "r.sequence, r.id, r.received_at, r.occurrence, r.previous_status, r.transition, \
    r.revision, r.checksum, r.method, r.target, r.content_type, r.content_encoding, r.verdict, r.facts, r.body";

/// A row as it was found.
#[expect(clippy::large_enum_variant, reason = "nearly all are good, and each is moved on at once")]
pub(super) enum Found {
    /// Its checksum matches.
    Good(Record),
    /// It does not, or the row does not decode.
    Damaged {
        /// The record's number.
        sequence: u64,
    },
}

/// Reads a row of [`COLUMNS`]. Errors are SQLite's; a row that does not make sense is `Damaged`.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    Reading::default().read(row)
}

/// The record, and whether its checksum matches; `None` when the row does not decode.
pub(super) fn parse(row: &Row<'_>) -> Option<(Record, bool)> {
    Reading::default().parse(row)
}

/// Rows read one after the other: nearly all of one spool have the same verdict, which is parsed once.
#[derive(Default)]
pub(super) struct Reading {
    /// The latest verdict, as text and parsed.
    verdict: Option<(String, Arc<Verdict>)>,
    /// What a checksum is taken over.
    summed: Vec<u8>,
    /// Texts of records that nobody needs any more.
    spare: Vec<String>,
}

impl Reading {
    /// As [`read`].
    pub(super) fn read(&mut self, row: &Row<'_>) -> rusqlite::Result<Found> {
        let sequence = row.get(0)?;
        let good = self.parse(row).filter(|(_, matches)| *matches);
        Ok(good.map_or(Found::Damaged { sequence }, |(record, _)| Found::Good(record)))
    }

    fn parse(&mut self, row: &Row<'_>) -> Option<(Record, bool)> {
        let (previous, transition) = (optional_text(row, 4)?, optional_text(row, 5)?);
        let (verdict_json, facts_json) = (text(row, 12)?, text(row, 13)?);
        let record = Record {
            request: Request {
                method: method(text(row, 8)?)?,
                target: self.own(text(row, 9)?),
                content_type: optional_text(row, 10)?.map(|text| self.own(text)),
                content_encoding: optional_text(row, 11)?.map(|text| self.own(text)),
                body: Bytes::copy_from_slice(row.get_ref(14).ok()?.as_blob().ok()?),
            },
            verdict: self.verdict(verdict_json)?,
            facts: serde_json::from_str(facts_json).ok()?,
            stamp: Stamp {
                sequence: row.get(0).ok()?,
                id: EventId::from_stored(self.own(text(row, 1)?)),
                received_at: Timestamp::from_millis(row.get(2).ok()?),
                occurrence: row.get(3).ok()?,
                previous_status: previous.map(|word| word.parse::<Status>()).transpose().ok()?,
                transition: transition.map(|word| parse_transition(word).ok_or(())).transpose().ok()?,
                revision: row.get(6).ok()?,
            },
        };
        let expected: u32 = row.get(7).ok()?;
        let found = checksum_in(&mut self.summed, &record.stamp, &record.request, verdict_json, facts_json);
        Some((record, found == expected))
    }

    /// Takes a record back whose texts can hold those of the next.
    pub(super) fn take_back(&mut self, record: Record) {
        let Record { request: Request { target, content_type, content_encoding, .. }, stamp, .. } = record;
        self.spare
            .extend([target, stamp.id.into_stored()].into_iter().chain(content_type).chain(content_encoding));
    }

    fn own(&mut self, text: &str) -> String {
        let mut own = self.spare.pop().unwrap_or_default();
        own.clear();
        own.push_str(text);
        own
    }

    fn verdict(&mut self, json: &str) -> Option<Arc<Verdict>> {
        match &self.verdict {
            Some((text, verdict)) if text == json => Some(Arc::clone(verdict)),
            _ => {
                let verdict: Arc<Verdict> = Arc::new(serde_json::from_str(json).ok()?);
                self.verdict = Some((json.to_owned(), Arc::clone(&verdict)));
                Some(verdict)
            }
        }
    }
}

/// `None` when it is not text; `Some(None)` when there is none.
fn optional_text<'r>(row: &'r Row<'_>, column: usize) -> Option<Option<&'r str>> {
    row.get_ref(column).ok()?.as_str_or_null().ok()
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Option<&'r str> {
    row.get_ref(column).ok()?.as_str().ok()
}

/// The method of a stored request.
pub(super) fn method(word: &str) -> Option<Method> {
    [Method::Get, Method::Post].into_iter().find(|method| method.as_str() == word)
}

fn parse_transition(word: &str) -> Option<Transition> {
    use Transition::{Advanced, First, Regressed, Repeated, Restarted};
    [First, Advanced, Repeated, Regressed, Restarted].into_iter().find(|one| one.as_str() == word)
}

/// CRC-32 over everything that the event is made from, each part with its length.
pub(super) fn checksum(stamp: &Stamp, request: &Request, verdict: &str, facts: &str) -> u32 {
    checksum_in(&mut Vec::new(), stamp, request, verdict, facts)
}

/// The same, in memory that was used before. In one piece, since a few bytes at a time take several times as long.
fn checksum_in(all: &mut Vec<u8>, stamp: &Stamp, request: &Request, verdict: &str, facts: &str) -> u32 {
    all.clear();
    all.reserve(512 + request.target.len() + verdict.len() + facts.len() + request.body.len());
    let mut part = |bytes: &[u8]| {
        all.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        all.extend_from_slice(bytes);
    };
    part(&stamp.sequence.to_le_bytes());
    part(stamp.id.as_str().as_bytes());
    part(&stamp.received_at.as_millis().to_le_bytes());
    part(&stamp.occurrence.to_le_bytes());
    part(stamp.previous_status.map_or("", Status::as_str).as_bytes());
    part(stamp.transition.map_or("", Transition::as_str).as_bytes());
    part(&stamp.revision.to_le_bytes());
    part(request.method.as_str().as_bytes());
    part(request.target.as_bytes());
    for header in [&request.content_type, &request.content_encoding] {
        // Present and empty is not absent.
        part(if header.is_some() { b"1" } else { b"0" });
        part(header.as_deref().unwrap_or_default().as_bytes());
    }
    part(verdict.as_bytes());
    part(facts.as_bytes());
    part(&request.body);
    crc32fast::hash(all)
}
