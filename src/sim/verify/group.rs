//! All deliveries of one content, and what follows from their attempts.

use std::collections::HashSet;
use std::time::Duration;

use crate::sim::ledger::{Attempt, Class, Delivery};

/// How long after its end an attempt that was not answered 200 may still be taken: longer than any customer works on
/// one. A 503 may only say that the commit was not done in time.
const GRACE: Duration = Duration::from_secs(10);

/// What clocks may differ by: they are rounded to milliseconds.
const SLACK: Duration = Duration::from_millis(20);

/// Where an attempt stands: its delivery's place in the ledger, and its own in the delivery.
pub type Place = (usize, usize);

/// All deliveries of one content.
#[derive(Debug, Clone)]
pub struct Group {
    /// Whose it is.
    pub account: String,
    /// The endpoint that it was sent for.
    pub endpoint: String,
    /// The brand, campaign or number that it was sent for.
    pub entity: String,
    /// The places of its deliveries in the ledger.
    pub deliveries: Vec<usize>,
    /// What it is: of all classes of its deliveries the most honest one.
    pub class: Class,
    /// The attempts of its signed deliveries, divided where nothing was under way for longer than the window.
    pub parts: Vec<Part>,
    /// The most events that its attempts can have made.
    pub most: usize,
}

/// Attempts between which there is no window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The attempts for which it owes an event: those with new signatures that were answered 200.
    pub owing: Vec<Place>,
    /// When its first attempt began.
    pub first: u64,
    /// When it was first answered 200 and not set apart.
    pub taken: Option<u64>,
}

impl Group {
    /// From the deliveries of one content, which are those of `places`. There is at least one.
    pub fn new(ledger: &[Delivery], places: Vec<usize>, window: Duration) -> Self {
        let deliveries = || places.iter().map(|place| &ledger[*place]);
        let class = deliveries().map(|one| one.label.class()).min().unwrap_or(Class::Forged);
        let signed = places.iter().filter(|place| ledger[**place].label.class() == Class::Signed);
        let attempts: Vec<(Place, &Attempt)> = signed.flat_map(|place| of(ledger, *place)).collect();
        let first = &ledger[places[0]];
        Group {
            account: first.account.clone(),
            endpoint: first.endpoint.clone(),
            entity: first.entity.clone(),
            class,
            parts: parts(attempts.clone(), nanos(window)),
            most: most(attempts.into_iter().map(|(_, attempt)| attempt).collect(), nanos(window)),
            deliveries: places,
        }
    }
}

fn of(ledger: &[Delivery], place: usize) -> impl Iterator<Item = (Place, &Attempt)> {
    ledger[place].attempts.iter().enumerate().map(move |(number, attempt)| ((place, number), attempt))
}

/// When an attempt can have been taken at the latest.
pub fn latest(attempt: &Attempt) -> u64 {
    let grace = if attempt.is_delivered() { 0 } else { nanos(GRACE) };
    attempt.ended_ns.saturating_add(grace)
}

/// Whether an attempt was answered 200 and not set apart.
pub fn is_taken(attempt: &Attempt) -> bool {
    attempt.is_delivered() && attempt.answer_status.as_deref() != Some("quarantined")
}

/// Whether an attempt was answered as the relay answers what it has taken.
pub fn is_said_to_be_taken(attempt: &Attempt) -> bool {
    attempt.is_delivered() && matches!(attempt.answer_status.as_deref(), Some("accepted" | "duplicate"))
}

