//! Records normalized again.

use super::*;
use crate::event::Transition;
use crate::normalize::Normalizer;

/// What a callback says when nothing of it is understood.
fn unplaced() -> Facts {
    Facts::default()
}

fn brand(entity: &str, status: Status) -> Facts {
    callback(entity, status, "", &[]).facts
}

fn append(spool: &Spool, content: &str, facts: Facts) -> u64 {
    let mut one = callback("B1", Status::Created, content, &[content]);
    one.facts = facts;
    sequence(spool.append_blocking(one))
}

fn revise(spool: &Spool, revisions: &[(u64, Facts)]) -> u64 {
    let revisions =
        revisions.iter().map(|(sequence, facts)| Revision { sequence: *sequence, facts: facts.clone() });
    match made(spool, Change::Renormalize { revisions: revisions.collect() }).unwrap() {
        ChangeDone::Renormalized { count } => count,
        other => panic!("{other:?}"),
    }
}

fn last(bench: &Bench) -> Record {
    let reader = bench.reader();
    reader.event(reader.tip().unwrap()).unwrap().unwrap()
}

#[test]
fn a_revision_is_a_record_of_its_own_with_the_id_and_time_of_the_first() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    append(&spool, "c", unplaced());
    bench.pass(60_000);
    assert_eq!(revise(&spool, &[(1, brand("B1", Status::Created))]), 1);
    let records = spool.lane("files").unwrap().claim_blocking(Feed::Live, 0, 10).unwrap();
    let [old, new] = &records[..] else { panic!("{records:?}") };
    assert_eq!((new.id(), new.stamp().revision, new.sequence()), (old.id(), 1, 2));
    let (first, revised) = (old.event(), new.event());
    assert_eq!(revised.id(), format!("{}-r1", first.id()));
    assert_eq!(revised.data().supersedes.as_deref(), Some(first.id()));
    let time = |event: &crate::event::Event<'_>| {
        event.attributes().into_iter().find(|(name, _)| *name == "time").unwrap().1.into_owned()
    };
    assert_eq!(time(&first), time(&revised));
    assert!(new.received_at() > old.received_at(), "rows stay in order of time");
    assert_eq!(*spool.tip().borrow(), 2);
}

#[test]
fn a_record_is_superseded_once_and_its_revision_can_be_again() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    append(&spool, "c", unplaced());
    let unknown = brand("B1", Status::Unknown);
    assert_eq!(revise(&spool, &[(1, unknown.clone())]), 1);
    assert_eq!(revise(&spool, &[(1, unknown), (99, unplaced())]), 0);
    let filter = EventFilter { unplaced: true, ..EventFilter::default() };
    let left = |bench: &Bench| {
        let records = bench.reader().events(&filter, 0, 10).unwrap();
        records.iter().map(Record::sequence).collect::<Vec<_>>()
    };
    assert_eq!(left(&bench), [2], "the first has a revision, which is of an unknown status");
    spool.close_blocking();
    let spool = bench.open(&[lane("files")]);
    assert_eq!(revise(&spool, &[(1, brand("B1", Status::Created)), (2, brand("B1", Status::Rejected))]), 1);
    assert!(left(&bench).is_empty());
    let latest = last(&bench);
    assert_eq!((latest.sequence(), latest.stamp().revision), (3, 2));
    assert!(latest.event().data().supersedes.as_deref().unwrap().ends_with("-r1"));
    assert_eq!(bench.reader().by_id(latest.id().as_str()).unwrap().unwrap().sequence(), 3);
    assert_eq!(
        bench.reader().audit(1).unwrap()[0].change,
        serde_json::json!({ "renormalize": { "sequences": [1, 2] } })
    );
}

