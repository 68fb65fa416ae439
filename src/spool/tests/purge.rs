//! What is purged is gone from every byte of the spool's files; what it was known by stays.

use std::fs;

use super::*;
use crate::event::Transition;

const ID: &str = "BRAND-OF-SOMEBODY";
const BODY: &str = "what-somebody-wrote";

/// The files of the spool that hold this text.
fn holding(bench: &Bench, text: &str) -> Vec<String> {
    let files = fs::read_dir(&bench.config.path).unwrap().map(|entry| entry.unwrap());
    let hold = files.filter(|file| {
        let bytes = fs::read(file.path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    });
    hold.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

fn purging(bench: &Bench, whose: Whose, unpublished: bool) -> (Purge, PurgePlan) {
    let until = bench.reader().tip().unwrap();
    let purge = Purge { whose, until, unpublished };
    let plan = bench.reader().plan_purge(&purge).unwrap();
    (purge, plan)
}

fn step(spool: &Spool, purge: &Purge, step: PurgeStep) -> Result<Purged, SpoolError> {
    match made(spool, Change::Purge { purge: purge.clone(), step })? {
        ChangeDone::Purged(purged) => Ok(purged),
        other => panic!("{other:?}"),
    }
}

fn purge(spool: &Spool, (purge, plan): (Purge, PurgePlan)) -> Result<Purged, SpoolError> {
    step(spool, &purge, PurgeStep::Begin)?;
    let purged = step(spool, &purge, PurgeStep::Rows(plan.rows))?;
    step(spool, &purge, PurgeStep::Notes(plan.notes))?;
    step(spool, &purge, PurgeStep::End(plan.audit, purged))
}

fn compact(spool: &Spool) -> Compacted {
    match made(spool, Change::Compact { serving: true }).unwrap() {
        ChangeDone::Compacted(compacted) => compacted,
        other => panic!("{other:?}"),
    }
}

/// About somebody, with what they wrote.
fn about(status: Status, content: &str, signature: &str) -> NormalizedCallback {
    let mut one = callback(ID, status, content, &[signature]);
    one.request.body = Bytes::from(format!("{{\"{content}\":\"{BODY}\"}}"));
    one
}

/// A spool in which somebody stands everywhere, among many others.
fn crowded(bench: &Bench) -> Spool {
    let spool = bench.open(&[lane("a")]);
    for number in 0..300 {
        let entity = format!("B{:05}", number * 7919 % 10_007);
        let name = format!("other {number}");
        sequence(spool.append_blocking(callback(&entity, Status::Created, &name, &[&name])));
        match number {
            50 => drop(spool.append_blocking(about(Status::Created, "first", "s1")).unwrap()),
            150 => drop(spool.append_blocking(about(Status::Registered, "second", "s2")).unwrap()),
            // Held back, and in quarantine.
            151 => drop(spool.append_blocking(about(Status::Registered, "second", "s3")).unwrap()),
            152 => drop(spool.append_blocking(about(Status::Rejected, "forged", "s2")).unwrap()),
            // Another one's campaign that names the brand.
            200 => {
                let mut one = callback("", Status::Created, "campaign", &["s4"]);
                one.facts.endpoint = Some(Endpoint::Campaign);
                one.facts.campaign_id = Some("C1".to_owned());
                one.facts.brand_id = Some(ID.to_owned());
                sequence(spool.append_blocking(one));
            }
            _ => {}
        }
    }
    let only = Only { entity: Some(ID.to_owned()), ..Only::default() };
    let from = ReplayFrom::Sequence(1);
    made(&spool, Change::Replay { sink: "a".to_owned(), from, to: None, only }).unwrap();
    drain(&spool.lane("a").unwrap(), Feed::Replay(1));
    drain(&spool.lane("a").unwrap(), Feed::Live);
    // Saves what was acknowledged.
    made(&spool, Change::Requeue { sink: "a".to_owned(), sequences: None }).unwrap();
    spool
}

#[test]
fn nothing_of_an_entity_is_left_but_hashes() {
    let bench = Bench::new();
    let spool = crowded(&bench);
    for text in [ID, BODY] {
        assert!(!holding(&bench, text).is_empty());
    }
    let purged = purge(&spool, purging(&bench, Whose::Entity(ID.to_owned()), false)).unwrap();
    assert_eq!(purged, Purged { records: 3, held: 1, quarantined: 1, entities: 1 });
    // Overwritten where it was, before the file is written anew.
    assert_eq!(holding(&bench, BODY), Vec::<String>::new());
    compact(&spool);
    for text in [ID, BODY] {
        assert_eq!(holding(&bench, text), Vec::<String>::new(), "{text}");
    }
    let status = bench.reader().status().unwrap();
    assert_eq!((status.records, status.held, status.quarantine, status.entities), (300, 0, 0, 301));
    assert!(bench.reader().verify().unwrap().is_good());
    let audit = serde_json::to_string(&bench.reader().audit(99).unwrap()).unwrap();
    assert!(
        audit.contains(&crate::spool::purge::hashed(ID)) && audit.contains("\"step\":\"end\""),
        "{audit}"
    );
    // Retries of what was purged, before and after a start.
    let crashed = bench.crashed();
    let again = crashed.open(&[lane("a")]);
    for (bench, spool) in [(&bench, spool), (&crashed, again)] {
        let id = EventId::new(&hash("first"), 0);
        let told = spool.append_blocking(about(Status::Created, "first", "s1")).unwrap();
        assert_eq!(told, Outcome::Duplicate { id: id.clone(), held: false, after_change: false });
        let told = spool.append_blocking(about(Status::Created, "first", "s9")).unwrap();
        assert_eq!(told, Outcome::Duplicate { id, held: true, after_change: false });
        let told = spool.append_blocking(callback("B2", Status::Created, "tampered", &["s1"])).unwrap();
        assert!(matches!(told, Outcome::Quarantined { .. }));
        // Nothing is known of how it stood; of others it is.
        sequence(spool.append_blocking(callback(ID, Status::Created, "new", &["new"])));
        sequence(spool.append_blocking(callback("B00000", Status::Created, "newer", &["newer"])));
        let transitions: Vec<_> = bench
            .reader()
            .latest(&EventFilter::default(), 2)
            .unwrap()
            .iter()
            .map(|record| record.stamp().transition.unwrap())
            .collect();
        assert_eq!(transitions, [Transition::First, Transition::Repeated]);
        let conn = readers::open_for_reading(&bench.file("spool.db")).unwrap();
        let status = bench.reader().status().unwrap();
        assert_eq!(index::rows(&conn).unwrap(), [status.signatures, status.fingerprints, status.entities]);
    }
}

#[test]
fn a_purge_that_broke_off_goes_on() {
    let bench = Bench::new();
    let spool = crowded(&bench);
    for steps in 0..4 {
        let (what, plan) = purging(&bench, Whose::Entity(ID.to_owned()), false);
        let rows = PurgeStep::Rows(plan.rows);
        for one in [PurgeStep::Begin, rows, PurgeStep::Notes(plan.notes)].into_iter().take(steps) {
            step(&spool, &what, one).unwrap();
        }
        let crashed = bench.crashed();
        let again = crashed.open(&[lane("a")]);
        purge(&again, purging(&crashed, Whose::Entity(ID.to_owned()), false)).unwrap();
        compact(&again);
        for text in [ID, BODY] {
            assert_eq!(holding(&crashed, text), Vec::<String>::new(), "{text} after {steps} steps");
        }
        let status = crashed.reader().status().unwrap();
        assert_eq!((status.records, status.held, status.quarantine, status.entities), (300, 0, 0, 301));
    }
}

#[test]
fn what_a_sink_has_not_got_goes_only_when_that_is_said() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a"), lane("b")]);
    for number in 0..4 {
        sequence(spool.append_blocking(about(Status::Created, &format!("{number}"), &format!("s{number}"))));
    }
    drain(&spool.lane("a").unwrap(), Feed::Live);
    spool.lane("b").unwrap().ack_now(Feed::Live, &[1, 3]).unwrap();
    made(&spool, Change::Requeue { sink: "a".to_owned(), sequences: None }).unwrap();
    let before = bench.reader().status().unwrap().records;
    let (one, plan) = purging(&bench, Whose::Entity(ID.to_owned()), false);
    assert_eq!((plan.counts().records, plan.unpublished), (4, 2));
    let refused = purge(&spool, (one, plan)).unwrap_err().to_string();
    assert!(refused.contains("record 2") && refused.contains("--unpublished"), "{refused}");
    assert_eq!(bench.reader().status().unwrap().records, before);
    assert_eq!(purge(&spool, purging(&bench, Whose::Entity(ID.to_owned()), true)).unwrap().records, 4);
    assert_eq!(spool.lane("b").unwrap().lag().depth, 0);
    assert!(bench.reader().verify().unwrap().is_good());
    assert_eq!(sequence(spool.append_blocking(fresh(1))), 5);
    let crashed = bench.crashed();
    assert_eq!(drain(&crashed.open(&[lane("a"), lane("b")]).lane("b").unwrap(), Feed::Live), [5]);
}

#[test]
fn a_hole_above_a_cursor_is_no_loss() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    sequence(spool.append_blocking(fresh(1)));
    sequence(spool.append_blocking(about(Status::Created, "c", "s")));
    spool.lane("a").unwrap().ack_now(Feed::Live, &[2]).unwrap();
    purge(&spool, purging(&bench, Whose::Entity(ID.to_owned()), false)).unwrap();
    assert!(bench.reader().verify().unwrap().is_good());
    assert_eq!(drain(&spool.lane("a").unwrap(), Feed::Live), [1]);
}

