//! What an operator has taken out of the spool for good, for the sake of those whom it is about.
//!
//! Key hashes stay: of signatures, so that what was captured is no good again, and of contents, so that a retry is no
//! second event. What goes is every record with its body, what was kept aside, dead letters, where entities stand, and
//! what the audit names of them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::index;
use crate::event::Timestamp;

/// Whose callbacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Those that name this brand, campaign or number.
    Entity(String),
    /// Those of this auth id.
    Account(String),
    /// Those that came before this moment.
    Before(Timestamp),
}

/// What is purged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// Whose callbacks.
    pub whose: Whose,
    /// Up to this record: what comes later is another matter.
    pub until: u64,
    /// Also what a sink has not got yet, and never gets then.
    pub unpublished: bool,
}

/// A purge takes many changes, so that callbacks are taken between them. The first and the last leave a row in the
/// audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurgeStep {
    /// It begins.
    Begin,
    /// These rows go.
    Rows(PurgeRows),
    /// These notes of the ledger name somebody whose callbacks go: the names go.
    Notes(Vec<u64>),
    /// It is through, and came to this. These rows of the audit name somebody: the names go.
    End(Vec<u64>, Purged),
}

/// Some of the rows that go, by their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeRows {
    /// Records.
    pub records: Vec<u64>,
    /// Duplicates held back.
    pub held: Vec<u64>,
    /// Callbacks in quarantine.
    pub quarantined: Vec<u64>,
    /// Entities, by account, endpoint and id.
    pub entities: Vec<[String; 3]>,
}

/// How much was purged, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Records.
    pub records: u64,
    /// Duplicates held back.
    pub held: u64,
    /// Callbacks in quarantine.
    pub quarantined: u64,
    /// Entities.
    pub entities: u64,
}

impl Purged {
    /// Adds what another part came to.
    pub fn add(&mut self, other: Purged) {
        self.records += other.records;
        self.held += other.held;
        self.quarantined += other.quarantined;
        self.entities += other.entities;
    }
}

impl Purge {
    /// Whether what the index says of an entity goes: its name there, since when it stands so, and by which record.
    pub(super) fn takes(&self, name: &str, at: Timestamp, sequence: u64) -> bool {
        let [account, _, id] = index::name_parts(name);
        let hit = match &self.whose {
            Whose::Entity(entity) => id == entity,
            Whose::Account(auth_id) => account == auth_id,
            Whose::Before(moment) => at < *moment,
        };
        hit && sequence <= self.until
    }

    /// What the audit keeps of it.
    pub(super) fn audited(&self, step: &str) -> Value {
        let mut told = match &self.whose {
            Whose::Entity(entity) => json!({ "entity": hashed(entity) }),
            Whose::Account(auth_id) => json!({ "account": auth_id }),
            Whose::Before(moment) => json!({ "before": moment.to_rfc3339() }),
        };
        told["until"] = self.until.into();
        told["unpublished"] = self.unpublished.into();
        told["step"] = step.into();
        json!({ "purge": told })
    }
}

/// What stands for the id of an entity that was purged.
pub(super) fn hashed(entity: &str) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(entity)))
}