#[test]
fn the_window_and_the_ledger_of_the_callback_are_left_alone() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    append(&spool, "c", unplaced());
    let again = |signature: &str| {
        let mut one = callback("B1", Status::Created, "c", &[signature]);
        one.facts = unplaced();
        spool.append_blocking(one).unwrap()
    };
    bench.pass(479_000);
    assert_eq!(revise(&spool, &[(1, brand("B1", Status::Created))]), 1);
    let id = EventId::new(&hash("c"), 0);
    assert_eq!(again("s2"), Outcome::Duplicate { id: id.clone(), held: true, after_change: false });
    assert_eq!(again("c"), Outcome::Duplicate { id, held: false, after_change: false });
    bench.pass(1_000);
    assert_eq!(
        again("s3"),
        Outcome::Accepted { id: EventId::new(&hash("c"), 1), sequence: 3, occurrence: 1 }
    );
}

#[test]
fn the_entitys_story_goes_on_from_a_revision() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    let stamped = |record: &Record| (record.stamp().previous_status, record.stamp().transition);
    // Nothing was known of the brand.
    append(&spool, "1", unplaced());
    revise(&spool, &[(1, brand("B1", Status::Created))]);
    assert_eq!(stamped(&last(&bench)), (None, Some(Transition::First)));
    bench.pass(1000);
    append(&spool, "2", brand("B1", Status::Unknown));
    assert_eq!(stamped(&last(&bench)), (Some(Status::Created), Some(Transition::Advanced)));
    // In the place of the unknown one.
    bench.pass(1000);
    revise(&spool, &[(3, brand("B1", Status::Rejected))]);
    assert_eq!(stamped(&last(&bench)), (Some(Status::Created), Some(Transition::Advanced)));
    bench.pass(1000);
    append(&spool, "3", brand("B1", Status::Registered));
    assert_eq!(stamped(&last(&bench)), (Some(Status::Rejected), Some(Transition::Advanced)));
}

#[test]
fn a_revision_of_the_past_moves_nothing() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    append(&spool, "1", unplaced());
    bench.pass(1000);
    append(&spool, "2", brand("B1", Status::Registered));
    bench.pass(1000);
    revise(&spool, &[(1, brand("B1", Status::Created))]);
    assert_eq!((last(&bench).stamp().previous_status, last(&bench).stamp().transition), (None, None));
    append(&spool, "3", brand("B1", Status::Registered));
    assert_eq!(last(&bench).stamp().transition, Some(Transition::Repeated));
}

#[test]
fn what_a_rehearsed_revision_taught_is_forgotten() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    append(&spool, "1", unplaced());
    let before = bench.reader().status().unwrap();
    let revisions = vec![Revision { sequence: 1, facts: brand("B1", Status::Registered) }];
    let rehearsed = order(Change::Renormalize { revisions }, Mode::Rehearse);
    assert_eq!(spool.change_blocking(rehearsed).unwrap(), ChangeDone::Renormalized { count: 1 });
    assert_eq!(bench.reader().status().unwrap(), before);
    append(&spool, "2", brand("B1", Status::Created));
    assert_eq!(last(&bench).stamp().transition, Some(Transition::First));
}

#[test]
fn the_raw_callback_is_read_with_the_aliases_of_today() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("files")]);
    let mut one = callback("", Status::Created, "c", &["c"]);
    one.request.body = Bytes::from_static(br#"{"marke":"B7","zustand":"FAILED"}"#);
    one.facts = unplaced();
    sequence(spool.append_blocking(one));
    let mut config = crate::normalize::NormalizeConfig::default();
    config.aliases.brand_id.push("marke".to_owned());
    config.aliases.status.push("zustand".to_owned());
    let record = last(&bench);
    let facts = Normalizer::new(&config).unwrap().facts(record.request(), None, None);
    assert_eq!((facts.entity(), facts.status), (Some("B7"), Some(Status::Rejected)));
    assert_eq!(revise(&spool, &[(1, facts)]), 1);
    assert_eq!(
        bench
            .reader()
            .events(&EventFilter { entity: Some("B7".to_owned()), ..EventFilter::default() }, 0, 9)
            .unwrap()
            .len(),
        1
    );
}
