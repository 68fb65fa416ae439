//! What a line of another spool's export comes to in this one. Asked by the writer, which then does it, and by who only
//! wants to know.
//!
//! - A record is known here when the index knows its content with that occurrence or a later one: its id was given here,
//!   by a callback or by an earlier import. Otherwise it becomes a record, with its id, under the next number. A sink
//!   that is done with it there is done with it here; every other one gets it.
//! - A signature that is known here stays bound to what it came with here. Of a content the higher occurrence and the
//!   later acceptance stand; of an entity the later status.
//! - What was kept aside stays aside, within the caps of this spool.
//!
//! So what was taken in once is known from then on, and a second time changes nothing.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::SpoolConfig;
use super::decide::{Hash, Seen, Standing};
use super::exchange::{EntityLine, FingerprintLine, HeldLine, Line, QuarantinedLine, RecordLine};
use super::index::{self, Index};
use super::state::State;

/// How much of an export was taken in, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Records that are new here.
    pub records: u64,
    /// Of them, how many each sink of this relay has still to get.
    pub to_publish: BTreeMap<String, u64>,
    /// Of them, how many are dead letters of a sink of this relay.
    pub dead_letters: u64,
    /// Signatures that are new here.
    pub signatures: u64,
    /// Contents that are new here, or of which more is known now.
    pub contents: u64,
    /// Entities that are new here, or stand elsewhere now.
    pub entities: u64,
    /// Duplicates held back that are new here.
    pub held: u64,
    /// Callbacks in quarantine that are new here.
    pub quarantined: u64,
    /// Lines of any kind that say nothing new.
    pub known: u64,
    /// What was kept aside and finds no room within this spool's caps.
    pub left_out: u64,
}

/// What a line comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comes {
    /// It says nothing new.
    Known,
    /// It does.
    New,
    /// There is no room for it.
    LeftOut,
}

/// What is asked of beside the index.
pub(super) struct Look {
    /// How many more duplicates may be held back, and callbacks be kept in quarantine.
    held_room: u64,
    quarantine_room: u64,
    /// How many duplicates there are of a content at a moment; counted when it is first asked.
    held: Option<HashMap<(Hash, i64), u64>>,
    /// What the index would know by now, had the records been written.
    taught: HashMap<Hash, Seen>,
}

impl Look {
    /// At a spool as it stands.
    pub(super) fn new(state: &State, config: &SpoolConfig) -> Self {
        Look {
            held_room: u64::from(config.held_max).saturating_sub(state.held),
            quarantine_room: u64::from(config.quarantine_max).saturating_sub(state.quarantine),
            held: None,
            taught: HashMap::new(),
        }
    }

    /// Notes what a record that is not written teaches: lines that come later say it again.
    pub(super) fn teach(&mut self, line: &RecordLine) {
        self.taught.insert(line.key(), Seen { occurrence: line.of_key(), accepted_at: line.came_at() });
    }

    /// What a line comes to. The room that it would take is taken.
    pub(super) fn at(&mut self, conn: &Connection, index: &Index, line: &Line) -> rusqlite::Result<Comes> {
        let news = match line {
            Line::Record(line) => !self.is_known(conn, index, line)?,
            Line::Signature(line) => index.signature(conn, &line.hash)?.is_none(),
            Line::Fingerprint(line) => {
                later_content(self.content(conn, index, &line.fingerprint)?, line).is_some()
            }
            Line::Entity(line) => later_standing(index.standing(conn, &name(line))?, line).is_some(),
            Line::Held(line) => {
                let new = self.held_before(conn, line)? < line.nth;
                return Ok(within(new, &mut self.held_room));
            }
            Line::Quarantined(line) => {
                let new = !is_quarantined(conn, line)?;
                return Ok(within(new, &mut self.quarantine_room));
            }
        };
        Ok(if news { Comes::New } else { Comes::Known })
    }

