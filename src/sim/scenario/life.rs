//! What happens to one brand, campaign or number.

use std::sync::Arc;
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

/// What happens to one entity: a round of steps, over and over until as many turns were taken as it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// What it is.
    pub kind: Kind,
    round: Arc<[Step]>,
    turns: u64,
    /// What passes before each step but the first.
    pause: Duration,
    again: Again,
}

/// How a round begins once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// With new API requests.
    Anew,
    /// With the same ones, after this time.
    Same(Duration),
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
    /// One that is written down: these steps, and where that is wanted once more after a time.
    pub fn told(kind: Kind, steps: Vec<Step>, pause: Duration, repeat_after: Option<Duration>) -> Self {
        let turns = steps.len() as u64 * if repeat_after.is_some() { 2 } else { 1 };
        let again = Again::Same(repeat_after.unwrap_or_default());
        Life { kind, round: steps.into(), turns, pause, again }
    }

    /// One of so many turns, which begins anew whenever it has ended.
    pub fn generated(kind: Kind, turns: u64) -> Self {
        let words: &[&str] = if kind == Kind::Number { &NUMBER } else { &REGISTRY };
        // The words are known.
        let steps = steps(kind, words).unwrap_or_default();
        Life { kind, round: steps.into(), turns, pause: Duration::ZERO, again: Again::Anew }
    }

    /// How many turns it takes.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// The step of a turn, counted from 0, and what passes before it; nothing after the last one.
    pub fn turn(&self, number: u64) -> Option<(Step, Duration)> {
        let length = self.round.len() as u64;
        let (round, place) = (number.checked_div(length)?, number.checked_rem(length)?);
        let step = *self.round.get(usize::try_from(place).ok()?).filter(|_| number < self.turns)?;
        Some(match self.again {
            _ if number == 0 => (step, Duration::ZERO),
            Again::Same(after) if place == 0 => (step, after),
            Again::Same(_) => (step, self.pause),
            Again::Anew => (step.of_round(round, &self.round), self.pause),
        })
    }
}

impl Step {
    /// It answers a request of its own in every round.
    fn of_round(self, round: u64, steps: &[Step]) -> Step {
        let requests = u64::from(steps.last().map_or(0, |last| last.request));
        let before = u32::try_from(round.saturating_mul(requests)).unwrap_or(u32::MAX);
        Step { request: self.request.saturating_add(before), ..self }
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
