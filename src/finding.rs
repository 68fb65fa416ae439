//! What a look at something found, how bad that is, and the next step.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works now, and can lose or delay something.
    Warning,
    /// It does not work.
    Error,
}

impl Level {
    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// One finding. What is bad comes with a next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    level: Level,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(found: impl Into<String>) -> Self {
        Finding { level: Level::Ok, found: found.into(), next: None }
    }

    /// Good to know.
    pub fn note(found: impl Into<String>) -> Self {
        Finding { level: Level::Note, found: found.into(), next: None }
    }

    /// It can lose or delay something.
    pub fn warning(found: impl Into<String>, next: impl Into<String>) -> Self {
        Finding { level: Level::Warning, found: found.into(), next: Some(next.into()) }
    }

    /// It does not work.
    pub fn error(found: impl Into<String>, next: impl Into<String>) -> Self {
        Finding { level: Level::Error, found: found.into(), next: Some(next.into()) }
    }

    /// With something that can be done about a note.
    #[must_use]
    pub fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// With what it is about in front.
    #[must_use]
    pub fn about(mut self, what: &str) -> Self {
        self.found = format!("{what}: {}", self.found);
        self
    }

    /// How bad it is.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// What was found.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What to do.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_in_order_and_shown_as_in_json() {
        let levels = [Level::Ok, Level::Note, Level::Warning, Level::Error];
        assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        for level in levels {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
    }
}
