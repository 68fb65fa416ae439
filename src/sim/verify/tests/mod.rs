//! Each verdict on made-up ledgers, and the traps between them.

mod meanings;
mod traps;

use std::time::Duration;

use super::book::Book;
use super::event::Event;
use super::reading::Reading;
use super::report::{Kind, Verdict};
use super::{Terms, rules};
use crate::sim::content::{Content, FORM};
use crate::sim::ledger::{Attempt, Delivery, Label, Outcome};
use crate::sim::meaning::Meaning;

const WINDOW: u64 = 480;
const SECOND: u64 = 1_000_000_000;
const TERMS: Terms =
    Terms { window: Duration::from_secs(WINDOW), allow_republished: false, allow_unknown: false };

/// A delivery of a brand's status, not yet attempted.
fn delivery(number: u64, label: Label, entity: &str, status: &str) -> Delivery {
    let url = "https://relay.example.com/tendlc_status/brand/";
    let body = format!("brand_id={entity}&status={status}");
    Delivery {
        number,
        copy: 0,
        label,
        account: "MA1".into(),
        endpoint: "brand".into(),
        entity: entity.into(),
        status: status.into(),
        method: "POST".into(),
        url: url.into(),
        means: Meaning {
            endpoint: Some("brand".into()),
            status: Some(status.into()),
            brand_id: Some(entity.into()),
            ..Meaning::default()
        },
        parameters: Content::of_request(url, Some(FORM), body.as_bytes()),
        body_bytes: body.len(),
        attempts: Vec::new(),
        outcome: Outcome::GivenUp,
    }
}

impl Delivery {
    /// Another attempt, from one second to another.
    fn attempt(mut self, from: u64, to: u64, nonce: &str, answer: Answer) -> Self {
        let (code, status, id) = match answer {
            Answer::None => (None, None, None),
            Answer::Code(code) => (Some(code), None, None),
            Answer::Ok(status, id) => (Some(200), Some(status), id),
        };
        self.attempts.push(Attempt {
            started_ns: from * SECOND,
            ended_ns: to * SECOND,
            nonce: nonce.into(),
            v2: format!("v2 {nonce}"),
            ma_v2: format!("ma {nonce}"),
            code,
            answer_status: status.map(str::to_owned),
            answer_id: id.map(str::to_owned),
            ..Attempt::default()
        });
        self
    }

    fn says(mut self, body: &str) -> Self {
        self.parameters = Content::of_request(&self.url, Some(FORM), body.as_bytes());
        self
    }
}

#[derive(Clone, Copy)]
enum Answer {
    None,
    Code(u16),
    Ok(&'static str, Option<&'static str>),
}

fn accepted(id: &'static str) -> Answer {
    Answer::Ok("accepted", Some(id))
}

fn duplicate(id: &'static str) -> Answer {
    Answer::Ok("duplicate", Some(id))
}

const QUARANTINED: Answer = Answer::Ok("quarantined", None);

/// The genuine callbacks of one entity, one answered before the next began.
fn genuine(number: u64, status: &str, at: u64, id: &'static str) -> Delivery {
    let nonce = format!("n{number}");
    delivery(number, Label::Genuine, "B1", status).attempt(at, at + 1, &nonce, accepted(id))
}

fn event(of: &Delivery, id: &str) -> Event {
    Event {
        id: id.into(),
        account: of.account.clone(),
        kind: format!("com.plivo.10dlc.{}.{}", of.endpoint, of.means.status.as_deref().unwrap()),
        subject: of.means.entity(&of.endpoint).map(|entity| format!("{}/{entity}", of.endpoint)),
        means: of.means.clone(),
        content: of.parameters.key(),
        covers_params: false,
        is_replay: false,
        is_revision: false,
        place: "plivo.10dlc.brand".into(),
    }
}

fn judge_on(terms: Terms, ledger: &[Delivery], events: Vec<Event>) -> Verdict {
    let book = Book::new(ledger.to_vec(), terms.window);
    rules::judge(&book, &Reading { name: "test".into(), events }, terms)
}

fn judge(ledger: &[Delivery], events: Vec<Event>) -> Verdict {
    judge_on(TERMS, ledger, events)
}

/// That exactly these kinds were found, so often.
#[track_caller]
fn found(verdict: &Verdict, expected: &[(Kind, u64)]) {
    let found: Vec<(Kind, u64)> = Kind::ALL
        .into_iter()
        .map(|kind| (kind, verdict.count(kind)))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(found, expected, "{verdict:#?}");
}

