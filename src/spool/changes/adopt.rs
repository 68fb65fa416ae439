//! A part of another spool's export, taken in: see [`super::super::adopt`] for what a line comes to.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::adopt::{self, Adopted, Comes, Look};
use super::super::cursor::Cursor;
use super::super::decide::{Known, Seen};
use super::super::exchange::{CallbackLine, Line, RecordLine};
use super::super::index::{Index, Latest, Signed, Stands};
use super::super::lanes::Lane;
use super::super::state::State;
use super::super::store::{self, Content};
use super::super::{ChangeDone, Shared, SpoolError, cursors};
use super::After;
use crate::normalize::Facts;

/// Of a content or a standing that came without its record.
const NO_RECORD: u64 = 0;

/// Takes in these lines.
pub(super) fn adopt(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    shared: &Shared,
    lines: &[Line],
) -> Result<(ChangeDone, After), SpoolError> {
    let mut adoption = Adoption {
        tx,
        state,
        index,
        lanes: shared
            .lanes
            .iter()
            .map(|lane| Adopting { lane, cursor: lane.read(|at| at.live.clone()) })
            .collect(),
        checksum: None,
    };
    let mut look = Look::new(adoption.state, &shared.config);
    let mut adopted = Adopted::default();
    for line in lines {
        let comes = look.at(tx, adoption.index, line)?;
        if comes == Comes::New {
            adoption.take(line)?;
        }
        adopted.count(line, comes, shared.lanes.iter().map(|lane| lane.name.as_str()));
    }
    let checksum = adoption.checksum;
    for lane in &adoption.lanes {
        cursors::save_live(tx, &lane.lane.name, &lane.cursor)?;
    }
    Ok((ChangeDone::Imported(adopted), After::Reread { checksum }))
}

struct Adoption<'a> {
    tx: &'a Connection,
    state: &'a mut State,
    index: &'a mut Index,
    lanes: Vec<Adopting<'a>>,
    /// Of the last record that was added.
    checksum: Option<u32>,
}

/// A lane, and its cursor with what it is done with among the new records. It is written in the same transaction as
/// these: a sink must not get again what it has.
struct Adopting<'a> {
    lane: &'a Arc<Lane>,
    cursor: Cursor,
}

impl Adoption<'_> {
    fn take(&mut self, line: &Line) -> rusqlite::Result<()> {
        match line {
            Line::Record(line) => self.take_record(line),
            Line::Signature(line) => {
                let known = Known { fingerprint: line.fingerprint, occurrence: line.occurrence };
                let signed = Signed { known, first_seen: line.first_seen };
                self.index.adopt_signature(self.tx, self.state, (&line.hash, signed))
            }
            Line::Fingerprint(line) => {
                let here = self.index.fingerprint(self.tx, &line.fingerprint)?;
                let Some(seen) = adopt::later_content(here, line) else { return Ok(()) };
                self.enter_content(&line.fingerprint, Latest { seen, sequence: NO_RECORD })
            }
            Line::Entity(line) => {
                let name = adopt::name(line);
                let here = self.index.standing(self.tx, &name)?;
                let Some(standing) = adopt::later_standing(here, line) else { return Ok(()) };
                let stands = Stands { standing, sequence: NO_RECORD };
                self.index.adopt_standing(self.tx, self.state, (&name, stands))
            }
            Line::Held(line) => {
                let content = Kept::new(&line.callback);
                let content = content.content(&line.fingerprint);
                let (at, of) = (line.received_at, &line.duplicate_of);
                store::put_held(self.tx, at, &content, of, line.after_change)?;
                self.state.held += 1;
                Ok(())
            }
            Line::Quarantined(line) => {
                let content = Kept::new(&line.callback);
                let content = content.content(&line.fingerprint);
                store::put_quarantined(self.tx, line.received_at, &content, &line.first_id, &line.signature)?;
                self.state.quarantine += 1;
                Ok(())
            }
        }
    }

    /// Its row is made now, so that times never run backwards with numbers; the facts keep when the callback came.
    fn take_record(&mut self, line: &RecordLine) -> rusqlite::Result<()> {
        let key = line.key();
        let mut kept = Kept::new(&line.callback);
        kept.facts.received_at = Some(line.came_at());
        let stamp = line.stamp(self.state.next, self.state.clock);
        self.checksum = Some(store::insert_record(self.tx, &kept.content(&key), &stamp)?);
        self.state.next += 1;
        self.state.records += 1;
        let here = self.index.fingerprint(self.tx, &key)?;
        let accepted_at = here.map_or(line.came_at(), |here| here.accepted_at.max(line.came_at()));
        let seen = Seen { occurrence: line.of_key(), accepted_at };
        self.enter_content(&key, Latest { seen, sequence: stamp.sequence })?;
        if line.superseded {
            // By which one does not matter; it comes as a record of its own.
            self.tx.execute("INSERT INTO superseded VALUES (?1, ?1)", [stamp.sequence])?;
        }
        for Adopting { lane, cursor } in &mut self.lanes {
            if line.is_done(&lane.name) {
                cursor.ack_range(stamp.sequence, stamp.sequence);
            }
            for dead in line.dead.iter().filter(|dead| dead.sink == lane.name) {
                self.tx
                    .prepare_cached("INSERT OR REPLACE INTO dead VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute((&lane.name, stamp.sequence, &dead.code, &dead.reason, dead.at.as_millis()))?;
            }
        }
        Ok(())
    }

    fn enter_content(&mut self, fingerprint: &[u8; 32], latest: Latest) -> rusqlite::Result<()> {
        self.index.adopt_fingerprint(self.tx, self.state, (fingerprint, latest))
    }
}

/// A callback of a line, as it is stored.
struct Kept {
    request: crate::callback::Request,
    verdict: crate::callback::Verdict,
    facts: Facts,
}

impl Kept {
    fn new(line: &CallbackLine) -> Self {
        Kept { request: line.request(), verdict: line.verdict.clone(), facts: line.facts.clone() }
    }

    fn content<'k>(&'k self, fingerprint: &'k [u8; 32]) -> Content<'k> {
        Content { request: &self.request, verdict: &self.verdict, facts: &self.facts, fingerprint }
    }
}
