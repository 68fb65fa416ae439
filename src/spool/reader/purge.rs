//! What a purge would take: found without the writer, so that it has only to take it.

use std::collections::HashSet;
use std::fs;

use rusqlite::ToSql;
use serde_json::Value;

use super::super::index::{self, Whole};
use super::super::purge::{Purge, PurgeRows, Purged, Whose};
use super::super::schema;
use super::SpoolReader;
use super::export::sinks;
use crate::spool::SpoolError;

/// What goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurgePlan {
    /// By their keys.
    pub rows: PurgeRows,
    /// Of the records: how many some sink has still to get, or refused for good.
    pub unpublished: u64,
    /// Notes of the ledger that name an entity of these.
    pub notes: Vec<u64>,
    /// Rows of the audit that do.
    pub audit: Vec<u64>,
}

impl PurgePlan {
    /// How much that is.
    pub fn counts(&self) -> Purged {
        Purged {
            records: self.rows.records.len() as u64,
            held: self.rows.held.len() as u64,
            quarantined: self.rows.quarantined.len() as u64,
            entities: self.rows.entities.len() as u64,
        }
    }
}

/// A record, or what was kept aside, that names an entity: `?1` is its id.
const NAMES: &str = "(json_valid(facts) AND ?1 IN (json_extract(facts, '$.brand_id'), \
    json_extract(facts, '$.campaign_id'), json_extract(facts, '$.number')))";

impl SpoolReader {
    /// Finds what a purge would take.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn plan_purge(&self, purge: &Purge) -> Result<PurgePlan, SpoolError> {
        let mut plan = PurgePlan { rows: self.rows_of(purge)?, ..PurgePlan::default() };
        plan.unpublished = self.unpublished(&plan.rows.records)?;
        let takes = |name: &str, at, sequence| purge.takes(name, at, sequence);
        plan.notes = index::notes_about(&self.conn, takes)?;
        Whole::read(&self.conn)?.entities(|[account, endpoint, id], stands| {
            let name = index::entity_name(account, endpoint, id);
            if purge.takes(&name, stands.standing.at, stands.sequence) {
                plan.rows.entities.push([account, endpoint, id].map(str::to_owned));
            }
            Ok::<_, SpoolError>(())
        })?;
        plan.audit = self.audit_about(&purge.whose, &plan.rows.entities)?;
        Ok(plan)
    }

    /// Copies of a damaged log that were put aside: no purge looks into them.
    pub fn log_copies(&self) -> Vec<String> {
        let names = fs::read_dir(&self.paths.dir).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("spool.db-wal.damaged-")).collect()
    }

    fn rows_of(&self, purge: &Purge) -> Result<PurgeRows, SpoolError> {
        let by_account = "CASE WHEN json_valid(verdict) THEN json_extract(verdict, '$.auth_id') END = ?1";
        let (of_record, of_aside): (String, String) = match &purge.whose {
            Whose::Entity(_) => (format!("(entity = ?1 OR {NAMES})"), NAMES.to_owned()),
            Whose::Account(_) => ("account = ?1".to_owned(), by_account.to_owned()),
            Whose::Before(_) => (
                "coalesce(CASE WHEN json_valid(facts) THEN json_extract(facts, '$.received_at') END, received_at) < ?1"
                    .to_owned(),
                "received_at < ?1".to_owned(),
            ),
        };
        let moment;
        let whose: &dyn ToSql = match &purge.whose {
            Whose::Entity(id) | Whose::Account(id) => id,
            Whose::Before(before) => {
                moment = before.as_millis();
                &moment
            }
        };
        let numbers = |sql: String| -> Result<Vec<u64>, SpoolError> {
            let mut statement = self.conn.prepare(&sql)?;
            let rows = statement.query_map([whose], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let until = purge.until;
        Ok(PurgeRows {
            records: numbers(format!(
                "SELECT sequence FROM records WHERE sequence <= {until} AND {of_record}"
            ))?,
            held: numbers(format!("SELECT number FROM held WHERE {of_aside}"))?,
            quarantined: numbers(format!("SELECT number FROM quarantine WHERE {of_aside}"))?,
            entities: Vec::new(),
        })
    }

    fn unpublished(&self, records: &[u64]) -> Result<u64, SpoolError> {
        let sinks = sinks(&self.conn)?;
        let replays = self.replayed()?;
        let waits = |sequence: &&u64| {
            let sequence = **sequence;
            sinks.iter().any(|sink| !sink.has(sequence))
                || replays.iter().any(|(low, last)| sequence > *low && sequence <= *last)
        };
        Ok(records.iter().filter(waits).count() as u64)
    }

    fn audit_about(&self, whose: &Whose, entities: &[[String; 3]]) -> Result<Vec<u64>, SpoolError> {
        if !schema::has_table(&self.conn, "audit")? {
            return Ok(Vec::new());
        }
        let ids: HashSet<&str> = entities.iter().map(|[_, _, id]| id.as_str()).collect();
        let mut statement = self.conn.prepare("SELECT number, at, change FROM audit")?;
        let mut rows = statement.query([])?;
        let mut about = Vec::new();
        while let Some(row) = rows.next()? {
            let change: Value =
                serde_json::from_str(row.get_ref(2)?.as_str().unwrap_or_default()).unwrap_or_default();
            let told = change.pointer("/replay/only/entity").and_then(Value::as_str);
            let hit = told.is_some_and(|id| match whose {
                Whose::Entity(entity) => id == entity,
                Whose::Account(_) => ids.contains(id),
                Whose::Before(moment) => {
                    row.get::<_, i64>(1).is_ok_and(|at| at < moment.as_millis()) || ids.contains(id)
                }
            });
            if hit {
                about.push(row.get(0)?);
            }
        }
        Ok(about)
    }
}