/// Three steps of one life, and their events.
fn life() -> (Vec<Delivery>, Vec<Event>) {
    let ledger = vec![
        genuine(1, "created", 0, "i1"),
        genuine(2, "rejected", 10, "i2"),
        genuine(3, "registered", 20, "i3"),
    ];
    let events = ledger.iter().zip(["i1", "i2", "i3"]).map(|(one, id)| event(one, id)).collect();
    (ledger, events)
}

#[test]
fn what_is_as_it_should_be_holds() {
    let (ledger, events) = life();
    let verdict = judge(&ledger, events);
    found(&verdict, &[]);
    assert!(verdict.holds);
}

#[test]
fn an_event_that_is_missing_is_lost_once() {
    let (ledger, mut events) = life();
    events.remove(1);
    let verdict = judge(&ledger, events);
    found(&verdict, &[(Kind::Lost, 1)]);
    assert!(!verdict.holds);
    assert_eq!(verdict.found[&Kind::Lost].examples[0].number, Some(2));
}

#[test]
fn an_answered_id_that_is_on_no_event_is_lost_though_the_content_is_there() {
    let (ledger, mut events) = life();
    events[1].id = "other".into();
    found(&judge(&ledger, events), &[(Kind::Lost, 1)]);
}

#[test]
fn an_answered_id_on_another_content_is_lost() {
    let (mut ledger, events) = life();
    ledger[2].attempts[0].answer_id = Some("i1".into());
    found(&judge(&ledger, events), &[(Kind::Lost, 1)]);
}

#[test]
fn without_answers_in_json_contents_alone_decide() {
    let (mut ledger, mut events) = life();
    for delivery in &mut ledger {
        (delivery.attempts[0].answer_status, delivery.attempts[0].answer_id) = (None, None);
    }
    found(&judge(&ledger, events.clone()), &[]);
    events.remove(0);
    found(&judge(&ledger, events), &[(Kind::Lost, 1)]);
}

#[test]
fn the_same_event_twice_is_duplicated_but_for_a_replay_or_when_allowed() {
    let (ledger, mut events) = life();
    events.push(events[2].clone());
    found(&judge(&ledger, events.clone()), &[(Kind::Duplicated, 1)]);
    let allowed = judge_on(Terms { allow_republished: true, ..TERMS }, &ledger, events.clone());
    found(&allowed, &[(Kind::Republished, 1)]);
    assert!(allowed.holds);
    events[3].is_replay = true;
    found(&judge(&ledger, events), &[(Kind::Replayed, 1)]);
}

#[test]
fn two_events_of_one_content_are_duplicated() {
    let (ledger, mut events) = life();
    events.push(Event { id: "i4".into(), ..events[2].clone() });
    found(&judge(&ledger, events), &[(Kind::Duplicated, 1)]);
}

#[test]
fn one_id_on_two_contents_is_duplicated() {
    let (ledger, mut events) = life();
    events[2].id = "i1".into();
    // And the third content has lost its own id.
    found(&judge(&ledger, events), &[(Kind::Lost, 1), (Kind::Duplicated, 1)]);
}

#[test]
fn a_retry_that_was_given_a_second_event_is_duplicated_and_its_id_not_missing() {
    let first = delivery(1, Label::Cut, "B1", "created").attempt(0, 1, "a", Answer::None).attempt(
        61,
        62,
        "a",
        accepted("i2"),
    );
    let events = vec![event(&first, "i1"), event(&first, "i2")];
    found(&judge(&[first], events), &[(Kind::Duplicated, 1)]);
}

#[test]
fn a_repeat_after_the_window_owes_an_event_of_its_own() {
    let first = genuine(1, "created", 0, "i1");
    let again = genuine(2, "created", WINDOW + 5, "i2");
    let events = vec![event(&first, "i1"), event(&first, "i2")];
    let ledger = [first, again];
    found(&judge(&ledger, events.clone()), &[]);
    found(&judge(&ledger, events[..1].to_vec()), &[(Kind::Lost, 1)]);
    let third = [events, vec![event(&ledger[0], "i3")]].concat();
    found(&judge(&ledger, third), &[(Kind::Duplicated, 1)]);
}

#[test]
fn a_repeat_within_the_window_must_not_have_one() {
    let first = genuine(1, "created", 0, "i1");
    let again = delivery(2, Label::Genuine, "B1", "created").attempt(100, 101, "n2", duplicate("i1"));
    let event = event(&first, "i1");
    let ledger = [first, again];
    found(&judge(&ledger, vec![event.clone()]), &[(Kind::HeldBackOrQuarantined, 1)]);
    let second = Event { id: "i2".into(), ..event.clone() };
    let found_twice = [(Kind::Duplicated, 1), (Kind::HeldBackOrQuarantined, 1)];
    found(&judge(&ledger, vec![event, second]), &found_twice);
}

