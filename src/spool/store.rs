//! One callback, applied within the transaction of its batch: look up, decide, write.

use rusqlite::{Connection, ToSql};

use super::decide::{self, Decision, Hash, Known, LookedUp, Standing};
use super::index::{self, Accepted, Index, Note};
use super::state::State;
use super::{Outcome, SpoolConfig, record};
use crate::callback::{Request, Verdict};
use crate::event::{EventId, Stamp, Timestamp};
use crate::normalize::{Facts, NormalizedCallback};
use crate::sabotage;

/// What was written.
pub(super) struct Stored {
    /// What the caller is told.
    pub(super) outcome: Outcome,
    /// The checksum of the new record, if there is one.
    pub(super) checksum: Option<u32>,
}

/// The content of a callback: what becomes a record, now or when it is released.
pub(super) struct Content<'a> {
    pub(super) request: &'a Request,
    pub(super) verdict: &'a Verdict,
    pub(super) facts: &'a Facts,
    pub(super) fingerprint: &'a Hash,
}

/// Decides about a callback and writes what follows. `state.clock` is the time of the batch.
pub(super) fn append(
    conn: &Connection,
    state: &mut State,
    index: &mut Index,
    config: &SpoolConfig,
    callback: &NormalizedCallback,
) -> rusqlite::Result<Stored> {
    let content = Content {
        request: &callback.request,
        verdict: &callback.verdict,
        facts: &callback.facts,
        fingerprint: &callback.fingerprint,
    };
    let mut signatures = Vec::with_capacity(callback.signatures.len());
    for hash in &callback.signatures {
        signatures.push((*hash, index.signature(conn, hash)?));
    }
    let entity = content.entity();
    let standing = entity.as_deref().map(|entity| index.standing(conn, entity)).transpose()?.flatten();
    let found = LookedUp {
        fingerprint: content.fingerprint,
        signatures: if sabotage::is_ledger_off() { &[] } else { &signatures },
        seen: index.fingerprint(conn, content.fingerprint)?,
        standing,
        status: content.facts.status,
    };
    let window = i64::try_from(config.dedupe_window.as_millis()).unwrap_or(i64::MAX);
    let window = if sabotage::is_dedupe_off() { 0 } else { window };
    let decision = decide::decide(found, state.clock, window);
    let new = signatures.iter().filter(|(_, known)| known.is_none()).map(|(hash, _)| *hash).collect();
    let stored = match decision {
        Decision::Accept { occurrence } => {
            let arrival = Arrival { occurrence, entity, standing, signatures: new };
            return accept(conn, state, index, &content, arrival);
        }
        Decision::Duplicate { occurrence } => {
            let id = EventId::new(content.fingerprint, occurrence);
            Stored::without_record(Outcome::Duplicate { id, held: false, after_change: false })
        }
        Decision::HoldBack { occurrence, after_change } => {
            let id = EventId::new(content.fingerprint, occurrence);
            hold_back(conn, state, config, &content, &id, after_change)?;
            Stored::without_record(Outcome::Duplicate { id, held: true, after_change })
        }
        Decision::Quarantine { signature, first } => {
            let id = EventId::new(&first.fingerprint, first.occurrence);
            let kept = quarantine(conn, state, config, &content, &id, &signature)?;
            Stored::without_record(Outcome::Quarantined { id, kept })
        }
    };
    index.bind(state, first_content(content.fingerprint, decision), new);
    Ok(stored)
}

/// What a new record is entered with.
pub(super) struct Arrival {
    pub(super) occurrence: u32,
    /// The entity's name in the index, and where it stood.
    pub(super) entity: Option<String>,
    pub(super) standing: Option<Standing>,
    /// Signatures that were not in the ledger.
    pub(super) signatures: Vec<Hash>,
}

/// Writes a record, and what later callbacks are compared with.
pub(super) fn accept(
    conn: &Connection,
    state: &mut State,
    index: &mut Index,
    content: &Content<'_>,
    arrival: Arrival,
) -> rusqlite::Result<Stored> {
    let Arrival { occurrence, entity, standing, signatures } = arrival;
    let step =
        entity.as_ref().and(content.facts.status).map(|status| decide::step(standing, status, state.clock));
    let stamp = Stamp {
        sequence: state.next,
        id: EventId::new(content.fingerprint, occurrence),
        received_at: state.clock,
        occurrence,
        previous_status: step.and_then(|step| step.previous),
        transition: step.map(|step| step.transition),
        revision: 0,
    };
    let checksum = insert_record(conn, content, &stamp)?;
    state.next += 1;
    state.records += 1;
    let moved = entity.as_deref().zip(step.and_then(|step| step.standing));
    let note = Note {
        content: Known { fingerprint: *content.fingerprint, occurrence },
        signatures,
        accepted: Some(Accepted {
            sequence: stamp.sequence,
            moved: moved.map(|(entity, standing)| (entity, standing.status)),
        }),
    };
    index.note(state, &note, standing.is_some());
    let outcome = Outcome::Accepted { id: stamp.id, sequence: stamp.sequence, occurrence };
    Ok(Stored { outcome, checksum: Some(checksum) })
}

