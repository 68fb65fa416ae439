//! Replays: of all records and of some, and what a restart remembers of them.

use super::*;

#[test]
fn a_replay_has_a_cursor_of_its_own_that_outlives_a_restart() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    for number in 0..6 {
        bench.pass(1000);
        sequence(spool.append_blocking(fresh(number)));
    }
    let a = spool.lane("a").unwrap();
    drain(&a, Feed::Live);
    let third = Timestamp::from_millis(bench.now.load(Ordering::Relaxed) - 3000);
    let replay = |from, to| Change::Replay { sink: "a".to_owned(), from, to, only: Only::default() };
    let started = |replay, from, to| ChangeDone::ReplayStarted {
        sink: "a".to_owned(),
        replay,
        from,
        to,
        only: Only::default(),
    };
    let done = made(&spool, replay(ReplayFrom::Time(third), None)).unwrap();
    assert_eq!(done, started(1, 3, 6));
    let done = made(&spool, replay(ReplayFrom::Sequence(0), Some(ReplayTo::Sequence(2)))).unwrap();
    assert_eq!(done, started(2, 1, 2));
    let late = Timestamp::from_millis(bench.now.load(Ordering::Relaxed) + 1);
    for from in [ReplayFrom::Sequence(7), ReplayFrom::Time(late)] {
        assert!(matches!(made(&spool, replay(from, None)), Err(SpoolError::Refused(_))));
    }
    sequence(spool.append_blocking(fresh(7)));
    assert_eq!(claim(&a, Feed::Replay(1), 0, 10), [3, 4, 5, 6]);
    a.ack_now(Feed::Replay(1), &[3, 5]).unwrap();
    assert_eq!(drain(&a, Feed::Replay(2)), [1, 2]);
    assert_eq!(a.lag().depth, 1, "a replay does not count");
    spool.close_blocking();

    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    assert_eq!(**a.feeds().borrow(), [Feed::Live, Feed::Replay(1)]);
    assert_eq!(drain(&a, Feed::Replay(1)), [4, 6]);
    assert_eq!(**a.feeds().borrow(), [Feed::Live]);
    spool.close_blocking();
    assert_eq!(bench.reader().sinks().unwrap()[0].replays, []);
}

/// A spool with records of four brands, in turn, and one that could not be placed at the end.
fn of_four_brands(bench: &Bench, count: usize) -> Spool {
    let spool = bench.open(&[lane("a")]);
    for number in 0..count {
        let name = number.to_string();
        bench.pass(1000);
        let one = callback(&format!("B{}", number % 4), Status::Created, &name, &[&name]);
        sequence(spool.append_blocking(one));
    }
    let mut unplaced = callback("B0", Status::Created, "unplaced", &["unplaced"]);
    unplaced.facts = Facts::default();
    sequence(spool.append_blocking(unplaced));
    drain(&spool.lane("a").unwrap(), Feed::Live);
    spool
}

fn replay_only(spool: &Spool, only: Only, to: Option<ReplayTo>) -> ChangeDone {
    let from = ReplayFrom::Sequence(1);
    made(spool, Change::Replay { sink: "a".to_owned(), from, to, only }).unwrap()
}

#[test]
fn a_replay_of_some_records_passes_over_the_others_also_after_a_restart() {
    let bench = Bench::new();
    let spool = of_four_brands(&bench, 12);
    let b2 = Only { entity: Some("B2".to_owned()), ..Only::default() };
    let done = replay_only(&spool, b2.clone(), None);
    assert!(
        matches!(&done, ChangeDone::ReplayStarted { from: 1, to: 13, only, .. } if *only == b2),
        "{done:?}"
    );
    let a = spool.lane("a").unwrap();
    assert_eq!(claim(&a, Feed::Replay(1), 0, 2), [3, 7]);
    a.ack_now(Feed::Replay(1), &[3]).unwrap();
    let kept = || bench.reader().sinks().unwrap()[0].replays[0].clone();
    assert_eq!(kept().only, b2);
    // Up to the record that is open all is done: those that are not wanted too.
    eventually("saving", || kept().depth == 7);
    spool.close_blocking();
    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    assert_eq!(drain(&a, Feed::Replay(1)), [7, 11]);
    eventually("the end of the replay", || bench.reader().sinks().unwrap()[0].replays.is_empty());
    assert_eq!(**a.feeds().borrow(), [Feed::Live]);
}

#[test]
fn a_replay_is_bounded_by_time_and_by_endpoint() {
    let bench = Bench::new();
    let spool = of_four_brands(&bench, 6);
    let a = spool.lane("a").unwrap();
    let kind = |word: &str| Only { endpoint: Some(word.parse().unwrap()), ..Only::default() };
    replay_only(&spool, kind("unrecognized"), None);
    assert_eq!(drain(&a, Feed::Replay(1)), [7]);
    let third = bench.reader().event(3).unwrap().unwrap().received_at();
    replay_only(&spool, kind("brand"), Some(ReplayTo::Time(third)));
    assert_eq!(drain(&a, Feed::Replay(2)), [1, 2]);
    replay_only(&spool, kind("campaign"), None);
    assert!(drain(&a, Feed::Replay(3)).is_empty());
    eventually("the end of all replays", || **a.feeds().borrow() == [Feed::Live]);
}

#[test]
fn one_claim_looks_past_any_number_of_records_that_are_not_wanted() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    // A range wider than one look reaches, with next to nothing in it.
    spool.shared.tip.send_replace(0);
    fill(&spool, 0, 1);
    drain(&a, Feed::Live);
    let far = 3 * crate::spool::cursor::REACH;
    spool.close_blocking();
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    conn.execute("UPDATE state SET next = ?1", [far]).unwrap();
    drop(conn);
    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    drain(&a, Feed::Live);
    let wanted = callback("BFAR", Status::Created, "far", &["far"]);
    assert_eq!(sequence(spool.append_blocking(wanted)), far);
    let far_one = Only { entity: Some("BFAR".to_owned()), ..Only::default() };
    replay_only(&spool, far_one, None);
    assert_eq!(claim(&a, Feed::Replay(1), 0, 10), [far]);
}