#[test]
fn order_is_held_where_it_was_defined() {
    let (ledger, mut events) = life();
    events.swap(1, 2);
    let verdict = judge(&ledger, events.clone());
    found(&verdict, &[(Kind::OutOfOrder, 1)]);
    assert_eq!(verdict.found[&Kind::OutOfOrder].examples[0].number, Some(2));
    // On another topic or partition there is no order.
    events[1].place = "plivo.10dlc.brand[1]".into();
    found(&judge(&ledger, events), &[]);
}

#[test]
fn attempts_that_overlap_have_no_order() {
    let (mut ledger, mut events) = life();
    ledger[2].attempts[0].started_ns = ledger[1].attempts[0].ended_ns;
    events.swap(1, 2);
    found(&judge(&ledger, events), &[]);
}

#[test]
fn a_late_answer_defines_no_order_though_the_first_attempt_was_early() {
    // The second was sent while the first waited for its retry: the first may have been taken at its first attempt, at
    // its second, or anywhere between.
    let first = delivery(1, Label::Cut, "B1", "created").attempt(0, 1, "a", Answer::None).attempt(
        60,
        61,
        "a",
        duplicate("i1"),
    );
    let second = genuine(2, "registered", 30, "i2");
    let (one, two) = (event(&first, "i1"), event(&second, "i2"));
    let ledger = [first, second];
    let held = [(Kind::HeldBackOrQuarantined, 1)];
    found(&judge(&ledger, vec![one.clone(), two.clone()]), &held);
    found(&judge(&ledger, vec![two, one]), &held);
}

#[test]
fn other_entities_and_accounts_have_an_order_of_their_own() {
    let (mut ledger, mut events) = life();
    ledger[1].entity = "B2".into();
    events.swap(0, 1);
    found(&judge(&ledger, events), &[]);
}

#[test]
fn an_event_that_nobody_sent_is_unknown() {
    let (ledger, mut events) = life();
    events.push(Event { content: "other".into(), id: "i9".into(), ..events[0].clone() });
    found(&judge(&ledger, events.clone()), &[(Kind::UnknownEvent, 1)]);
    assert!(!judge(&ledger, events.clone()).holds);
    assert!(judge_on(Terms { allow_unknown: true, ..TERMS }, &ledger, events).holds);
}

#[test]
fn another_accounts_event_with_the_same_content_is_unknown() {
    let (ledger, mut events) = life();
    events[0].account = "MA2".into();
    let verdict = judge(&ledger, events);
    assert_eq!((verdict.count(Kind::UnknownEvent), verdict.count(Kind::Lost)), (1, 1));
}

#[test]
fn the_same_parameters_for_two_endpoints_are_two_contents() {
    let linking = genuine(1, "created", 0, "i1");
    let mut unlinking = genuine(2, "created", 5, "i2");
    (unlinking.endpoint, unlinking.url) = ("campaign".into(), "https://h/other/".into());
    unlinking.means.endpoint = Some("campaign".into());
    let events = vec![event(&linking, "i1"), event(&unlinking, "i2")];
    let ledger = [linking, unlinking];
    found(&judge(&ledger, events.clone()), &[]);
    found(&judge(&ledger, events[1..].to_vec()), &[(Kind::Lost, 1)]);
}

#[test]
fn the_same_parameters_on_two_paths_are_told_apart_by_their_ids() {
    let one = genuine(1, "created", 0, "i1");
    let mut other = genuine(2, "created", 5, "i2");
    other.url = "https://h/other/".into();
    let events = vec![event(&other, "i2"), event(&one, "i1")];
    found(&judge(&[one, other], events), &[(Kind::OutOfOrder, 1)]);
}

#[test]
fn a_replaced_event_counts_for_nothing_but_itself() {
    let (ledger, mut events) = life();
    events.push(Event { id: "i1-r1".into(), is_revision: true, ..events[0].clone() });
    found(&judge(&ledger, events), &[(Kind::Renormalized, 1)]);
}

#[test]
fn examples_are_bounded_and_counts_are_not() {
    let ledger: Vec<Delivery> = (1..=50)
        .map(|number| {
            delivery(number, Label::Genuine, &format!("B{number}"), "created").attempt(
                number,
                number,
                &format!("n{number}"),
                Answer::Code(200),
            )
        })
        .collect();
    let verdict = judge(&ledger, Vec::new());
    assert_eq!((verdict.count(Kind::Lost), verdict.found[&Kind::Lost].examples.len()), (50, 20));
}
