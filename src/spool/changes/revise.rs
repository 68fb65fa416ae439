//! Records normalized again. Each becomes a record of its own, a revision, that supersedes it: the same callback with
//! the same id, understood anew, and published like any other. It is superseded once, so that it is published once.

use rusqlite::{Connection, OptionalExtension};

use super::super::decide::{self, Known, Standing};
use super::super::exchange::stand_in;
use super::super::index::{Accepted, Index, Note};
use super::super::record::{self, Found};
use super::super::state::State;
use super::super::store::{self, Content};
use super::super::{ChangeDone, Record, Revision, SpoolConfig, SpoolError};
use super::After;
use crate::event::{Stamp, Status, Transition};
use crate::normalize::Facts;

/// Makes the revisions of those records that are there, whole, and have none yet.
pub(super) fn revise(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    config: &SpoolConfig,
    revisions: &[Revision],
) -> Result<(ChangeDone, After), SpoolError> {
    if revisions.len() > config.group_max {
        return Err(SpoolError::Refused(format!("normalize at most {} again at a time", config.group_max)));
    }
    // Deleted records cannot be normalized again: what is known of them can go.
    tx.execute(
        "DELETE FROM superseded WHERE sequence < (SELECT coalesce(min(sequence), 0) FROM records)",
        [],
    )?;
    let (mut count, mut checksum) = (0, None);
    for revision in revisions {
        let Some(old) = current(tx, revision.sequence)? else { continue };
        checksum = Some(append(tx, state, index, &old, &revision.facts)?);
        tx.execute("INSERT INTO superseded VALUES (?1, ?2)", (revision.sequence, state.tip()))?;
        count += 1;
    }
    Ok((ChangeDone::Renormalized { count }, After::Appended { checksum }))
}

/// A record that no revision has superseded.
fn current(tx: &Connection, sequence: u64) -> rusqlite::Result<Option<Record>> {
    let sql = format!(
        "SELECT {} FROM records r WHERE r.sequence = ?1 \
         AND NOT EXISTS (SELECT 1 FROM superseded s WHERE s.sequence = r.sequence)",
        record::COLUMNS
    );
    let found = tx.prepare_cached(&sql)?.query_row([sequence], record::read).optional()?;
    Ok(match found {
        Some(Found::Good(record)) => Some(record),
        Some(Found::Damaged { .. }) | None => None,
    })
}

fn append(
    tx: &Connection,
    state: &mut State,
    index: &mut Index,
    old: &Record,
    facts: &Facts,
) -> rusqlite::Result<u32> {
    let received_at = old.facts.received_at.unwrap_or(old.stamp.received_at);
    let facts = Facts { received_at: Some(received_at), ..facts.clone() };
    let revision = old.stamp.revision + 1;
    // Not the callback's own content, whose window and occurrences it leaves alone.
    let fingerprint = stand_in(&old.stamp.id, revision);
    let content =
        Content { request: &old.request, verdict: &old.verdict, facts: &facts, fingerprint: &fingerprint };
    let entity = content.entity();
    let standing = entity.as_deref().map(|entity| index.standing(tx, entity)).transpose()?.flatten();
    let place = if entity.is_some() { place(old, &facts, standing) } else { Place::default() };
    let stamp = Stamp {
        sequence: state.next,
        received_at: state.clock,
        previous_status: place.previous,
        transition: place.transition,
        revision,
        ..old.stamp.clone()
    };
    let checksum = store::insert_record(tx, &content, &stamp)?;
    state.next += 1;
    state.records += 1;
    // Noted whether it moves the entity or not: an export of another spool may bring the same revision.
    let accepted = Accepted { sequence: stamp.sequence, moved: entity.as_deref().zip(place.moves_to) };
    let note = Note {
        content: Known { fingerprint, occurrence: 0 },
        signatures: Vec::new(),
        accepted: Some(accepted),
    };
    index.note(state, &note, standing.is_some());
    Ok(checksum)
}

/// Where a revision stands in its entity's story.
#[derive(Default)]
struct Place {
    previous: Option<Status>,
    transition: Option<Transition>,
    /// Where the entity stands from now on, if that changes.
    moves_to: Option<Status>,
}

fn place(old: &Record, facts: &Facts, standing: Option<Standing>) -> Place {
    let Some(status) = facts.status else { return Place::default() };
    match standing {
        // The entity has gone on since then, and where it stood before is not known any more.
        Some(standing) if standing.at > old.stamp.received_at => Place::default(),
        // It stands where this very record has put it.
        Some(standing) if standing.at == old.stamp.received_at && old.facts.entity() == facts.entity() => {
            instead(old, status)
        }
        standing => {
            let step = decide::step(standing, status, old.stamp.received_at);
            let moves_to = step.standing.map(|standing| standing.status);
            Place { previous: step.previous, transition: Some(step.transition), moves_to }
        }
    }
}

/// In the place of the old record: how long before it the entity was moved is not known, so that a late retry cannot be
/// told from a new start.
fn instead(old: &Record, status: Status) -> Place {
    let at = old.stamp.received_at;
    let previous = old.stamp.previous_status;
    let transition = Transition::between(previous.map(|previous| (previous, at)), (status, at));
    let transition = Some(transition).filter(|transition| *transition != Transition::Regressed);
    Place { previous, transition, moves_to: Some(status) }
}
