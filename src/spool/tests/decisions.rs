//! What each callback gets, on disk.

use super::*;

const WINDOW: i64 = 8 * 60_000;

fn accepted(content: &str, occurrence: u32, sequence: u64) -> Outcome {
    Outcome::Accepted { id: EventId::new(&hash(content), occurrence), sequence, occurrence }
}

fn duplicate(content: &str, occurrence: u32, held: bool, after_change: bool) -> Outcome {
    Outcome::Duplicate { id: EventId::new(&hash(content), occurrence), held, after_change }
}

#[test]
fn every_answer_of_the_table() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    let send = |status, content: &str, signatures: &[&str]| {
        spool.append_blocking(callback("B1", status, content, signatures)).unwrap()
    };
    assert_eq!(send(Status::Created, "c", &["s1"]), accepted("c", 0, 1));
    assert_eq!(send(Status::Created, "c", &["s1"]), duplicate("c", 0, false, false));
    bench.pass(60_000);
    assert_eq!(send(Status::Created, "c", &["s2"]), duplicate("c", 0, true, false));
    assert_eq!(send(Status::Rejected, "r", &["s3"]), accepted("r", 0, 2));
    assert_eq!(send(Status::Created, "c", &["s4"]), duplicate("c", 0, true, true));
    // Other content under a known signature, also under one that a duplicate brought.
    for signature in ["s1", "s2", "s4"] {
        let tampered = send(Status::Registered, "evil", &[signature]);
        assert_eq!(tampered, Outcome::Quarantined { id: EventId::new(&hash("c"), 0), kept: true });
    }
    // The window counts from the first acceptance, whatever came in between.
    bench.pass(WINDOW - 60_000);
    assert_eq!(send(Status::Created, "c", &["s5"]), accepted("c", 1, 3));
    assert_eq!(send(Status::Created, "c", &["s1"]), duplicate("c", 0, false, false));
    assert_eq!(send(Status::Created, "c", &["s5"]), duplicate("c", 1, false, false));
    assert_eq!(bench.metrics.duplicates_after_change.get(), 1);

    let reader = bench.reader();
    let held = reader.held(10).unwrap();
    assert_eq!(held.iter().map(|one| one.after_change).collect::<Vec<_>>(), [true, false]);
    assert_eq!(reader.quarantined(10).unwrap().len(), 3);
    let status = reader.status().unwrap();
    assert_eq!((status.records, status.tip, status.held, status.quarantine), (3, 3, 2, 3));
    assert_eq!((status.signatures, status.fingerprints, status.entities), (5, 2, 1));
}

#[test]
fn a_quarantined_request_binds_its_other_signatures_to_the_first_content() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    let send = |content: &str, signatures: &[&str]| {
        spool.append_blocking(callback("B1", Status::Created, content, signatures)).unwrap()
    };
    send("good", &["v2"]);
    let quarantined = Outcome::Quarantined { id: EventId::new(&hash("good"), 0), kept: true };
    assert_eq!(send("evil", &["v3", "v2"]), quarantined);
    // Leaving out what gave it away does not help.
    assert_eq!(send("evil", &["v3"]), quarantined);
    assert_eq!(send("good", &["v3"]), duplicate("good", 0, false, false));
}

#[test]
fn two_equal_requests_in_one_batch_see_each_other() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcomes = runtime.block_on(async {
        let one = || spool.append(callback("B1", Status::Created, "same", &["s", "s"]));
        tokio::join!(one(), one(), one())
    });
    let outcomes = [outcomes.0.unwrap(), outcomes.1.unwrap(), outcomes.2.unwrap()];
    assert_eq!(outcomes[0], accepted("same", 0, 1));
    assert_eq!(outcomes[1..], [duplicate("same", 0, false, false), duplicate("same", 0, false, false)]);
}

#[test]
fn without_signatures_a_repeat_in_the_window_is_held_back() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    let send = || spool.append_blocking(callback("B1", Status::Created, "c", &[])).unwrap();
    assert_eq!(send(), accepted("c", 0, 1));
    assert_eq!(send(), duplicate("c", 0, true, false));
    bench.pass(WINDOW);
    assert_eq!(send(), accepted("c", 1, 2));
}

