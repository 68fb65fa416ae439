//! What an event has to say, and what it need not.

use super::*;

/// A callback of each endpoint's unwelcome end, and its event.
fn callback(endpoint: &str) -> (Delivery, Event) {
    let some = |text: &str| Some(text.to_owned());
    let is_number = endpoint.starts_with("number");
    let mut delivery = delivery(1, Label::Genuine, "B1", "failed").attempt(0, 1, "n1", accepted("i1"));
    delivery.endpoint = endpoint.into();
    delivery.means = Meaning {
        endpoint: some(endpoint),
        status: some(if is_number { "failed" } else { "rejected" }),
        brand_id: some("B1"),
        campaign_id: (endpoint != "brand").then(|| "C1".to_owned()),
        number: is_number.then(|| "14155550100".to_owned()),
        reason: some("no opt-in"),
    };
    let mut event = event(&delivery, "i1");
    if is_number {
        (event.means.number, event.subject) =
            (some("+14155550100"), Some(format!("{endpoint}/+14155550100")));
    }
    (delivery, event)
}

fn misread(delivery: &Delivery, event: Event) -> Vec<String> {
    let verdict = judge(std::slice::from_ref(delivery), vec![event]);
    let examples = &verdict.found[&Kind::Misread].examples;
    assert_eq!(
        (verdict.count(Kind::Misread) == 0, verdict.holds),
        (examples.is_empty(), examples.is_empty())
    );
    examples.iter().map(|example| example.why.clone()).collect()
}

#[test]
fn an_event_that_says_what_was_told_holds() {
    for endpoint in ["brand", "campaign", "number_linking", "number_unlinking"] {
        let (delivery, event) = callback(endpoint);
        found(&judge(&[delivery], vec![event]), &[]);
    }
}

#[test]
fn every_single_slip_is_misread_and_named() {
    type Spoil = fn(&mut Event);
    let spoils: [(&str, Spoil); 15] = [
        ("status", |event| event.means.status = Some("success".into())),
        ("status", |event| event.means.status = Some("unknown".into())),
        ("status", |event| event.means.status = None),
        ("endpoint", |event| event.means.endpoint = Some("number_unlinking".into())),
        ("endpoint", |event| event.means.endpoint = Some("brand".into())),
        ("endpoint", |event| event.means.endpoint = None),
        ("brand_id", |event| event.means.brand_id = Some("B2".into())),
        ("brand_id", |event| event.means.brand_id = None),
        ("campaign_id", |event| event.means.campaign_id = Some("c1".into())),
        ("number", |event| event.means.number = Some("14155550100".into())),
        ("reason", |event| event.means.reason = Some("no opt-out".into())),
        ("reason", |event| event.means.reason = None),
        ("subject", |event| event.subject = Some("number_linking/+14155550101".into())),
        ("subject", |event| event.subject = None),
        ("type", |event| event.kind = "com.plivo.10dlc.number_linking.success".into()),
    ];
    for (name, spoil) in spoils {
        let (delivery, mut event) = callback("number_linking");
        spoil(&mut event);
        let told = misread(&delivery, event.clone());
        assert_eq!(told.len(), 1, "{name}: {event:?}");
        assert!(told[0].contains(&format!("its {name} is ")), "{name}: {told:?}");
    }
}

/// The whole event is consistent, but about something that was not told.
#[test]
fn a_reason_that_was_not_told_and_a_consistent_lie_are_misread() {
    let (ledger, mut events) = life();
    events[0].means.reason = Some("made up".into());
    // What a relay does that takes every rejection for a registration.
    events[1].means.status = Some("registered".into());
    events[1].kind = "com.plivo.10dlc.brand.registered".into();
    let verdict = judge(&ledger, events);
    found(&verdict, &[(Kind::Misread, 2)]);
    let why = &verdict.found[&Kind::Misread].examples[1].why;
    assert!(why.contains("its status is \"registered\", and \"rejected\" was told"), "{why}");
}

#[test]
fn a_replay_and_a_revision_are_held_to_it_too() {
    for (is_replay, is_revision) in [(true, false), (false, true)] {
        let (ledger, mut events) = life();
        let mut again = Event { is_replay, is_revision, ..events[2].clone() };
        again.means.brand_id = Some("B9".into());
        events.push(again);
        assert_eq!(judge(&ledger, events).count(Kind::Misread), 1);
    }
}

#[test]
fn only_a_number_whose_endpoint_is_not_told_may_be_unrecognized() {
    let unrecognized = |event: &Event| {
        let mut event = Event { kind: "com.plivo.10dlc.unrecognized".into(), subject: None, ..event.clone() };
        (event.means.endpoint, event.means.status) = (None, None);
        event
    };
    let (mut delivery, event) = callback("number_unlinking");
    assert_eq!(misread(&delivery, unrecognized(&event)).len(), 1, "it was told");
    delivery.means.endpoint = None;
    assert_eq!(misread(&delivery, unrecognized(&event)), [""; 0]);
    // Who is sure of it has to be right.
    assert_eq!(misread(&delivery, event.clone()), [""; 0]);
    let mut guessed = event.clone();
    guessed.means.endpoint = Some("number_linking".into());
    (guessed.kind, guessed.subject) =
        ("com.plivo.10dlc.number_linking.failed".into(), Some("number_linking/+14155550100".into()));
    assert_eq!(misread(&delivery, guessed).len(), 1);
    let mut lost = unrecognized(&event);
    lost.means.campaign_id = None;
    assert_eq!(misread(&delivery, lost).len(), 1, "what was told beside it stays");
}

/// Under V2 a lie that comes first is taken for the truth; it is told as it came.
#[test]
fn what_each_kind_of_copy_is_held_to() {
    for (label, held) in [
        (Label::Duplicate, true),
        (Label::Oversized, true),
        (Label::Tampered, true),
        (Label::Truncated, false),
        (Label::ForgedToken, false),
    ] {
        let (delivery, mut event) = callback("campaign");
        event.means.status = Some("registered".into());
        let delivery = Delivery { label, ..delivery };
        assert_eq!(judge(&[delivery], vec![event]).count(Kind::Misread), u64::from(held), "{label}");
    }
}
