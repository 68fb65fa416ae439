//! Lies, lost answers, and who came first.

use super::*;

/// A genuine callback and a lie with other content.
fn lie(label: Label, at: u64, nonce: &str, answer: Answer) -> Delivery {
    delivery(1, label, "B1", "created").says("brand_id=B1&status=registered&reason=lie").attempt(
        at,
        at + 1,
        nonce,
        answer,
    )
}

#[test]
fn a_forged_content_in_an_event_is_forged_through() {
    let (mut ledger, mut events) = life();
    ledger.push(lie(Label::ForgedToken, 0, "x", Answer::Code(403)));
    found(&judge(&ledger, events.clone()), &[]);
    events.push(event(&ledger[3], "i9"));
    found(&judge(&ledger, events), &[(Kind::ForgedThrough, 1)]);
}

#[test]
fn a_forged_delivery_that_was_answered_as_a_genuine_one_is_forged_through() {
    for (status, also) in [("accepted", None), ("duplicate", None), ("quarantined", Some(()))] {
        let (mut ledger, events) = life();
        let id = if also.is_none() { Some("i1") } else { None };
        ledger.push(lie(Label::ForgedNonce, 0, "x", Answer::Ok(status, id)));
        let verdict = judge(&ledger, events);
        assert_eq!(verdict.count(Kind::ForgedThrough), 1, "{status}: {verdict:#?}");
        assert!(!verdict.holds);
    }
}

#[test]
fn a_lie_that_repeats_the_truth_is_no_lie() {
    let (mut ledger, events) = life();
    ledger.push(delivery(1, Label::ForgedToken, "B1", "registered").attempt(0, 1, "x", Answer::Code(403)));
    found(&judge(&ledger, events), &[]);
}

#[test]
fn a_tampered_copy_after_the_genuine_answer_must_not_come_through() {
    let (mut ledger, mut events) = life();
    ledger.push(lie(Label::Tampered, 5, "n1", QUARANTINED));
    let held = (Kind::HeldBackOrQuarantined, 1);
    found(&judge(&ledger, events.clone()), &[held]);
    events.push(event(&ledger[3], "i9"));
    found(&judge(&ledger, events.clone()), &[(Kind::ForgedThrough, 1), held]);
    // By the answer alone, whatever the consumer read.
    ledger[3] = lie(Label::Tampered, 5, "n1", accepted("i9"));
    found(&judge(&ledger, events), &[(Kind::ForgedThrough, 1)]);
}

#[test]
fn a_tampered_copy_before_the_genuine_one_wins_by_plivos_design() {
    let tampered = lie(Label::Tampered, 0, "n2", accepted("i9"));
    let genuine = delivery(2, Label::Genuine, "B1", "created").attempt(5, 6, "n2", QUARANTINED);
    let (won, held) = (event(&tampered, "i9"), (Kind::HeldBackOrQuarantined, 1));
    let ledger = [tampered, genuine];
    let verdict = judge(&ledger, vec![won.clone()]);
    found(&verdict, &[(Kind::FirstSeenWins, 1), held]);
    assert!(verdict.holds);
    // One that claims to cover its parameters has not been proven to.
    let claims = Event { covers_params: true, ..won };
    found(&judge(&ledger, vec![claims]), &[(Kind::ForgedThrough, 1), held]);
    // Neither of the two is there: that is no design.
    assert!(judge(&ledger, Vec::new()).count(Kind::Lost) > 0);
}

#[test]
fn a_tampered_copy_that_overlaps_the_genuine_one_may_have_come_first() {
    let tampered = lie(Label::Tampered, 5, "n2", accepted("i9"));
    let genuine = delivery(2, Label::Genuine, "B1", "created").attempt(5, 6, "n2", QUARANTINED);
    let won = event(&tampered, "i9");
    let found_both = [(Kind::FirstSeenWins, 1), (Kind::HeldBackOrQuarantined, 1)];
    found(&judge(&[tampered, genuine], vec![won]), &found_both);
}

#[test]
fn a_genuine_callback_that_lost_to_a_tampered_one_owes_only_its_other_occurrence() {
    let first = genuine(1, "created", 0, "i1");
    let tampered = lie(Label::Tampered, WINDOW + 5, "n2", accepted("i9"));
    let again =
        delivery(2, Label::Genuine, "B1", "created").attempt(WINDOW + 7, WINDOW + 8, "n2", QUARANTINED);
    let events = vec![event(&first, "i1"), event(&tampered, "i9")];
    let ledger = [first, tampered, again];
    let found_both = [(Kind::FirstSeenWins, 1), (Kind::HeldBackOrQuarantined, 1)];
    found(&judge(&ledger, events.clone()), &found_both);
    assert_eq!(judge(&ledger, events[1..].to_vec()).count(Kind::Lost), 1);
}

