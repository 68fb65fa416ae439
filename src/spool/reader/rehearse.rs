//! What an import would come to, without the writer: nothing is changed, and the relay may run.

use super::SpoolReader;
use crate::spool::adopt::{Adopted, Comes, Look};
use crate::spool::exchange::Line;
use crate::spool::index::Index;
use crate::spool::state::State;
use crate::spool::{SpoolConfig, SpoolError};

/// An import that is only looked at.
pub struct Rehearsal<'r> {
    reader: &'r SpoolReader,
    index: Index,
    look: Look,
    lanes: Vec<String>,
    adopted: Adopted,
}

impl SpoolReader {
    /// Begins to look at what an export would come to, under this configuration and with these sinks.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn rehearse_import(
        &self,
        config: &SpoolConfig,
        lanes: Vec<String>,
    ) -> Result<Rehearsal<'_>, SpoolError> {
        let state = State::load(&self.conn)?;
        Ok(Rehearsal {
            reader: self,
            index: Index::load(&self.conn)?,
            look: Look::new(&state, config),
            lanes,
            adopted: Adopted::default(),
        })
    }
}

impl Rehearsal<'_> {
    /// Looks at a line.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn see(&mut self, line: &Line) -> Result<(), SpoolError> {
        let comes = self.look.at(&self.reader.conn, &self.index, line)?;
        if let (Line::Record(line), Comes::New) = (line, comes) {
            self.look.teach(line);
        }
        self.adopted.count(line, comes, self.lanes.iter().map(String::as_str));
        Ok(())
    }

    /// What it would come to.
    pub fn adopted(self) -> Adopted {
        self.adopted
    }
}
