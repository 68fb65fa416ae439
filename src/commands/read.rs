//! What the commands that only read have in common.

use super::Failure;
use crate::config::Config;
use crate::spool::{Record, SpoolError, SpoolReader};

/// Opens the spool beside a relay that may be running.
pub(super) fn open(config: &Config) -> Result<SpoolReader, Failure> {
    SpoolReader::open(&config.spool.path).map_err(|error| Failure::Spool(error.into()))
}

/// The spool was open and cannot be read on.
pub(super) fn failed(error: SpoolError) -> Failure {
    Failure::Spool(error.into())
}

/// What a record is about, in a few words.
pub(super) fn subject(record: &Record) -> String {
    let facts = record.facts();
    let endpoint = facts.endpoint.map_or("unrecognized", |endpoint| endpoint.as_str());
    format!("{endpoint} {} {}", facts.entity().unwrap_or("-"), facts.status_or_unknown())
}