#[test]
fn of_two_contents_with_one_signature_only_one_may_be_taken() {
    // Whichever came first, the relay should have set the other apart.
    let tampered = lie(Label::Tampered, 0, "n1", accepted("i9"));
    let genuine = genuine(1, "created", 5, "i1");
    let events = vec![event(&tampered, "i9"), event(&genuine, "i1")];
    found(&judge(&[tampered, genuine], events), &[(Kind::ForgedThrough, 1)]);
}

#[test]
fn a_bare_200_does_not_say_which_of_two_contents_was_taken() {
    let tampered = lie(Label::Tampered, 0, "n1", Answer::Code(200));
    let genuine = delivery(1, Label::Genuine, "B1", "created").attempt(5, 6, "n1", Answer::Code(200));
    let won = event(&tampered, "i9");
    found(&judge(&[tampered, genuine.clone()], vec![won.clone()]), &[(Kind::FirstSeenWins, 1)]);
    let late = lie(Label::Tampered, 7, "n1", Answer::Code(200));
    found(&judge(&[late, genuine], vec![won]), &[(Kind::Lost, 1), (Kind::ForgedThrough, 1)]);
}

#[test]
fn a_tampered_copy_that_came_later_or_never_was_taken_excuses_nothing() {
    let genuine = delivery(1, Label::Genuine, "B1", "created").attempt(5, 6, "n1", QUARANTINED);
    let held = (Kind::HeldBackOrQuarantined, 1);
    let later = lie(Label::Tampered, 7, "n1", accepted("i9"));
    let won = event(&later, "i9");
    let found_both = [(Kind::Lost, 1), (Kind::FirstSeenWins, 1), held];
    found(&judge(&[genuine.clone(), later], vec![won]), &found_both);
    let vanished = lie(Label::Tampered, 0, "n1", Answer::None);
    found(&judge(&[vanished, genuine], Vec::new()), &[(Kind::Lost, 1), held]);
}

#[test]
fn a_genuine_callback_that_was_set_apart_for_nothing_is_lost() {
    let genuine = delivery(2, Label::Genuine, "B1", "created").attempt(5, 6, "n2", QUARANTINED);
    found(&judge(&[genuine], Vec::new()), &[(Kind::Lost, 1), (Kind::HeldBackOrQuarantined, 1)]);
}

#[test]
fn a_truncated_body_with_a_signature_seen_before_is_tampering() {
    let genuine = genuine(1, "created", 0, "i1");
    let truncated = delivery(1, Label::Truncated, "B1", "created").says("brand_id=B1&stat");
    let late = truncated.clone().attempt(5, 6, "n1", accepted("i2"));
    let events = vec![event(&genuine, "i1"), Event { means: Meaning::default(), ..event(&late, "i2") }];
    found(&judge(&[genuine.clone(), late], events.clone()), &[(Kind::ForgedThrough, 1)]);
    // Before it, it is what was first seen.
    let early = truncated.attempt(0, 1, "n3", accepted("i2"));
    let genuine = delivery(2, Label::Genuine, "B1", "created").attempt(2, 3, "n3", QUARANTINED);
    let found_both = [(Kind::FirstSeenWins, 1), (Kind::HeldBackOrQuarantined, 1)];
    found(&judge(&[early, genuine], events[1..].to_vec()), &found_both);
}

#[test]
fn a_callback_without_an_answer_may_have_been_taken_or_not() {
    let cut = delivery(1, Label::Cut, "B1", "created").attempt(0, 1, "n1", Answer::None);
    let taken = event(&cut, "i1");
    found(&judge(std::slice::from_ref(&cut), vec![taken]), &[(Kind::TakenUnanswered, 1)]);
    let verdict = judge(&[cut], Vec::new());
    found(&verdict, &[(Kind::GivenUp, 1)]);
    assert!(verdict.holds, "nothing was promised");
}

#[test]
fn a_retry_after_an_answer_that_got_lost_is_one_event() {
    for nonce in ["n1", "n2"] {
        let cut = delivery(1, Label::Cut, "B1", "created").attempt(0, 1, "n1", Answer::None).attempt(
            61,
            62,
            nonce,
            duplicate("i1"),
        );
        let event = event(&cut, "i1");
        found(&judge(std::slice::from_ref(&cut), vec![event]), &[(Kind::HeldBackOrQuarantined, 1)]);
        found(&judge(&[cut], Vec::new()), &[(Kind::Lost, 1), (Kind::HeldBackOrQuarantined, 1)]);
    }
}