impl Content<'_> {
    /// Whose status the callback tells, where it tells of one: the entity's name in the index.
    pub(super) fn entity(&self) -> Option<String> {
        let endpoint = self.facts.endpoint?;
        Some(index::entity_name(&self.verdict.auth_id, endpoint.as_str(), self.facts.entity()?))
    }
}

impl Stored {
    fn without_record(outcome: Outcome) -> Self {
        Stored { outcome, checksum: None }
    }
}

/// What the signatures of a request are entered with. Those of a quarantined one are bound to the content that
/// came first: they can never bring the other content in.
fn first_content(fingerprint: &Hash, decision: Decision) -> Known {
    match decision {
        Decision::Quarantine { first, .. } => first,
        Decision::Accept { occurrence }
        | Decision::Duplicate { occurrence }
        | Decision::HoldBack { occurrence, .. } => Known { fingerprint: *fingerprint, occurrence },
    }
}

/// Writes the row of a record; its checksum.
pub(super) fn insert_record(
    conn: &Connection,
    content: &Content<'_>,
    stamp: &Stamp,
) -> rusqlite::Result<u32> {
    let (request, facts) = (content.request, content.facts);
    let (verdict_json, facts_json) = (json(content.verdict)?, json(facts)?);
    let checksum = record::checksum(stamp, request, &verdict_json, &facts_json);
    let columns: [&dyn ToSql; 19] = [
        &stamp.sequence,
        &stamp.id.as_str(),
        &stamp.received_at.as_millis(),
        &facts.endpoint.map(|endpoint| endpoint.as_str()),
        &facts.status.map(|status| status.as_str()),
        &content.verdict.auth_id,
        &facts.entity(),
        &stamp.occurrence,
        &stamp.previous_status.map(|status| status.as_str()),
        &stamp.transition.map(|transition| transition.as_str()),
        &stamp.revision,
        &checksum,
        &request.method.as_str(),
        &request.target,
        &request.content_type,
        &request.content_encoding,
        &verdict_json,
        &facts_json,
        &request.body.as_ref(),
    ];
    conn.prepare_cached(
        "INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
         ?17, ?18, ?19)",
    )?
    .execute(columns)?;
    Ok(checksum)
}

fn hold_back(
    conn: &Connection,
    state: &mut State,
    config: &SpoolConfig,
    content: &Content<'_>,
    id: &EventId,
    after_change: bool,
) -> rusqlite::Result<()> {
    put_held(conn, state.clock, content, id, after_change)?;
    state.held += 1;
    if state.held > u64::from(config.held_max) {
        conn.prepare_cached("DELETE FROM held WHERE number = (SELECT min(number) FROM held)")?.execute([])?;
        state.held -= 1;
    }
    Ok(())
}

/// Keeps a quarantined callback unless a cap is reached or the same is there already. Whether it is there.
fn quarantine(
    conn: &Connection,
    state: &mut State,
    config: &SpoolConfig,
    content: &Content<'_>,
    first_id: &EventId,
    signature: &Hash,
) -> rusqlite::Result<bool> {
    let (of_signature, same): (u64, bool) = conn
        .prepare_cached(
            "SELECT count(*), coalesce(max(fingerprint = ?2), 0) FROM quarantine WHERE signature = ?1",
        )?
        .query_row((signature, content.fingerprint), |row| Ok((row.get(0)?, row.get(1)?)))?;
    if same {
        return Ok(true);
    }
    let full = of_signature >= u64::from(config.quarantine_per_signature)
        || state.quarantine >= u64::from(config.quarantine_max);
    if full {
        return Ok(false);
    }
    put_quarantined(conn, state.clock, content, first_id, signature)?;
    state.quarantine += 1;
    Ok(true)
}

/// Writes the row of a duplicate that is held back.
pub(super) fn put_held(
    conn: &Connection,
    received_at: Timestamp,
    content: &Content<'_>,
    id: &EventId,
    after_change: bool,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO held (received_at, duplicate_of, after_change, fingerprint, method, target, \
        content_type, content_encoding, verdict, facts, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    insert_aside(conn, sql, received_at, content, &id.as_str(), &after_change)
}

/// Writes the row of a callback in quarantine.
pub(super) fn put_quarantined(
    conn: &Connection,
    received_at: Timestamp,
    content: &Content<'_>,
    first_id: &EventId,
    signature: &Hash,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO quarantine (received_at, first_id, signature, fingerprint, method, target, \
        content_type, content_encoding, verdict, facts, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    insert_aside(conn, sql, received_at, content, &first_id.as_str(), signature)
}

/// The two tables of what is kept aside differ in one column.
fn insert_aside(
    conn: &Connection,
    sql: &str,
    received_at: Timestamp,
    content: &Content<'_>,
    id: &dyn ToSql,
    own: &dyn ToSql,
) -> rusqlite::Result<()> {
    let request = content.request;
    let (verdict_json, facts_json) = (json(content.verdict)?, json(content.facts)?);
    let columns: [&dyn ToSql; 11] = [
        &received_at.as_millis(),
        id,
        own,
        content.fingerprint,
        &request.method.as_str(),
        &request.target,
        &request.content_type,
        &request.content_encoding,
        &verdict_json,
        &facts_json,
        &request.body.as_ref(),
    ];
    conn.prepare_cached(sql)?.execute(columns)?;
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