#[test]
fn an_account_and_what_is_old_go_the_same_way() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    let of = |auth_id: &str, content: &str| {
        let mut one = callback("B1", Status::Created, content, &[content]);
        one.verdict.auth_id = auth_id.to_owned();
        one
    };
    for (auth_id, content) in [("MA1", "1"), ("MA2", "2"), ("MA1", "3")] {
        bench.pass(1_000);
        sequence(spool.append_blocking(of(auth_id, content)));
    }
    drain(&spool.lane("a").unwrap(), Feed::Live);
    let purged = purge(&spool, purging(&bench, Whose::Account("MA1".to_owned()), false)).unwrap();
    assert_eq!(purged, Purged { records: 2, entities: 1, ..Purged::default() });
    let left = bench.reader().events(&EventFilter::default(), 0, 9).unwrap();
    assert_eq!(left.iter().map(Record::sequence).collect::<Vec<_>>(), [2]);
    compact(&spool);
    bench.pass(1_000);
    let moment = Timestamp::from_millis(bench.now.load(Ordering::Relaxed));
    sequence(spool.append_blocking(of("MA3", "4")));
    drain(&spool.lane("a").unwrap(), Feed::Live);
    let purged = purge(&spool, purging(&bench, Whose::Before(moment), false)).unwrap();
    assert_eq!(purged, Purged { records: 1, entities: 1, ..Purged::default() });
    compact(&spool);
    assert_eq!(holding(&bench, "MA2"), Vec::<String>::new());
    assert!(!holding(&bench, "MA3").is_empty());
}

