//! Who asks for a change, and in what way.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Change, ChangeDone};

/// A change, and whose word it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What to do.
    pub change: Change,
    /// Who asks.
    pub by: Operator,
    /// Whether to do it.
    pub mode: Mode,
}

/// Whether a change is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Only say what it would come to; nothing is changed.
    Rehearse,
    /// Make it if it comes to this, which was shown and agreed to.
    Agreed(ChangeDone),
    /// Make it, whatever it comes to.
    Unseen,
}

/// Who asks for a change: what the audit keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The user's number.
    pub uid: u32,
    /// The user's name, where it is known.
    pub user: Option<String>,
    /// Who became that user through sudo.
    pub login: Option<String>,
    /// The machine or container.
    pub host: String,
}

impl Order {
    /// The same order, given to a relay that takes callbacks meanwhile.
    pub fn while_serving(mut self) -> Order {
        if let Change::Compact { serving } = &mut self.change {
            *serving = true;
        }
        self
    }

    /// The same order with the uid that the operating system names; a name that does not go with it is dropped.
    pub fn from_uid(mut self, uid: Option<u32>) -> Order {
        if let Some(uid) = uid.filter(|uid| *uid != self.by.uid) {
            self.by = Operator { uid, user: None, ..self.by };
        }
        self
    }
}

/// For a line of the log: the names are the asker's own words.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(f, "{}", plain(user))?,
            None => write!(f, "uid {}", self.uid)?,
        }
        if let Some(login) = &self.login {
            write!(f, " for {}", plain(login))?;
        }
        write!(f, " on {}", plain(&self.host))
    }
}

/// The longest name that is shown: a host's has at most 64 characters.
const NAME_SHOWN: usize = 64;

/// A name, short and without what could steer a terminal or begin a line.
fn plain(name: &str) -> String {
    name.chars().take(NAME_SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line_and_short() {
        let host = "h".repeat(1000);
        let login = Some("eve\n\u{1b}[31mroot".to_owned());
        let shown = Operator { uid: 7, user: None, login, host }.to_string();
        assert_eq!(shown, format!("uid 7 for eve\u{fffd}\u{fffd}[31mroot on {}", "h".repeat(NAME_SHOWN)));
    }
}