#[test]
fn quarantine_and_held_records_are_capped() {
    let bench = Bench::with(|config| {
        (config.quarantine_per_signature, config.quarantine_max, config.held_max) = (2, 3, 2);
    });
    let spool = bench.open(&[]);
    let send = |content: &str, signatures: &[&str]| {
        spool.append_blocking(callback("B1", Status::Created, content, signatures)).unwrap()
    };
    let kept = |outcome| matches!(outcome, Outcome::Quarantined { kept: true, .. });
    send("a", &["s1"]);
    send("b", &["s2"]);
    assert!(kept(send("e1", &["s1"])) && kept(send("e2", &["s1"])));
    assert!(!kept(send("e3", &["s1"])), "two for one signature");
    assert!(kept(send("e1", &["s1"])), "it is there already");
    assert!(kept(send("e4", &["s2"])));
    assert!(!kept(send("e5", &["s2"])), "three in all");
    assert_eq!(bench.metrics.quarantine_overflow.get(), 2);
    for number in 0..4 {
        send("a", &[&format!("held {number}")]);
    }
    let held: Vec<u64> = bench.reader().held(10).unwrap().iter().map(|one| one.number).collect();
    assert_eq!(held, [4, 3], "the oldest went");
    assert_eq!(bench.metrics.held_rows.get(), 2);
}

#[test]
fn the_entitys_story_is_stamped() {
    use crate::event::Transition::{Advanced, First, Regressed, Repeated, Restarted};
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    let story = [
        (Status::Created, 0, None, First),
        (Status::Registered, 1_000, Some(Status::Created), Advanced),
        (Status::Rejected, 1_000, Some(Status::Registered), Regressed),
        (Status::Registered, 1_000, Some(Status::Registered), Repeated),
        (Status::Created, 461_000, Some(Status::Registered), Restarted),
    ];
    for (number, (status, wait, ..)) in story.iter().enumerate() {
        bench.pass(*wait);
        let name = number.to_string();
        sequence(spool.append_blocking(callback("B1", *status, &name, &[&name])));
    }
    let records = spool.lane("files").unwrap().claim_blocking(Feed::Live, 0, 10).unwrap();
    let stamped: Vec<_> =
        records.iter().map(|one| (one.stamp().previous_status, one.stamp().transition.unwrap())).collect();
    assert_eq!(stamped, story.map(|(_, _, previous, transition)| (previous, transition)));
}

#[test]
fn a_released_duplicate_is_the_next_occurrence() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    let send =
        |signature: &str| spool.append_blocking(callback("B1", Status::Created, "c", &[signature])).unwrap();
    send("s1");
    assert_eq!(send("s2"), duplicate("c", 0, true, false));
    let number = bench.reader().held(1).unwrap()[0].number;
    let change = Change::Release { held: vec![number, 999] };
    assert_eq!(made(&spool, change).unwrap(), ChangeDone::Released { count: 1 });
    let records = spool.lane("files").unwrap().claim_blocking(Feed::Live, 1, 10).unwrap();
    assert_eq!((records[0].sequence(), records[0].stamp().occurrence), (2, 1));
    assert_eq!(records[0].id(), &EventId::new(&hash("c"), 1));
    assert!(bench.reader().held(1).unwrap().is_empty());
    assert_eq!(*spool.tip().borrow(), 2);
}

#[test]
fn occurrences_and_the_ledger_outlive_their_records() {
    let bench = Bench::with(|config| config.retention = Span::from_secs(600));
    let spool = bench.open(&[lane("files")]);
    let send = |content: &str, signature: &str| {
        spool.append_blocking(callback("B1", Status::Created, content, &[signature])).unwrap()
    };
    assert_eq!(send("c", "s1"), accepted("c", 0, 1));
    assert_eq!(drain(&spool.lane("files").unwrap(), Feed::Live), [1]);
    spool.close_blocking();
    bench.pass(700_000);
    let spool = bench.open(&[lane("files")]);
    eventually("deletion for age", || bench.metrics.spool_records.get() == 0);
    let send = |content: &str, signature: &str| {
        spool.append_blocking(callback("B1", Status::Created, content, &[signature])).unwrap()
    };
    assert_eq!(send("c", "s1"), duplicate("c", 0, false, false));
    assert_eq!(send("c", "s2"), accepted("c", 1, 2));
    assert_eq!(bench.metrics.spool_deleted.with_label_values(&["retention"]).get(), 1);
}

#[test]
fn the_clock_never_runs_backwards_also_over_a_restart() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    sequence(spool.append_blocking(fresh(1)));
    bench.pass(-7_200_000);
    sequence(spool.append_blocking(fresh(2)));
    spool.close_blocking();
    let spool = bench.open(&[lane("files")]);
    sequence(spool.append_blocking(fresh(3)));
    let records = spool.lane("files").unwrap().claim_blocking(Feed::Live, 0, 10).unwrap();
    assert!(records.iter().all(|record| record.received_at() == records[0].received_at()));
}

#[test]
fn after_a_jump_of_the_clock_nothing_is_deleted_for_its_age() {
    let bench = Bench::with(|config| config.retention = Span::from_secs(600));
    let spool = bench.open(&[lane("files")]);
    sequence(spool.append_blocking(fresh(1)));
    drain(&spool.lane("files").unwrap(), Feed::Live);
    spool.close_blocking();
    bench.pass(3_600_001);
    let opened = open::open(
        &bench.config,
        &[lane("files")],
        Timestamp::from_millis(bench.now.load(Ordering::Relaxed)),
    );
    assert!(opened.unwrap().clock_jumped);
}

