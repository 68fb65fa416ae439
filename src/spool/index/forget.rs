//! What the index says of entities, forgotten: their ids are in it, where all else is hashes.

use rusqlite::{Connection, OptionalExtension};

use super::super::schema;
use super::super::state::State;
use super::{Index, Note, notes, tables};
use crate::event::Timestamp;

impl Index {
    /// Forgets where an entity stands, unless a record after `until` has moved it; whether it is forgotten. The notes
    /// that say it have to be rewritten as well: see [`in_notes`].
    pub(in crate::spool) fn forget_standing(
        &mut self,
        tx: &Connection,
        state: &mut State,
        entity: &str,
        until: u64,
    ) -> rusqlite::Result<bool> {
        let known = self.standing(tx, entity)?.is_some();
        for part in [&mut self.live, &mut self.sealed] {
            if part.entities.get(entity).is_some_and(|stands| stands.sequence <= until) {
                part.entities.remove(entity);
                self.changed = true;
            }
        }
        tables::delete_standing(tx, entity, until)?;
        // It may be the one that the place names.
        if self.place.forget_entity() {
            self.place.write(tx)?;
        }
        let forgotten = known && self.standing(tx, entity)?.is_none();
        state.entities = state.entities.saturating_sub(u64::from(forgotten));
        Ok(forgotten)
    }
}

/// Rewrites these notes without the entities that `goes` names: by name, moment and record. What else they say stays.
pub(in crate::spool) fn in_notes(
    tx: &Connection,
    numbers: &[u64],
    goes: impl Fn(&str, Timestamp, u64) -> bool,
) -> rusqlite::Result<()> {
    for number in numbers {
        let found = tx
            .prepare_cached("SELECT at, entries FROM notes WHERE number = ?1")?
            .query_row([number], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        let Some((at, bytes)) = found else { continue };
        let at = Timestamp::from_millis(at);
        let mut batch = notes::Batch::default();
        // Of a damaged one what comes before the damage is kept, as it is when it is read.
        let _ = notes::each(&bytes, |mut note| {
            if let Some(accepted) = &mut note.accepted {
                accepted.moved = accepted.moved.filter(|(name, _)| !goes(name, at, accepted.sequence));
            }
            batch.push(&note);
        });
        notes::replace(tx, *number, at, &batch)?;
    }
    Ok(())
}

/// The notes that name an entity which `goes` names.
pub(in crate::spool) fn notes_about(
    conn: &Connection,
    goes: impl Fn(&str, Timestamp, u64) -> bool,
) -> rusqlite::Result<Vec<u64>> {
    if !schema::has_table(conn, "notes")? {
        return Ok(Vec::new());
    }
    let mut statement = conn.prepare("SELECT number, at, entries FROM notes ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut about = Vec::new();
    while let Some(row) = rows.next()? {
        let at = Timestamp::from_millis(row.get(1)?);
        let mut hit = false;
        let look = |note: Note<'_>| {
            let accepted = note.accepted.as_ref();
            hit |= accepted.is_some_and(|accepted| {
                accepted.moved.is_some_and(|(name, _)| goes(name, at, accepted.sequence))
            });
        };
        // What comes before the damage in a note counts.
        let _ = notes::each(row.get_ref(2)?.as_blob().unwrap_or_default(), look);
        if hit {
            about.push(row.get(0)?);
        }
    }
    Ok(about)
}
