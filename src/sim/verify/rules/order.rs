//! Each entity's events in the order in which they were taken.

use std::collections::HashMap;

use super::super::group::Part;
use super::super::report::Kind;
use super::Court;
use crate::sim::ledger::Class;

impl Court<'_> {
    pub(super) fn order(&mut self) {
        let mut late: HashMap<(&str, &str, &str), (u64, usize)> = HashMap::new();
        let book = self.book;
        for (place, part) in self.parts() {
            let Some(group) = self.group_of[place] else { continue };
            let facts = &book.groups[group];
            let key = (facts.account.as_str(), facts.entity.as_str(), self.events[place].place.as_str());
            let latest = late.get(&key).copied();
            if let (Some((first, other)), Some(taken)) = (latest, part.taken)
                && taken < first
            {
                let number = self.on_event(other, "").number.unwrap_or_default();
                let why =
                    format!("it was answered before notice {number} was sent, whose event stands before it");
                self.find_once(Kind::OutOfOrder, group, self.on_event(place, &why));
            }
            if latest.is_none_or(|(first, _)| part.first > first) {
                late.insert(key, (part.first, place));
            }
        }
    }

    /// The places of the events for which it is known which attempts made them, in order.
    fn parts(&self) -> Vec<(usize, Part)> {
        let mut found = Vec::new();
        for (group, places) in &self.places {
            let facts = &self.book.groups[*group];
            if facts.class != Class::Signed {
                continue;
            }
            if facts.parts.len() == 1 || facts.parts.len() == places.len() {
                found.extend(places.iter().copied().zip(facts.parts.iter().cloned()));
            }
        }
        found.sort_by_key(|(place, _)| *place);
        found
    }
}
