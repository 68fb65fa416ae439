//! What another spool has learned, taken in.
//!
//! What is new goes straight to the tables: no note says anything of it. What is known here and changes goes through a
//! note, since what a note says stands above the tables when it is read back, and notes of the same key may be there
//! long after they were carried over.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::super::decide::{Hash, Known};
use super::super::state::State;
use super::entries::{Latest, Signed, Stands};
use super::{Accepted, Index, Note, notes, tables};
use crate::event::Timestamp;

impl Index {
    /// Enters a signature that is not in the ledger.
    pub(in crate::spool) fn adopt_signature(
        &mut self,
        tx: &Connection,
        state: &mut State,
        (hash, signed): (&Hash, Signed),
    ) -> rusqlite::Result<()> {
        tables::put_signatures(tx, [(*hash, signed)])?;
        self.presence.add(hash);
        state.signatures += 1;
        Ok(())
    }

    /// Enters the latest occurrence of a content, whatever it was before.
    pub(in crate::spool) fn adopt_fingerprint(
        &mut self,
        tx: &Connection,
        state: &mut State,
        (fingerprint, latest): (&Hash, Latest),
    ) -> rusqlite::Result<()> {
        if self.fingerprint(tx, fingerprint)?.is_none() {
            tables::put_fingerprints(tx, [(*fingerprint, latest)])?;
            self.presence.add(fingerprint);
            state.fingerprints += 1;
            return Ok(());
        }
        let Latest { seen, sequence } = latest;
        let content = Known { fingerprint: *fingerprint, occurrence: seen.occurrence };
        let accepted = Some(Accepted { sequence: sequence.max(1), moved: None });
        self.note_apart(seen.accepted_at, &Note { content, signatures: Vec::new(), accepted });
        Ok(())
    }

    /// Enters where an entity stands, wherever it stood before.
    pub(in crate::spool) fn adopt_standing(
        &mut self,
        tx: &Connection,
        state: &mut State,
        (entity, stands): (&str, Stands),
    ) -> rusqlite::Result<()> {
        if self.standing(tx, entity)?.is_none() {
            tables::put_standings(tx, [(entity, stands)])?;
            self.presence.add(entity.as_bytes());
            state.entities += 1;
            return Ok(());
        }
        let Stands { standing, sequence } = stands;
        // A note is about a content: one that no callback has, and always the same.
        let fingerprint: Hash = Sha256::digest("an entity's standing in another spool").into();
        let known = self.fingerprint(tx, &fingerprint)?.is_some();
        state.fingerprints += u64::from(!known);
        let accepted = Accepted { sequence: sequence.max(1), moved: Some((entity, standing.status)) };
        let content = Known { fingerprint, occurrence: 0 };
        self.note_apart(standing.at, &Note { content, signatures: Vec::new(), accepted: Some(accepted) });
        Ok(())
    }

    fn note_apart(&mut self, at: Timestamp, note: &Note<'_>) {
        self.changed = true;
        let mut batch = notes::Batch::default();
        batch.push(note);
        self.apart.push((at, batch));
        note.keys().for_each(|key| self.presence.add(key));
        self.live.take(note, at);
    }
}
