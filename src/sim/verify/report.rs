//! What was found.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::Terms;
use crate::sim::ledger::Label;

/// How many examples each finding keeps.
const EXAMPLES: usize = 20;

/// How many of them a person is shown.
const SHOWN: usize = 5;

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Acknowledged and not there.
    Lost,
    /// There more often than it was sent.
    Duplicated,
    /// There though it was never genuine.
    ForgedThrough,
    /// Of one entity, and the wrong way round.
    OutOfOrder,
    /// There, and says something else than was sent.
    Misread,
    /// Never sent.
    UnknownEvent,
    /// A captured content that may have come first.
    FirstSeenWins,
    /// Answered `duplicate` or `quarantined`.
    HeldBackOrQuarantined,
    /// Never answered 200, and there.
    TakenUnanswered,
    /// Never answered 200, and not there.
    GivenUp,
    /// Never answered 200 before the simulator ended, and not there.
    Unfinished,
    /// There again, as a replay.
    Replayed,
    /// There again, which was allowed.
    Republished,
    /// There again, normalized anew.
    Renormalized,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 14] = [
        Kind::Lost,
        Kind::Duplicated,
        Kind::ForgedThrough,
        Kind::OutOfOrder,
        Kind::Misread,
        Kind::UnknownEvent,
        Kind::FirstSeenWins,
        Kind::HeldBackOrQuarantined,
        Kind::TakenUnanswered,
        Kind::GivenUp,
        Kind::Unfinished,
        Kind::Replayed,
        Kind::Republished,
        Kind::Renormalized,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Lost => "lost",
            Kind::Duplicated => "duplicated",
            Kind::ForgedThrough => "forged_through",
            Kind::OutOfOrder => "out_of_order",
            Kind::Misread => "misread",
            Kind::UnknownEvent => "unknown_event",
            Kind::FirstSeenWins => "first_seen_wins",
            Kind::HeldBackOrQuarantined => "held_back_or_quarantined",
            Kind::TakenUnanswered => "taken_unanswered",
            Kind::GivenUp => "given_up",
            Kind::Unfinished => "unfinished",
            Kind::Replayed => "replayed",
            Kind::Republished => "republished",
            Kind::Renormalized => "renormalized",
        }
    }

    const fn breaks(self, terms: Terms) -> bool {
        match self {
            Kind::Lost | Kind::Duplicated | Kind::ForgedThrough | Kind::OutOfOrder | Kind::Misread => true,
            Kind::UnknownEvent => !terms.allow_unknown,
            _ => false,
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What is wrong, or worth knowing.
    pub why: String,
    /// The notice's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Which copy of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<u32>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// The endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The brand, campaign or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The event's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The topic, and the partition where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// How often something was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// How often.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// The verdict on one consumer's reading.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The consumer.
    pub name: String,
    /// How many events it read.
    pub events: usize,
    /// Whether every promise holds.
    pub holds: bool,
    /// What was found, every kind.
    pub found: BTreeMap<Kind, Found>,
    #[serde(skip)]
    terms: Terms,
}

impl Verdict {
    /// Nothing found yet.
    pub fn new(name: &str, events: usize, terms: Terms) -> Self {
        let found = Kind::ALL.map(|kind| (kind, Found::default())).into();
        Verdict { name: name.to_owned(), events, holds: true, found, terms }
    }

    /// Adds what was found.
    pub fn find(&mut self, kind: Kind, example: Example) {
        self.holds &= !kind.breaks(self.terms);
        let found = self.found.entry(kind).or_default();
        found.count += 1;
        if found.examples.len() < EXAMPLES {
            found.examples.push(example);
        }
    }

    /// How often something was found.
    pub fn count(&self, kind: Kind) -> u64 {
        self.found.get(&kind).map_or(0, |found| found.count)
    }
}

/// All verdicts.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether every promise holds for every consumer.
    pub holds: bool,
    /// One for each.
    pub consumers: Vec<Verdict>,
}

impl Report {
    /// Of these verdicts.
    pub fn new(consumers: Vec<Verdict>) -> Self {
        Report { holds: consumers.iter().all(|one| one.holds), consumers }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut text = self.counts().to_string();
        for verdict in &self.consumers {
            for (kind, found) in
                verdict.found.iter().filter(|(kind, found)| found.count > 0 && kind.breaks(verdict.terms))
            {
                text.push_str(&format!("\n\n{}: {}", verdict.name, kind.word()));
                for example in found.examples.iter().take(SHOWN) {
                    text.push_str(&format!("\n  {}", example.line()));
                }
            }
        }
        text.push_str(if self.holds { "\n\nEvery promise holds." } else { "\n\nA PROMISE IS BROKEN." });
        text
    }

    fn counts(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        let names = self.consumers.iter().map(|verdict| verdict.name.as_str());
        table.set_header(std::iter::once("").chain(names));
        let rows = Kind::ALL.iter().map(|kind| (kind.word(), Some(*kind)));
        for (word, kind) in std::iter::once(("events", None)).chain(rows) {
            let count = |verdict: &Verdict| kind.map_or(verdict.events as u64, |kind| verdict.count(kind));
            let counts = self.consumers.iter().map(|verdict| count(verdict).to_string());
            table.add_row(std::iter::once(word.to_owned()).chain(counts));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

impl Example {
    fn line(&self) -> String {
        let number = self.number.map(|number| format!("notice {number}.{}", self.copy.unwrap_or_default()));
        let label = self.label.map(|label| label.word().to_owned());
        let words = [&number, &label, &self.endpoint, &self.entity, &self.status, &self.id, &self.place];
        let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
        let line = format!("{}: {}", words.join(" "), self.why);
        // What others wrote must not steer a terminal.
        line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }
}