/// A spool with one event and, under its signature, two contents in quarantine; their numbers.
fn quarantined(bench: &Bench) -> (Spool, Vec<u64>) {
    let spool = bench.open(&[lane("files")]);
    for content in ["genuine", "other 1", "other 2"] {
        let status = if content == "genuine" { Status::Created } else { Status::Rejected };
        spool.append_blocking(callback("B1", status, content, &["s"])).unwrap();
    }
    let numbers: Vec<u64> =
        bench.reader().quarantined(10).unwrap().iter().rev().map(|one| one.number).collect();
    assert_eq!(numbers.len(), 2);
    (spool, numbers)
}

#[test]
fn what_is_released_from_quarantine_is_an_event_of_its_own_and_lets_nothing_else_in() {
    let bench = Bench::new();
    let (spool, numbers) = quarantined(&bench);
    // The same content came under a signature of its own in between: that one has the first id.
    assert_eq!(
        spool.append_blocking(callback("B1", Status::Rejected, "other 2", &["t"])).unwrap(),
        accepted("other 2", 0, 2)
    );
    let release = Change::ReleaseQuarantined { numbers: numbers.clone() };
    let ids = vec![EventId::new(&hash("other 1"), 0), EventId::new(&hash("other 2"), 1)];
    assert_eq!(made(&spool, release).unwrap(), ChangeDone::ReleasedQuarantined { ids: ids.clone() });
    let records = spool.lane("files").unwrap().claim_blocking(Feed::Live, 2, 10).unwrap();
    assert_eq!(records.iter().map(|one| one.id().clone()).collect::<Vec<_>>(), ids);
    assert_eq!(records[0].stamp().previous_status, Some(Status::Rejected));
    assert_eq!((bench.metrics.quarantine_rows.get(), bench.reader().status().unwrap().quarantine), (0, 0));
    // The signature stands for what it came with first, now as before.
    let id = EventId::new(&hash("genuine"), 0);
    for content in ["other 1", "other 3"] {
        let again = spool.append_blocking(callback("B1", Status::Rejected, content, &["s"])).unwrap();
        assert_eq!(again, Outcome::Quarantined { id: id.clone(), kept: true }, "{content}");
    }
    let genuine = spool.append_blocking(callback("B1", Status::Created, "genuine", &["s"])).unwrap();
    assert_eq!(genuine, duplicate("genuine", 0, false, false));
}

#[test]
fn quarantine_is_discarded_by_number_or_as_a_whole() {
    let bench = Bench::new();
    let (spool, numbers) = quarantined(&bench);
    let [first, second] = numbers[..] else { panic!() };
    for (named, why) in [(vec![first, 999], "not there"), (vec![first, first], "named twice")] {
        for change in [
            Change::DiscardQuarantined { numbers: Some(named.clone()) },
            Change::ReleaseQuarantined { numbers: named.clone() },
        ] {
            let refused = made(&spool, change).unwrap_err();
            assert!(matches!(&refused, SpoolError::Refused(what) if what.contains(why)), "{refused}");
        }
    }
    assert_eq!((bench.metrics.quarantine_rows.get(), *spool.tip().borrow()), (2, 1));
    let discard = |numbers| made(&spool, Change::DiscardQuarantined { numbers }).unwrap();
    assert_eq!(discard(Some(vec![first])), ChangeDone::DiscardedQuarantined { count: 1 });
    assert_eq!(bench.reader().quarantined(10).unwrap()[0].number, second);
    assert_eq!(discard(None), ChangeDone::DiscardedQuarantined { count: 1 });
    assert_eq!(discard(None), ChangeDone::DiscardedQuarantined { count: 0 });
    assert_eq!((bench.metrics.quarantine_rows.get(), bench.reader().status().unwrap().quarantine), (0, 0));
}

#[test]
fn a_quarantined_callback_is_shown_whole_beside_the_event_that_came_first() {
    let bench = Bench::new();
    let (_spool, numbers) = quarantined(&bench);
    let reader = bench.reader();
    let callback = reader.quarantined_callback(numbers[1]).unwrap().unwrap();
    assert_eq!(
        (callback.method.as_str(), callback.body.as_slice()),
        ("POST", br#"{"content":"other 2"}"#.as_slice())
    );
    assert_eq!(callback.facts["status"], "rejected");
    assert_eq!(reader.by_id(&callback.first_id).unwrap().unwrap().sequence(), 1);
    assert_eq!(reader.by_id("another").unwrap(), None);
    assert_eq!(reader.quarantined_callback(999).unwrap(), None);
}
