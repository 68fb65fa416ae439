//! What happens to one brand, campaign or number.

use std::time::Duration;

use serde::Deserialize;

use crate::sim::notice::{Endpoint, Status};

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A brand.
    Brand,
    /// A campaign.
    Campaign,
    /// A phone number, which is linked and unlinked.
    Number,
}

/// One step of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What the callback is about.
    pub endpoint: Endpoint,
    /// The status that it tells.
    pub status: Status,
    /// Counts the API requests that were made for the entity: the step answers this one.
    pub request: u32,
}

/// What happens to one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// What it is.
    pub kind: Kind,
    /// In this order.
    pub steps: Vec<Step>,
    /// What passes between two of them.
    pub pause: Duration,
    /// After which time all of it happens once more.
    pub repeat_after: Option<Duration>,
}

const REGISTRY: [&str; 4] = ["created", "rejected", "created", "registered"];
const NUMBER: [&str; 6] = [
    "linking.created",
    "linking.failed",
    "linking.created",
    "linking.success",
    "unlinking.created",
    "unlinking.success",
];

impl Life {
    /// A life of so many steps, which begins anew whenever it has ended.
    pub fn generated(kind: Kind, steps: u64) -> Self {
        let words: &[&str] = if kind == Kind::Number { &NUMBER } else { &REGISTRY };
        let count = usize::try_from(steps).unwrap_or(usize::MAX);
        let words: Vec<&str> = words.iter().copied().cycle().take(count).collect();
        // The words are known.
        let steps = self::steps(kind, &words).unwrap_or_default();
        Life { kind, steps, pause: Duration::ZERO, repeat_after: None }
    }
}

/// Reads the steps of a life. Each `created` is the first answer to a new request.
pub fn steps(kind: Kind, words: &[&str]) -> Result<Vec<Step>, String> {
    if words.is_empty() {
        return Err("steps: at least one is needed".to_owned());
    }
    let mut request = 0;
    let mut steps = Vec::with_capacity(words.len());
    for word in words {
        let (endpoint, status) = step(kind, word)?;
        request += u32::from(status == Status::Created);
        steps.push(Step { endpoint, status, request });
    }
    Ok(steps)
}

fn step(kind: Kind, word: &str) -> Result<(Endpoint, Status), String> {
    let accepted: Vec<(String, Endpoint, Status)> = match kind {
        Kind::Brand => of(Endpoint::Brand, ""),
        Kind::Campaign => of(Endpoint::Campaign, ""),
        Kind::Number => {
            [of(Endpoint::NumberLinking, "linking."), of(Endpoint::NumberUnlinking, "unlinking.")].concat()
        }
    };
    let found = accepted.iter().find(|(accepted, ..)| accepted == word);
    found.map(|(_, endpoint, status)| (*endpoint, *status)).ok_or_else(|| {
        let words: Vec<&str> = accepted.iter().map(|(word, ..)| word.as_str()).collect();
        format!("{word}: no step; accepted are {}", words.join(", "))
    })
}

fn of(endpoint: Endpoint, before: &str) -> Vec<(String, Endpoint, Status)> {
    [Status::Created, endpoint.bad(), endpoint.good()]
        .map(|status| (format!("{before}{}", status.word()), endpoint, status))
        .to_vec()
}