#[test]
fn compacting_gives_room_back_and_changes_nothing_else() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    for number in 0..100 {
        sequence(spool.append_blocking(fresh_sized(number, 20_000)));
    }
    drain(&spool.lane("a").unwrap(), Feed::Live);
    purge(&spool, purging(&bench, Whose::Entity("B3".to_owned()), false)).unwrap();
    let (status, events) = (
        |bench: &Bench| {
            let status = bench.reader().status().unwrap();
            (status.records, status.tip, status.signatures, status.fingerprints, status.entities)
        },
        |bench: &Bench| bench.reader().events(&EventFilter::default(), 0, 200).unwrap(),
    );
    let before = (status(&bench), events(&bench));
    let shown = spool.change_blocking(order(Change::Compact { serving: true }, Mode::Rehearse)).unwrap();
    let ChangeDone::Compacted(would) = shown else { panic!("{shown:?}") };
    assert!(would.gain() > 14 * 20_000, "{would:?}");
    let done = compact(&spool);
    assert!(done.before == would.before && done.after <= would.after, "{done:?} {would:?}");
    assert_eq!((status(&bench), events(&bench)), before);
    assert_eq!(fs::metadata(bench.file("spool.db")).unwrap().len(), done.after);
    assert!(fs::metadata(bench.file("spool.db-wal")).unwrap().len() < 100_000);
    assert!(bench.reader().verify().unwrap().is_good());
    assert_eq!(sequence(spool.append_blocking(fresh(1000))), 101);
    let crashed = bench.crashed();
    let again = crashed.open(&[lane("a")]);
    assert_eq!(crashed.reader().status().unwrap().missing, []);
    assert_eq!(drain(&again.lane("a").unwrap(), Feed::Live), [101]);
    assert_eq!(bench.reader().audit(1).unwrap()[0].done["compacted"]["after"], done.after);
}

#[test]
fn a_disk_without_room_for_it_is_left_alone() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    bench.available.store(1 << 20, Ordering::Relaxed);
    let refused = made(&spool, Change::Compact { serving: true }).unwrap_err().to_string();
    assert!(refused.contains("there are 1048576"), "{refused}");
    assert!(bench.reader().audit(1).unwrap().is_empty());
}
