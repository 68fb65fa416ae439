//! The ledger, read back and put in order.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::event::Event;
use super::group::{Group, is_said_to_be_taken, is_taken};
use crate::sim::ledger::{Attempt, Class, Delivery, Head, VERSION};
use crate::sim::meaning::Meaning;

/// Everything that was sent.
#[derive(Debug)]
pub struct Book {
    /// Every delivery.
    pub deliveries: Vec<Delivery>,
    /// Every content.
    pub groups: Vec<Group>,
    /// The group of each delivery.
    pub group_of: Vec<usize>,
    by_content: HashMap<(String, String), Vec<usize>>,
    by_signature: HashMap<String, Vec<(usize, usize)>>,
}

impl Book {
    /// Reads a ledger's file.
    pub fn read(path: &Path, window: Duration) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
        let deliveries = parse(&text).map_err(|error| told(&error))?;
        Ok(Book::new(deliveries, window))
    }

    /// From deliveries in any order.
    pub fn new(deliveries: Vec<Delivery>, window: Duration) -> Self {
        let mut places: HashMap<[String; 4], Vec<usize>> = HashMap::new();
        let mut by_signature: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        for (place, delivery) in deliveries.iter().enumerate() {
            let path = delivery.url.split('?').next().unwrap_or_default();
            let key =
                [&delivery.account, &delivery.endpoint, path, &delivery.parameters.key()].map(str::to_owned);
            places.entry(key).or_default().push(place);
            for (number, attempt) in delivery.attempts.iter().enumerate() {
                for signature in attempt.signatures() {
                    by_signature.entry(signature.to_owned()).or_default().push((place, number));
                }
            }
        }
        let mut places: Vec<([String; 4], Vec<usize>)> = places.into_iter().collect();
        places.sort_by_key(|(_, places)| places[0]);
        let mut book = Book {
            group_of: vec![0; deliveries.len()],
            groups: Vec::with_capacity(places.len()),
            by_content: HashMap::new(),
            by_signature,
            deliveries,
        };
        for (index, ([account, _, _, content], places)) in places.into_iter().enumerate() {
            places.iter().for_each(|place| book.group_of[*place] = index);
            book.groups.push(Group::new(&book.deliveries, places, window));
            book.by_content.entry((account, content)).or_default().push(index);
        }
        book
    }

    /// The group whose content an event repeats. Where the same was sent for several endpoints or paths, the one whose
    /// answered id, and then whose endpoint, is the event's.
    pub fn group(&self, event: &Event) -> Option<usize> {
        let all = self.by_content.get(&(event.account.clone(), event.content.clone()))?;
        let same_endpoint =
            |group: &&usize| event.means.endpoint.as_ref() == Some(&self.groups[**group].endpoint);
        let same_id = |group: &&usize| {
            self.answered(**group).any(|attempt| attempt.answer_id.as_ref() == Some(&event.id))
        };
        let near: Vec<&usize> = all.iter().filter(same_id).collect();
        let near = if near.is_empty() { all.iter().collect() } else { near };
        near.iter().copied().find(same_endpoint).or_else(|| near.first().copied()).copied()
    }

    /// What the callbacks of a group told whoever took them; nothing where an event of theirs is held to nothing.
    pub fn told(&self, group: usize) -> Option<&Meaning> {
        let honest = self.of_class(group, self.groups[group].class);
        honest.filter(|one| one.label.is_held_to_its_meaning()).map(|one| &one.means).next()
    }

    /// The attempts of a group's signed deliveries that were answered 200.
    pub fn answered(&self, group: usize) -> impl Iterator<Item = &Attempt> {
        self.of_class(group, Class::Signed).flat_map(|one| &one.attempts).filter(|one| one.is_delivered())
    }

    /// A group's deliveries of a class.
    pub fn of_class(&self, group: usize, class: Class) -> impl Iterator<Item = &Delivery> {
        let deliveries = self.groups[group].deliveries.iter().map(|place| &self.deliveries[*place]);
        deliveries.filter(move |delivery| delivery.label.class() == class)
    }

    /// Whether each captured delivery of a group must have been told from a genuine one: the content that it was
    /// captured from was taken with the same signature. Where an answer says so in the relay's own words, only one of
    /// the two may have been; a bare 200 says so only when it came before the captured one began.
    pub fn is_provably_captured(&self, group: usize) -> bool {
        let mut attempts = self.of_class(group, Class::Captured).flat_map(|one| &one.attempts);
        attempts.all(|captured| {
            self.sharing(captured, Class::Signed).any(|(_, signed)| {
                let before = is_taken(signed) && signed.ended_ns <= captured.started_ns;
                before || is_said_to_be_taken(signed)
            })
        })
    }

    /// The groups of captured contents that may have come before this attempt with one of its signatures.
    pub fn may_have_come_before<'a>(&'a self, signed: &'a Attempt) -> impl Iterator<Item = usize> + 'a {
        let captured = self.sharing(signed, Class::Captured);
        captured.filter(|(_, captured)| captured.started_ns < signed.ended_ns).map(|(group, _)| group)
    }

    fn sharing<'a>(
        &'a self,
        attempt: &'a Attempt,
        class: Class,
    ) -> impl Iterator<Item = (usize, &'a Attempt)> {
        let places = attempt.signatures().filter_map(|one| self.by_signature.get(one)).flatten();
        places
            .filter(move |(place, _)| self.deliveries[*place].label.class() == class)
            .map(|(place, number)| (self.group_of[*place], &self.deliveries[*place].attempts[*number]))
    }
}

/// A ledger's text. A last line without its end is one that a kill cut off.
fn parse(text: &str) -> Result<Vec<Delivery>, String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = whole.lines().enumerate();
    let head = lines.next().map(|(_, line)| serde_json::from_str::<Head>(line));
    match head {
        Some(Ok(head)) if head.plivo_sim_ledger == VERSION => {}
        Some(Ok(head)) => {
            return Err(format!("version {}: this program reads version {VERSION}", head.plivo_sim_ledger));
        }
        _ => return Err("no ledger: its first line should say so".to_owned()),
    }
    lines
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))
        })
        .collect()
}
