//! Which records of its range a replay is about.

use rusqlite::ToSql;
use serde::{Deserialize, Serialize};

use crate::normalize::schema::Kind;

/// Which records of a range. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Only {
    /// Of this endpoint, or those that could not be placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Kind>,
    /// About this brand, campaign or number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
}

impl Only {
    /// Whether it is about all of them.
    pub fn is_all(&self) -> bool {
        *self == Only::default()
    }

    /// As it is stored: nothing where all records are meant.
    pub(super) fn to_stored(&self) -> Option<String> {
        if self.is_all() { None } else { serde_json::to_string(self).ok() }
    }

    /// From what was stored. What a later version added cannot be understood and lets nothing pass silently: all of the
    /// range is replayed then.
    pub(super) fn from_stored(text: Option<&str>) -> Self {
        let Some(text) = text else { return Only::default() };
        serde_json::from_str(text).unwrap_or_else(|error| {
            tracing::warn!(%error, "the filter of a replay cannot be read: all of its range is published again");
            Only::default()
        })
    }

    /// The conditions on a record `r`, each after AND, and their parameters from `first` on.
    pub(super) fn conditions(&self, first: usize) -> (String, Vec<&dyn ToSql>) {
        let (mut sql, mut parameters): (String, Vec<&dyn ToSql>) = (String::new(), Vec::new());
        match &self.endpoint {
            Some(Kind(Some(endpoint))) => sql.push_str(&format!(" AND r.endpoint = '{}'", endpoint.as_str())),
            Some(Kind(None)) => sql.push_str(" AND r.endpoint IS NULL"),
            None => {}
        }
        if let Some(entity) = &self.entity {
            sql.push_str(&format!(" AND r.entity = ?{first}"));
            parameters.push(entity);
        }
        (sql, parameters)
    }
}
