//! What one spool holds, taken into another.

use super::*;
use crate::event::Transition;
use crate::spool::exchange::{ExchangeError, Line, read};

pub(super) fn exported(bench: &Bench) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(bench.reader().export(&mut out).unwrap().is_whole());
    out
}

pub(super) fn lines(file: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    read(Path::new("export"), file, |line| {
        lines.push(line);
        Ok::<_, ExchangeError>(())
    })
    .unwrap();
    lines
}

pub(super) fn import(spool: &Spool, lines: Vec<Line>) -> Adopted {
    let step = ImportStep::Lines(lines);
    match made(spool, Change::Import { sha256: "f".to_owned(), step }).unwrap() {
        ChangeDone::Imported(adopted) => adopted,
        other => panic!("{other:?}"),
    }
}

/// What an import of the file would come to.
fn rehearsed(bench: &Bench, file: &[u8], lanes: &[&str]) -> Adopted {
    let reader = bench.reader();
    let lanes = lanes.iter().map(|&lane| lane.to_owned()).collect();
    let mut rehearsal = reader.rehearse_import(&bench.config, lanes).unwrap();
    lines(file).iter().for_each(|line| rehearsal.see(line).unwrap());
    rehearsal.adopted()
}

fn one(entity: &str, status: Status, content: &str) -> NormalizedCallback {
    callback(entity, status, content, &[content])
}

fn send(spool: &Spool, entity: &str, status: Status, content: &str) -> Outcome {
    spool.append_blocking(one(entity, status, content)).unwrap()
}

fn ids(lane: &LaneHandle) -> Vec<EventId> {
    let records = lane.claim_blocking(Feed::Live, 0, 100).unwrap();
    records.iter().map(|record| record.id().clone()).collect()
}

fn id(content: &str, occurrence: u32) -> EventId {
    EventId::new(&hash(content), occurrence)
}

#[test]
fn each_sink_gets_what_it_had_not_got_and_nothing_twice() {
    let there = Bench::new();
    let spool = there.open(&[lane("a"), lane("b")]);
    for content in ["1", "2", "3", "4"] {
        send(&spool, "B1", Status::Created, content);
    }
    spool.lane("a").unwrap().ack_now(Feed::Live, &[1, 2, 4]).unwrap();
    spool.lane("b").unwrap().ack_now(Feed::Live, &[1]).unwrap();
    spool.close_blocking();
    let file = exported(&there);

    let here = Bench::new();
    let spool = here.open(&[lane("a"), lane("b"), lane("c")]);
    send(&spool, "B9", Status::Created, "own");
    let would = rehearsed(&here, &file, &["a", "b", "c"]);
    let adopted = import(&spool, lines(&file));
    assert_eq!(adopted, would);
    assert_eq!((adopted.records, adopted.signatures, adopted.contents, adopted.entities), (4, 4, 0, 1));
    let due = [("a", 1), ("b", 3), ("c", 4)].map(|(sink, count)| (sink.to_owned(), count));
    assert_eq!(adopted.to_publish, due.into());
    assert_eq!(*spool.tip().borrow(), 5);
    // Also after a crash at this moment: the cursors are in the transaction of the records.
    let crashed = here.crashed();
    let again = crashed.open(&[lane("a"), lane("b"), lane("c")]);
    for spool in [&spool, &again] {
        let lane = |name| ids(&spool.lane(name).unwrap());
        assert_eq!(lane("a"), [id("own", 0), id("3", 0)]);
        assert_eq!(lane("b"), [id("own", 0), id("2", 0), id("3", 0), id("4", 0)]);
        assert_eq!(lane("c"), [id("own", 0), id("1", 0), id("2", 0), id("3", 0), id("4", 0)]);
        assert_eq!(spool.lane("a").unwrap().lag().depth, 2);
    }
    assert!(crashed.reader().verify().unwrap().is_good());
}

#[test]
fn a_second_time_nothing_changes_and_neither_does_a_spool_by_its_own_export() {
    let there = Bench::new();
    let spool = there.open(&[lane("a")]);
    for (entity, status) in [("B1", Status::Created), ("B1", Status::Registered), ("B2", Status::Rejected)] {
        send(&spool, entity, status, &format!("{entity} {status}"));
    }
    for signature in ["s1", "s2"] {
        spool.append_blocking(callback("B2", Status::Rejected, "B2 rejected", &[signature])).unwrap();
    }
    // The signature came with other content first.
    spool.append_blocking(callback("B3", Status::Created, "forged", &["s1"])).unwrap();
    let file = exported(&there);
    let here = Bench::new();
    let other = here.open(&[lane("a")]);
    let adopted = import(&other, lines(&file));
    assert_eq!((adopted.records, adopted.held, adopted.quarantined, adopted.known), (3, 2, 1, 3));
    for (bench, spool) in [(&here, &other), (&there, &spool)] {
        let before = bench.reader().status().unwrap();
        let again = import(spool, lines(&file));
        let nothing =
            Adopted { known: again.known, to_publish: again.to_publish.clone(), ..Adopted::default() };
        assert_eq!((&again, again.known), (&nothing, lines(&file).len() as u64));
        let after = bench.reader().status().unwrap();
        assert_eq!(
            (after.tip, after.signatures, after.fingerprints),
            (before.tip, before.signatures, before.fingerprints)
        );
        assert_eq!(
            (after.entities, after.held, after.quarantine),
            (before.entities, before.held, before.quarantine)
        );
    }
}