    fn is_known(&self, conn: &Connection, index: &Index, line: &RecordLine) -> rusqlite::Result<bool> {
        let seen = self.content(conn, index, &line.key())?;
        Ok(seen.is_some_and(|seen| seen.occurrence >= line.of_key()))
    }

    fn content(&self, conn: &Connection, index: &Index, key: &Hash) -> rusqlite::Result<Option<Seen>> {
        match self.taught.get(key) {
            Some(seen) => Ok(Some(*seen)),
            None => index.fingerprint(conn, key),
        }
    }

    fn held_before(&mut self, conn: &Connection, line: &HeldLine) -> rusqlite::Result<u64> {
        let counted = match &mut self.held {
            Some(counted) => counted,
            none => none.insert(count_held(conn)?),
        };
        Ok(counted.get(&(line.fingerprint, line.received_at.as_millis())).copied().unwrap_or(0))
    }
}

impl Adopted {
    /// Counts what a line came to.
    pub(super) fn count<'l>(&mut self, line: &Line, comes: Comes, lanes: impl Iterator<Item = &'l str>) {
        match comes {
            Comes::Known => self.known += 1,
            Comes::LeftOut => self.left_out += 1,
            Comes::New => match line {
                Line::Record(line) => self.count_record(line, lanes),
                Line::Signature(_) => self.signatures += 1,
                Line::Fingerprint(_) => self.contents += 1,
                Line::Entity(_) => self.entities += 1,
                Line::Held(_) => self.held += 1,
                Line::Quarantined(_) => self.quarantined += 1,
            },
        }
    }

    fn count_record<'l>(&mut self, line: &RecordLine, lanes: impl Iterator<Item = &'l str>) {
        self.records += 1;
        for lane in lanes {
            *self.to_publish.entry(lane.to_owned()).or_default() += u64::from(!line.is_done(lane));
            self.dead_letters += line.dead.iter().filter(|dead| dead.sink == lane).count() as u64;
        }
    }

    /// Adds what another part came to.
    pub fn add(&mut self, other: &Adopted) {
        self.records += other.records;
        for (sink, count) in &other.to_publish {
            *self.to_publish.entry(sink.clone()).or_default() += count;
        }
        self.dead_letters += other.dead_letters;
        self.signatures += other.signatures;
        self.contents += other.contents;
        self.entities += other.entities;
        self.held += other.held;
        self.quarantined += other.quarantined;
        self.known += other.known;
        self.left_out += other.left_out;
    }
}

/// What is known of a content, when that is more than before.
pub(super) fn later_content(here: Option<Seen>, line: &FingerprintLine) -> Option<Seen> {
    let there = Seen { occurrence: line.occurrence, accepted_at: line.accepted_at };
    let both = here.map_or(there, |here| Seen {
        occurrence: here.occurrence.max(there.occurrence),
        accepted_at: here.accepted_at.max(there.accepted_at),
    });
    (here != Some(both)).then_some(both)
}

/// Where an entity stands, when that is another place than before.
pub(super) fn later_standing(here: Option<Standing>, line: &EntityLine) -> Option<Standing> {
    here.is_none_or(|here| here.at < line.at).then_some(Standing { status: line.status, at: line.at })
}

/// The name of an entity in the index.
pub(super) fn name(line: &EntityLine) -> String {
    index::entity_name(&line.account, &line.endpoint, &line.entity)
}

fn within(new: bool, room: &mut u64) -> Comes {
    match (new, *room) {
        (false, _) => Comes::Known,
        (true, 0) => Comes::LeftOut,
        (true, _) => {
            *room -= 1;
            Comes::New
        }
    }
}

fn is_quarantined(conn: &Connection, line: &QuarantinedLine) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT count(*) > 0 FROM quarantine WHERE signature = ?1 AND fingerprint = ?2")?
        .query_row((line.signature, line.fingerprint), |row| row.get(0))
}

fn count_held(conn: &Connection) -> rusqlite::Result<HashMap<(Hash, i64), u64>> {
    let mut statement = conn.prepare("SELECT fingerprint, received_at, count(*) FROM held GROUP BY 1, 2")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}
