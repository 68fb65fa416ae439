//! The verdict on one consumer's reading.

mod answers;
mod contents;
mod meanings;
mod order;

use std::collections::{HashMap, HashSet};

use super::Terms;
use super::book::Book;
use super::event::Event;
use super::reading::Reading;
use super::report::{Example, Kind, Verdict};
use crate::sim::ledger::{Class, Delivery};

/// Judges a reading.
pub fn judge(book: &Book, reading: &Reading, terms: Terms) -> Verdict {
    let mut court = Court::new(book, reading, terms);
    court.ids();
    court.contents();
    court.answers();
    court.order();
    court.meanings();
    court.verdict
}

/// What the rules look at, and what they found.
struct Court<'a> {
    book: &'a Book,
    events: &'a [Event],
    terms: Terms,
    /// The group of each event.
    group_of: Vec<Option<usize>>,
    /// The places of each group's events, each id once, replays and revisions left out.
    places: HashMap<usize, Vec<usize>>,
    /// The group of each id.
    ids: HashMap<&'a str, Option<usize>>,
    /// Groups that a rule has spoken of already.
    told: HashSet<(Kind, usize)>,
    verdict: Verdict,
}

impl<'a> Court<'a> {
    fn new(book: &'a Book, reading: &'a Reading, terms: Terms) -> Self {
        let events = &reading.events;
        Court {
            book,
            events,
            terms,
            group_of: events.iter().map(|event| book.group(event)).collect(),
            places: HashMap::new(),
            ids: HashMap::new(),
            told: HashSet::new(),
            verdict: Verdict::new(&reading.name, events.len(), terms),
        }
    }

    /// Each id stands once, and on one content.
    fn ids(&mut self) {
        for (place, event) in self.events.iter().enumerate() {
            let group = self.group_of[place];
            if group.is_none() {
                self.find(Kind::UnknownEvent, self.on_event(place, "its content was never sent"));
            }
            if event.is_revision {
                self.find(Kind::Renormalized, self.on_event(place, "it replaces an earlier one"));
                continue;
            }
            match self.ids.get(event.id.as_str()) {
                None => {
                    self.ids.insert(&event.id, group);
                    if let Some(group) = group {
                        self.places.entry(group).or_default().push(place);
                    }
                }
                Some(first) if *first != group => {
                    self.find(Kind::Duplicated, self.on_event(place, "its id stands on another content too"));
                }
                Some(_) if event.is_replay => {
                    self.find(Kind::Replayed, self.on_event(place, "a replay"));
                }
                Some(_) => {
                    let kind =
                        if self.terms.allow_republished { Kind::Republished } else { Kind::Duplicated };
                    self.find(kind, self.on_event(place, "the same event twice, and not as a replay"));
                }
            }
        }
    }

    fn find(&mut self, kind: Kind, example: Example) {
        self.verdict.find(kind, example);
    }

    /// Finds something about a group, once.
    fn find_once(&mut self, kind: Kind, group: usize, example: Example) {
        if self.told.insert((kind, group)) {
            self.verdict.find(kind, example);
        }
    }

    fn has_event(&self, group: usize) -> bool {
        self.places.get(&group).is_some_and(|places| !places.is_empty())
    }

    fn on_event(&self, place: usize, why: &str) -> Example {
        let event = &self.events[place];
        let example = match self.group_of[place] {
            Some(group) => self.on_group(group, why),
            None => {
                Example { why: why.to_owned(), endpoint: event.means.endpoint.clone(), ..Example::default() }
            }
        };
        Example { id: Some(event.id.clone()), place: Some(event.place.clone()), ..example }
    }

    /// Names the most honest delivery of a group.
    fn on_group(&self, group: usize, why: &str) -> Example {
        let class = self.book.groups[group].class;
        let delivery = self.book.of_class(group, class).next();
        delivery.map_or_else(Example::default, |delivery| on_delivery(delivery, why))
    }

    fn is_forged_through(&self, group: usize) -> bool {
        match self.book.groups[group].class {
            Class::Signed => false,
            Class::Forged => true,
            Class::Captured => self.book.is_provably_captured(group),
        }
    }
}

fn on_delivery(delivery: &Delivery, why: &str) -> Example {
    Example {
        why: why.to_owned(),
        number: Some(delivery.number),
        copy: Some(delivery.copy),
        label: Some(delivery.label),
        endpoint: Some(delivery.endpoint.clone()),
        entity: Some(delivery.entity.clone()),
        status: Some(delivery.status.clone()),
        id: None,
        place: None,
    }
}