#[test]
fn the_event_stays_what_it_was() {
    let there = Bench::new();
    let spool = there.open(&[lane("a")]);
    send(&spool, "B1", Status::Created, "1");
    there.pass(1_000);
    send(&spool, "B1", Status::Registered, "2");
    let here = Bench::new();
    here.pass(3_600_000);
    let other = here.open(&[lane("a")]);
    send(&other, "B1", Status::Rejected, "own");
    import(&other, lines(&exported(&there)));
    let json = |spool: &Spool, content: &str| {
        let records = spool.lane("a").unwrap().claim_blocking(Feed::Live, 0, 9).unwrap();
        let record = records.iter().find(|record| *record.id() == id(content, 0)).unwrap();
        let mut event = serde_json::to_value(record.event()).unwrap();
        (event["sequence"].take(), event)
    };
    for content in ["1", "2"] {
        let ((there, event), (here, adopted)) = (json(&spool, content), json(&other, content));
        assert_eq!(event, adopted);
        assert_ne!(there, here);
    }
}

#[test]
fn retries_and_repeats_are_known_here_as_they_were_there() {
    let there = Bench::new();
    let spool = there.open(&[lane("a")]);
    send(&spool, "B1", Status::Created, "c");
    there.pass(3_600_000);
    spool.append_blocking(callback("B1", Status::Created, "c", &["later"])).unwrap();
    let here = Bench::new();
    here.pass(3_600_000 + 479_000);
    let other = here.open(&[lane("a")]);
    import(&other, lines(&exported(&there)));
    // The same signature, a new one within the window of the second occurrence, the first one's signature with other content.
    let again = |spool: &Spool, content: &str, signature: &str| {
        spool.append_blocking(callback("B1", Status::Created, content, &[signature])).unwrap()
    };
    let duplicate = |held| Outcome::Duplicate { id: id("c", 1), held, after_change: false };
    assert_eq!(again(&other, "c", "later"), duplicate(false));
    assert_eq!(again(&other, "c", "new"), duplicate(true));
    assert_eq!(again(&other, "other", "c"), Outcome::Quarantined { id: id("c", 0), kept: true });
    here.pass(1_000);
    assert_eq!(again(&other, "c", "third"), Outcome::Accepted { id: id("c", 2), sequence: 3, occurrence: 2 });
}

#[test]
fn what_both_were_told_stays_one_event_and_the_later_word_stands() {
    let there = Bench::new();
    let spool = there.open(&[lane("a")]);
    send(&spool, "B1", Status::Created, "both");
    there.pass(60_000);
    send(&spool, "B1", Status::Registered, "later");
    send(&spool, "B2", Status::Created, "B2");

    let here = Bench::new();
    let other = here.open(&[lane("a")]);
    send(&other, "B1", Status::Created, "both");
    here.pass(120_000);
    send(&other, "B2", Status::Registered, "B2 too");
    let adopted = import(&other, lines(&exported(&there)));
    // Known: the record that both have, its signature and content, the other contents, and B2, which stands later here.
    assert_eq!((adopted.records, adopted.entities, adopted.known), (2, 1, 1 + 1 + 3 + 1));
    assert_eq!(ids(&other.lane("a").unwrap()), [id("both", 0), id("B2 too", 0), id("later", 0), id("B2", 0)]);
    // In memory, and as read back from disk.
    let crashed = here.crashed();
    for spool in [other, crashed.open(&[lane("a")])] {
        send(&spool, "B1", Status::Registered, "B1 again");
        send(&spool, "B2", Status::Registered, "B2 again");
        let records = spool.lane("a").unwrap().claim_blocking(Feed::Live, 0, 9).unwrap();
        for record in &records[4..] {
            assert_eq!(record.stamp().previous_status, Some(Status::Registered));
            assert_eq!(record.stamp().transition, Some(Transition::Repeated));
        }
        assert_eq!(records.len(), 6);
    }
}