fn parts(mut attempts: Vec<(Place, &Attempt)>, window: u64) -> Vec<Part> {
    attempts.sort_by_key(|(_, attempt)| attempt.started_ns);
    let mut parts: Vec<Part> = Vec::new();
    let mut seen = HashSet::new();
    let mut fresh: Vec<&str> = Vec::new();
    let mut end = None;
    for (place, attempt) in attempts {
        let far = |end: u64| attempt.started_ns >= end.saturating_add(window).saturating_add(nanos(SLACK));
        if end.is_none_or(far) {
            seen.extend(fresh.drain(..));
            parts.push(Part { first: attempt.started_ns, ..Part::default() });
        }
        end = end.max(Some(latest(attempt)));
        let Some(part) = parts.last_mut() else { continue };
        if attempt.is_delivered() && attempt.signatures().all(|one| !seen.contains(one)) {
            part.owing.push(place);
        }
        if is_taken(attempt) {
            part.taken = Some(part.taken.map_or(attempt.ended_ns, |taken| taken.min(attempt.ended_ns)));
        }
        fresh.extend(attempt.signatures());
    }
    parts
}

/// Takes each attempt as early as it can be, those first that end first.
fn most(mut attempts: Vec<&Attempt>, window: u64) -> usize {
    attempts.sort_by_key(|attempt| latest(attempt));
    let mut used = HashSet::new();
    let (mut count, mut next) = (0, 0);
    for attempt in attempts {
        let moment = attempt.started_ns.max(next);
        if moment <= latest(attempt) && attempt.signatures().all(|one| !used.contains(one)) {
            used.extend(attempt.signatures());
            count += 1;
            next = moment.saturating_add(window.saturating_sub(nanos(SLACK)));
        }
    }
    count
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const WINDOW: u64 = 60 * SECOND;

    fn attempt(at: u64, nonce: &str, code: Option<u16>) -> Attempt {
        Attempt {
            started_ns: at * SECOND,
            ended_ns: at * SECOND + 1000,
            v2: nonce.into(),
            ma_v2: format!("ma {nonce}"),
            code,
            ..Attempt::default()
        }
    }

    fn owed_and_most(attempts: &[Attempt]) -> (usize, usize) {
        let placed = attempts.iter().enumerate().map(|(number, attempt)| ((0, number), attempt)).collect();
        let owed = parts(placed, WINDOW).iter().filter(|part| !part.owing.is_empty()).count();
        (owed, most(attempts.iter().collect(), WINDOW))
    }

    #[test]
    fn how_many_events_attempts_owe_and_can_make() {
        let ok = Some(200);
        for (name, attempts, expected) in [
            ("never answered", vec![attempt(0, "a", None)], (0, 1)),
            ("refused", vec![attempt(0, "a", Some(503))], (0, 1)),
            ("once", vec![attempt(0, "a", ok)], (1, 1)),
            ("again within the window", vec![attempt(0, "a", ok), attempt(30, "b", ok)], (1, 1)),
            ("again after it", vec![attempt(0, "a", ok), attempt(61, "b", ok)], (2, 2)),
            ("after it by the same signature", vec![attempt(0, "a", ok), attempt(61, "a", ok)], (1, 1)),
            (
                "a train longer than the window",
                vec![attempt(0, "a", ok), attempt(40, "b", ok), attempt(80, "c", ok)],
                (1, 2),
            ),
            ("the first may have come late", vec![attempt(0, "a", None), attempt(65, "b", ok)], (1, 2)),
            ("so may one that was refused", vec![attempt(0, "a", Some(503)), attempt(65, "b", ok)], (1, 2)),
            ("it may still be one", vec![attempt(0, "a", ok), attempt(55, "b", Some(503))], (1, 2)),
            ("a retry with its nonce", vec![attempt(0, "a", None), attempt(5, "a", ok)], (1, 1)),
        ] {
            assert_eq!(owed_and_most(&attempts), expected, "{name}");
        }
    }

    #[test]
    fn what_was_set_apart_is_answered_but_not_taken() {
        let apart = Attempt { answer_status: Some("quarantined".into()), ..attempt(0, "a", Some(200)) };
        let later = attempt(3, "b", Some(200));
        let found = parts(vec![((1, 0), &later), ((0, 0), &apart)], WINDOW);
        let owing = vec![(0, 0), (1, 0)];
        assert_eq!(found, [Part { owing, first: 0, taken: Some(later.ended_ns) }]);
    }
}
