//! What the contents alone say: each group against its events.

use super::super::group::Place;
use super::super::report::Kind;
use super::Court;
use crate::sim::ledger::{Class, Outcome};

impl Court<'_> {
    pub(super) fn contents(&mut self) {
        for group in 0..self.book.groups.len() {
            match self.book.groups[group].class {
                Class::Signed => self.signed(group),
                Class::Captured | Class::Forged => self.not_signed(group),
            }
        }
    }

    fn signed(&mut self, group: usize) {
        let found = self.places.get(&group).map_or(0, Vec::len);
        let facts = &self.book.groups[group];
        let owed =
            facts.parts.iter().filter(|part| part.owing.iter().any(|one| !self.was_outrun(*one))).count();
        let most = facts.most;
        if found < owed {
            let why = format!("answered 200, owes {owed} events, has {found}");
            self.find_once(Kind::Lost, group, self.on_group(group, &why));
        }
        if found > most {
            let last = self.places[&group][found - 1];
            let why = format!("{found} events where {most} can have been made");
            self.find_once(Kind::Duplicated, group, self.on_event(last, &why));
        }
        if self.book.answered(group).next().is_none() {
            let (kind, why) = match found {
                0 if self.is_unfinished(group) => (Kind::Unfinished, "never answered 200 before the end"),
                0 => (Kind::GivenUp, "never answered 200, and no event"),
                _ => (Kind::TakenUnanswered, "never answered 200, and has its event"),
            };
            self.find(kind, self.on_group(group, why));
        }
    }

    fn is_unfinished(&self, group: usize) -> bool {
        self.book.of_class(group, Class::Signed).any(|one| one.outcome == Outcome::Unfinished)
    }

    fn not_signed(&mut self, group: usize) {
        let forged = self.is_forged_through(group);
        for place in self.places.get(&group).cloned().unwrap_or_default() {
            if forged {
                self.find_once(
                    Kind::ForgedThrough,
                    group,
                    self.on_event(place, "no such callback was signed"),
                );
            } else if self.events[place].covers_params {
                let why = "it says that its parameters are signed, and they are not";
                self.find_once(Kind::ForgedThrough, group, self.on_event(place, why));
            } else {
                let why = "it may have come before the callback whose signature it bears";
                self.find_once(Kind::FirstSeenWins, group, self.on_event(place, why));
            }
        }
    }

    /// Whether an attempt may have come after a captured content with its signature, which was taken in its place:
    /// that one has its event.
    fn was_outrun(&self, (delivery, attempt): Place) -> bool {
        let attempt = &self.book.deliveries[delivery].attempts[attempt];
        let mut before = self.book.may_have_come_before(attempt);
        before.any(|captured| !self.is_forged_through(captured) && self.has_event(captured))
    }
}