#[test]
fn revisions_and_dead_letters_come_along() {
    let there = Bench::new();
    let spool = there.open(&[lane("a")]);
    let mut strange = one("B1", Status::Created, "strange");
    strange.facts = Facts::default();
    sequence(spool.append_blocking(strange));
    send(&spool, "B2", Status::Created, "2");
    let facts = one("B1", Status::Created, "").facts;
    made(&spool, Change::Renormalize { revisions: vec![Revision { sequence: 1, facts }] }).unwrap();
    let (job, answer) = (spool.lane("a").unwrap(), |lane: LaneHandle| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(lane.dead(Feed::Live, 2, "too_large", "no".to_owned())).unwrap();
    });
    answer(job);
    spool.lane("a").unwrap().ack_now(Feed::Live, &[1]).unwrap();
    spool.close_blocking();
    let file = exported(&there);
    let here = Bench::new();
    let other = here.open(&[lane("a"), lane("b")]);
    let adopted = import(&other, lines(&file));
    assert_eq!((adopted.records, adopted.dead_letters), (3, 1));
    let a = other.lane("a").unwrap();
    let left = a.claim_blocking(Feed::Live, 0, 9).unwrap();
    assert_eq!(left.iter().map(|record| record.stamp().revision).collect::<Vec<_>>(), [1]);
    assert_eq!((a.dead_letters(), other.lane("b").unwrap().dead_letters()), (1, 0));
    assert_eq!(here.reader().dead(Some("a"), 9).unwrap()[0].reason, "no");
    assert_eq!(import(&other, lines(&file)).records, 0);
    // What a revision has superseded is not normalized again.
    let filter = EventFilter { unplaced: true, ..EventFilter::default() };
    assert!(here.reader().events(&filter, 0, 9).unwrap().is_empty());
    // A chain of three: what came here from there is known by the next as well.
    let third = Bench::new();
    let next = third.open(&[lane("a")]);
    assert_eq!(import(&next, lines(&file)).records, 3);
    assert_eq!(import(&next, lines(&exported(&here))).records, 0);
}

#[test]
fn an_import_that_broke_off_goes_on_wherever_that_was() {
    let there = Bench::new();
    let spool = there.open(&[lane("a")]);
    for number in 0..6 {
        sequence(spool.append_blocking(fresh(number)));
    }
    spool.append_blocking(callback("B1", Status::Created, "fresh 1", &["s1"])).unwrap();
    spool.append_blocking(callback("B1", Status::Created, "fresh 1", &["s2"])).unwrap();
    spool.lane("a").unwrap().ack_now(Feed::Live, &[2, 3]).unwrap();
    spool.close_blocking();
    let file = exported(&there);
    let all = lines(&file);
    for cut in 0..=all.len() {
        let here = Bench::new();
        let first = here.open(&[lane("a")]);
        import(&first, all[..cut].to_vec());
        let crashed = here.crashed();
        let again = crashed.open(&[lane("a")]);
        import(&again, all.clone());
        let expected = [0, 3, 4, 5].map(|number| id(&format!("fresh {number}"), 0));
        assert_eq!(ids(&again.lane("a").unwrap()), expected, "{cut}");
        let status = crashed.reader().status().unwrap();
        assert_eq!((status.records, status.tip, status.held), (6, 6, 2), "{cut}");
        assert_eq!((status.signatures, status.fingerprints, status.entities), (8, 6, 6), "{cut}");
        assert_eq!(
            index::rows(&readers::open_for_reading(&crashed.file("spool.db")).unwrap()).unwrap(),
            [8, 6, 6]
        );
    }
}

#[test]
fn a_file_is_remembered_by_its_checksum_once_it_is_through() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    let step = |step| made(&spool, Change::Import { sha256: "abc".to_owned(), step }).unwrap();
    step(ImportStep::Begin);
    step(ImportStep::Lines(Vec::new()));
    assert!(!bench.reader().has_import("abc").unwrap());
    let done = Adopted { records: 7, ..Adopted::default() };
    step(ImportStep::End(done.clone()));
    assert!(bench.reader().has_import("abc").unwrap() && !bench.reader().has_import("ab").unwrap());
    let rows = bench.reader().audit(9).unwrap();
    let steps: Vec<_> = rows.iter().map(|row| row.change["import"]["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["end", "begin"]);
    assert_eq!(rows[0].done["imported"]["records"], 7);
    assert_eq!(bench.metrics.operator_changes.with_label_values(&["import"]).get(), 2);
}

#[test]
fn a_full_spool_takes_in_no_more_than_callbacks() {
    let there = Bench::new();
    let spool = there.open(&[lane("a")]);
    for number in 0..40 {
        sequence(spool.append_blocking(fresh_sized(number, 40_000)));
    }
    let here = Bench::with(|config| config.max_size = Size::from_mib(1));
    let other = here.open(&[lane("a")]);
    let mut taken = 0;
    let refused = lines(&exported(&there)).into_iter().find_map(|line| {
        let step = ImportStep::Lines(vec![line]);
        match made(&other, Change::Import { sha256: "f".to_owned(), step }) {
            Ok(ChangeDone::Imported(adopted)) => {
                taken += adopted.records;
                None
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => Some(error.to_string()),
        }
    });
    assert!(refused.unwrap().contains("spool.max_size"));
    assert!((10..30).contains(&taken), "{taken}");
    assert!(here.reader().status().unwrap().bytes <= 1 << 20);
}

#[test]
fn a_damaged_record_is_left_out_and_named() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    for content in ["1", "2", "3"] {
        send(&spool, "B1", Status::Created, content);
    }
    spool.close_blocking();
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    conn.execute("UPDATE records SET body = x'00' WHERE sequence = 2", []).unwrap();
    drop(conn);
    let mut out = Vec::new();
    let done = bench.reader().export(&mut out).unwrap();
    assert_eq!((done.records, done.is_whole()), (2, false));
    assert_eq!(done.damaged, [Range { first: 2, last: 2 }]);
    assert!(lines(&out).len() > 2);
}
