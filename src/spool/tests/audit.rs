//! Changes by command: rehearsed, agreed to, and kept in the audit.

use super::*;

/// A spool with two held-back duplicates of one event, and their numbers.
fn two_held(bench: &Bench) -> (Spool, Vec<u64>) {
    let spool = bench.open(&[lane("files")]);
    for signature in ["s1", "s2", "s3"] {
        spool.append_blocking(callback("B1", Status::Created, "c", &[signature])).unwrap();
    }
    let held: Vec<u64> = bench.reader().held(10).unwrap().iter().map(|one| one.number).collect();
    assert_eq!(held.len(), 2);
    (spool, held)
}

#[test]
fn a_rehearsal_says_what_would_be_and_changes_nothing() {
    let bench = Bench::new();
    let (spool, held) = two_held(&bench);
    let release = Change::Release { held: held.clone() };
    let before = bench.reader().status().unwrap();
    let shown = spool.change_blocking(order(release.clone(), Mode::Rehearse)).unwrap();
    assert_eq!(shown, ChangeDone::Released { count: 2 });
    assert_eq!(bench.reader().status().unwrap(), before);
    assert_eq!((*spool.tip().borrow(), bench.metrics.held_rows.get()), (1, 2));
    assert!(bench.reader().audit(10).unwrap().is_empty());
    // What memory learned while it was rehearsed is forgotten too: the occurrences are counted on from the first.
    assert_eq!(made(&spool, release).unwrap(), shown);
    let records = spool.lane("files").unwrap().claim_blocking(Feed::Live, 0, 10).unwrap();
    let numbered: Vec<_> = records.iter().map(|one| (one.sequence(), one.stamp().occurrence)).collect();
    assert_eq!(numbered, [(1, 0), (2, 1), (3, 2)]);
}

#[test]
fn what_was_agreed_to_is_done_or_nothing() {
    let bench = Bench::new();
    let (spool, held) = two_held(&bench);
    let release = Change::Release { held: held.clone() };
    let shown = spool.change_blocking(order(release.clone(), Mode::Rehearse)).unwrap();
    made(&spool, Change::Release { held: vec![held[0]] }).unwrap();
    let late = spool.change_blocking(order(release, Mode::Agreed(shown)));
    assert!(matches!(late, Err(SpoolError::Refused(_))), "{late:?}");
    assert_eq!(bench.reader().held(10).unwrap().len(), 1);
    assert_eq!(bench.reader().audit(10).unwrap().len(), 1, "only the one that was made");
    assert_eq!(bench.metrics.operator_changes.with_label_values(&["release"]).get(), 1);
}

#[test]
fn a_replay_that_was_agreed_to_does_not_grow_with_the_spool() {
    let bench = Bench::new();
    let (spool, _) = two_held(&bench);
    let replay = replay_from("files", 0);
    let shown = spool.change_blocking(order(replay.clone(), Mode::Rehearse)).unwrap();
    sequence(spool.append_blocking(fresh(1)));
    let agreed = order(replay.as_shown(&shown), Mode::Agreed(shown.clone()));
    assert_eq!(spool.change_blocking(agreed).unwrap(), shown);
    assert!(matches!(shown, ChangeDone::ReplayStarted { replay: 1, from: 1, to: 1, .. }), "{shown:?}");
}

#[test]
fn the_audit_tells_who_when_and_what_and_outlives_a_restart() {
    let bench = Bench::new();
    let (spool, held) = two_held(&bench);
    bench.pass(5_000);
    made(&spool, Change::Release { held: vec![held[0]] }).unwrap();
    made(&spool, Change::Requeue { sink: "files".to_owned(), sequences: None }).unwrap();
    assert!(made(&spool, Change::Forget { sink: "files".to_owned() }).is_err(), "it is configured");
    spool.close_blocking();
    bench.open(&[lane("files")]).close_blocking();
    let rows = bench.reader().audit(10).unwrap();
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 1]);
    let first = &rows[1];
    assert_eq!(first.at, Timestamp::from_millis(1_800_000_005_000));
    assert_eq!(first.by.to_string(), "kim on night-desk");
    assert_eq!(first.change, serde_json::json!({ "release": { "held": [held[0]] } }));
    assert_eq!(first.done, serde_json::json!({ "released": { "count": 1 } }));
    assert_eq!(bench.reader().audit(1).unwrap()[0].number, 2, "the latest first");
}

#[test]
fn a_uid_is_the_operating_systems_word() {
    let asked = order(Change::Release { held: Vec::new() }, Mode::Unseen);
    assert_eq!(asked.clone().from_uid(Some(4711)), asked);
    assert_eq!(asked.clone().from_uid(None), asked);
    assert_eq!(asked.from_uid(Some(0)).by.to_string(), "uid 0 on night-desk");
}
