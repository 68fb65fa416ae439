//! The keys in the tables, read into a filter a page at a time: beside a writer that goes on.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use foldhash::quality::RandomState;
use rusqlite::Connection;

use super::super::{Shared, SpoolError};
use super::presence::Layer;
use super::{entity_name, tables};

/// How many keys are read at a time.
const PAGE: usize = if cfg!(test) { 4 } else { 4096 };

/// A reading that has begun.
#[derive(Debug)]
pub(in crate::spool) struct Scan {
    into: Layer,
    hasher: RandomState,
    at: At,
    /// Who waits for what is found.
    found: SyncSender<Layer>,
}

/// Which keys come next: those after this one.
#[derive(Debug)]
enum At {
    Signatures(Vec<u8>),
    Fingerprints(Vec<u8>),
    Entities([String; 3]),
}

impl Scan {
    pub(super) fn new(into: Layer, hasher: RandomState, found: SyncSender<Layer>) -> Self {
        Scan { into, hasher, at: At::Signatures(Vec::new()), found }
    }

    /// Reads on, and says whether there is more.
    pub(super) fn step(&mut self, conn: &Connection) -> rusqlite::Result<bool> {
        let Scan { into, hasher, at, .. } = self;
        let mut see = |key: &[u8]| into.hold(hasher.hash_one(key));
        *at = match at {
            At::Signatures(after) => match tables::signatures_after(conn, after, PAGE, &mut see)? {
                Some(last) => At::Signatures(last),
                None => At::Fingerprints(Vec::new()),
            },
            At::Fingerprints(after) => match tables::fingerprints_after(conn, after, PAGE, &mut see)? {
                Some(last) => At::Fingerprints(last),
                None => At::Entities(Default::default()),
            },
            At::Entities(after) => {
                let mut see =
                    |[account, endpoint, id]: [&str; 3]| see(entity_name(account, endpoint, id).as_bytes());
                match tables::entities_after(conn, after, PAGE, &mut see)? {
                    Some(last) => At::Entities(last),
                    None => return Ok(false),
                }
            }
        };
        Ok(true)
    }

    /// Hands over what was found: it was read to its end.
    pub(super) fn finish(self) {
        // Nobody waits for it any more when the writer has ended.
        let _ = self.found.send(self.into);
    }

    /// Reads on to the end, on a thread of its own.
    pub(in crate::spool) fn on_thread(mut self, shared: Arc<Shared>) {
        let read = move || {
            loop {
                match shared.readers.with(|conn| self.step(conn)) {
                    Ok(true) => {}
                    Ok(false) => return self.finish(),
                    // The writer has ended.
                    Err(SpoolError::Closed) => return,
                    Err(error) => {
                        tracing::warn!(%error, "the ledger's keys could not be read into new filters: tried again later");
                        return;
                    }
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("spool-index".to_owned()).spawn(read) {
            tracing::warn!(%error, "no thread to read the ledger's keys into new filters: tried again later");
        }
    }
}
