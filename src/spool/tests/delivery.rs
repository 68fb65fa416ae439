//! Lanes: claim, ack, dead letters, requeue, replay, and what a restart remembers.

use super::*;

fn fill(spool: &Spool, from: usize, until: usize) {
    for number in from..until {
        sequence(spool.append_blocking(fresh(number)));
    }
}

fn claim(lane: &LaneHandle, feed: Feed, after: u64, limit: usize) -> Vec<u64> {
    lane.claim_blocking(feed, after, limit).unwrap().iter().map(Record::sequence).collect()
}

fn bury(lane: &LaneHandle, feed: Feed, sequence: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(lane.dead(feed, sequence, "too_large", "the broker said so".to_owned())).unwrap();
}

#[test]
fn claims_ascend_and_leave_out_what_is_acknowledged() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a"), lane("b")]);
    fill(&spool, 0, 10);
    let a = spool.lane("a").unwrap();
    assert_eq!(claim(&a, Feed::Live, 0, 4), [1, 2, 3, 4]);
    assert_eq!(claim(&a, Feed::Live, 4, 100), [5, 6, 7, 8, 9, 10]);
    assert!(claim(&a, Feed::Live, 10, 100).is_empty());
    a.ack_now(Feed::Live, &[1, 3, 4]).unwrap();
    assert_eq!(claim(&a, Feed::Live, 0, 3), [2, 5, 6]);
    let lag = a.lag();
    assert_eq!((lag.depth, lag.cursor), (7, 1));
    assert_eq!(lag.oldest, Some(Timestamp::from_millis(bench.now.load(Ordering::Relaxed))));
    assert_eq!(spool.lane("b").unwrap().lag().depth, 10);
    assert!(spool.lane("c").is_none());
    // What is not there cannot be acknowledged.
    a.ack_now(Feed::Live, &[11, 12]).unwrap();
    fill(&spool, 10, 12);
    assert_eq!(claim(&a, Feed::Live, 10, 100), [11, 12]);
    drain(&a, Feed::Live);
    assert_eq!(a.lag(), Lag { depth: 0, oldest: None, cursor: 12 });
}

#[test]
fn acknowledgements_are_saved_without_further_appends_and_by_closing() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 5);
    let a = spool.lane("a").unwrap();
    a.ack_now(Feed::Live, &[1, 2, 4]).unwrap();
    eventually("saving", || bench.reader().sinks().unwrap()[0].cursor == 2);
    let crashed = bench.crashed();
    let again = crashed.open(&[lane("a")]);
    assert_eq!(claim(&again.lane("a").unwrap(), Feed::Live, 0, 10), [3, 5]);
    a.ack_now(Feed::Live, &[5]).unwrap();
    spool.close_blocking();
    let spool = bench.open(&[lane("a")]);
    assert_eq!(claim(&spool.lane("a").unwrap(), Feed::Live, 0, 10), [3]);
}

#[test]
fn sinks_come_and_go() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 3);
    assert_eq!(drain(&spool.lane("a").unwrap(), Feed::Live), [1, 2, 3]);
    let forget = Change::Forget { sink: "a".to_owned() };
    assert!(matches!(made(&spool, forget.clone()), Err(SpoolError::Refused(_))));
    spool.close_blocking();

    let now = LaneSpec { start: Start::Now, ..lane("now") };
    let spool = bench.open(&[now, lane("oldest")]);
    assert!(claim(&spool.lane("now").unwrap(), Feed::Live, 0, 10).is_empty());
    assert_eq!(claim(&spool.lane("oldest").unwrap(), Feed::Live, 0, 10), [1, 2, 3]);
    let sinks = bench.reader().sinks().unwrap();
    let configured: Vec<_> =
        sinks.iter().map(|one| (one.sink.as_str(), one.configured, one.cursor)).collect();
    assert_eq!(configured, [("a", false, 3), ("now", true, 3), ("oldest", true, 0)]);
    let done = made(&spool, forget.clone()).unwrap();
    assert_eq!(done, ChangeDone::Forgotten { sink: "a".to_owned(), dead_letters: 0 });
    assert!(matches!(made(&spool, forget), Err(SpoolError::UnknownSink { .. })));
}

#[test]
fn dead_letters_are_kept_and_can_be_sent_back() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 4);
    let a = spool.lane("a").unwrap();
    bury(&a, Feed::Live, 1);
    bury(&a, Feed::Live, 3);
    assert_eq!(claim(&a, Feed::Live, 0, 10), [2, 4]);
    assert_eq!((a.lag().depth, a.dead_letters()), (2, 2));
    let crashed = bench.crashed();
    let dead = crashed.reader().dead(Some("a"), 10).unwrap();
    assert_eq!(dead.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((dead[0].code.as_str(), dead[0].reason.as_str()), ("too_large", "the broker said so"));

    let mut feeds = a.feeds();
    assert_eq!(**feeds.borrow_and_update(), [Feed::Live]);
    let requeue = |sequences| Change::Requeue { sink: "a".to_owned(), sequences };
    let requeued = |count| ChangeDone::Requeued { sink: "a".to_owned(), count };
    assert_eq!(made(&spool, requeue(Some(vec![3, 4]))).unwrap(), requeued(1));
    assert!(feeds.has_changed().unwrap());
    assert_eq!(**feeds.borrow_and_update(), [Feed::Live, Feed::Requeued]);
    assert_eq!(claim(&a, Feed::Requeued, 0, 10), [3]);
    bury(&a, Feed::Requeued, 3);
    assert_eq!(**feeds.borrow_and_update(), [Feed::Live]);
    assert_eq!(made(&spool, requeue(None)).unwrap(), requeued(2));
    assert_eq!(drain(&a, Feed::Requeued), [1, 3]);
    assert_eq!(**feeds.borrow_and_update(), [Feed::Live]);
    spool.close_blocking();
    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    assert_eq!((a.dead_letters(), claim(&a, Feed::Requeued, 0, 10)), (0, vec![]));
    assert_eq!(**a.feeds().borrow(), [Feed::Live]);
    let elsewhere = Change::Requeue { sink: "b".to_owned(), sequences: None };
    assert!(matches!(made(&spool, elsewhere), Err(SpoolError::UnknownSink { .. })));
}

#[test]
fn dead_letters_are_counted_once_and_requeued_ones_while_they_wait() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 3);
    let a = spool.lane("a").unwrap();
    for sequence in 1..=3 {
        bury(&a, Feed::Live, sequence);
    }
    let requeue = |sequence| {
        let change = Change::Requeue { sink: "a".to_owned(), sequences: Some(vec![sequence]) };
        made(&spool, change).unwrap();
    };
    requeue(1);
    a.ack_now(Feed::Requeued, &[1]).unwrap();
    // The acknowledgement is not saved yet: the change saves it first.
    requeue(2);
    assert_eq!(drain(&a, Feed::Requeued), [2]);
    assert_eq!(**a.feeds().borrow(), [Feed::Live]);
    let replay = Change::Replay {
        sink: "a".to_owned(),
        from: ReplayFrom::Sequence(3),
        to: None,
        only: Only::default(),
    };
    made(&spool, replay).unwrap();
    bury(&a, Feed::Replay(1), 3);
    assert_eq!(a.dead_letters(), 1);
    assert_eq!(**a.feeds().borrow(), [Feed::Live]);
}

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

#[test]
fn what_is_waited_for_is_not_deleted_for_its_age() {
    let bench = Bench::with(|config| config.retention = Span::from_secs(600));
    let spool = bench.open(&[lane("a"), lane("b")]);
    fill(&spool, 0, 6);
    drain(&spool.lane("a").unwrap(), Feed::Live);
    let b = spool.lane("b").unwrap();
    b.ack_now(Feed::Live, &[1, 2, 3, 5]).unwrap();
    bury(&b, Feed::Live, 4);
    let replay = Change::Replay {
        sink: "a".to_owned(),
        from: ReplayFrom::Sequence(3),
        to: None,
        only: Only::default(),
    };
    made(&spool, replay).unwrap();
    spool.close_blocking();

    bench.pass(700_000);
    let spool = bench.open(&[lane("a"), lane("b")]);
    eventually("deletion", || bench.metrics.spool_records.get() == 4);
    assert_eq!(drain(&spool.lane("a").unwrap(), Feed::Replay(1)), [3, 4, 5, 6]);
    spool.close_blocking();
    let spool = bench.open(&[lane("a"), lane("b")]);
    // 4 is a dead letter, 6 is not published on b.
    eventually("deletion", || bench.metrics.spool_records.get() == 2);
    let b = spool.lane("b").unwrap();
    assert_eq!(drain(&b, Feed::Live), [6]);
    made(&spool, Change::Requeue { sink: "b".to_owned(), sequences: None }).unwrap();
    assert_eq!(drain(&b, Feed::Requeued), [4]);
    spool.close_blocking();
    let _spool = bench.open(&[lane("a"), lane("b")]);
    eventually("deletion", || bench.metrics.spool_records.get() == 0);
}

#[test]
fn a_damaged_cursor_passes_over_nothing() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 6);
    spool.lane("a").unwrap().ack_now(Feed::Live, &[1, 2, 4]).unwrap();
    spool.close_blocking();
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    conn.execute("UPDATE cursors SET low = low | 4", []).unwrap();
    drop(conn);
    let spool = bench.open(&[lane("a")]);
    assert_eq!(drain(&spool.lane("a").unwrap(), Feed::Live), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_damaged_record_becomes_a_dead_letter_and_the_lane_goes_on() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 3);
    spool.close_blocking();
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    conn.execute("UPDATE records SET body = x'00' WHERE sequence = 2", []).unwrap();
    drop(conn);
    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    assert_eq!(drain(&a, Feed::Live), [1, 3]);
    assert_eq!(a.lag().depth, 0);
    assert_eq!(bench.metrics.spool_damaged_records.get(), 1);
    assert_eq!(bench.reader().dead(None, 10).unwrap()[0].code, "damaged");
}

#[test]
fn claims_do_not_reach_too_far_past_an_open_record() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 2);
    let a = spool.lane("a").unwrap();
    let far = cursor::REACH + 10;
    // As if far more had come and been acknowledged.
    spool.shared.tip.send_replace(far);
    spool.shared.lanes[0].ack_gap(Feed::Live, 3, far);
    spool.shared.tip.send_replace(far + 5);
    assert_eq!(claim(&a, Feed::Live, 2, 10), Vec::<u64>::new());
    assert_eq!(a.lag().depth, 2 + 5, "nothing beyond was taken for a gap");
}

#[test]
fn what_a_snapshot_cannot_see_is_no_gap() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 0, 2);
    let a = spool.lane("a").unwrap();
    // As if three more were committed that a reader does not see yet.
    spool.shared.tip.send_replace(5);
    assert_eq!(claim(&a, Feed::Live, 0, 10), [1, 2]);
    assert_eq!(claim(&a, Feed::Live, 2, 10), Vec::<u64>::new());
    assert_eq!(a.lag().depth, 5, "none was passed over");
}

#[test]
fn pages_are_bounded_by_bytes() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    for number in 0..12 {
        sequence(spool.append_blocking(fresh_sized(number, 1 << 20)));
    }
    let a = spool.lane("a").unwrap();
    assert_eq!(claim(&a, Feed::Live, 0, 100).len(), 8);
    assert_eq!(claim(&a, Feed::Live, 8, 100).len(), 4);
}

#[test]
fn sixty_four_writers_share_commits_and_lose_nothing() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut sequences = runtime.block_on(async {
        let writers: Vec<_> = (0..64)
            .map(|writer| {
                let spool = spool.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    for number in 0..20 {
                        mine.push(sequence(spool.append(fresh(writer * 1000 + number)).await));
                    }
                    mine
                })
            })
            .collect();
        let mut all = Vec::new();
        for writer in writers {
            let mine = writer.await.unwrap();
            assert!(mine.is_sorted());
            all.extend(mine);
        }
        all
    });
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=1280).collect::<Vec<_>>());
    assert!(bench.metrics.group_size.get_sample_count() < 1280, "commits are shared");
    let crashed = bench.crashed();
    let again = crashed.open(&[lane("a")]);
    assert_eq!(drain(&again.lane("a").unwrap(), Feed::Live), sequences);
}

#[test]
fn a_full_queue_is_said_at_once() {
    let bench = Bench::with(|config| config.queue = 1);
    let spool = bench.open(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let many: Vec<_> = (0..200).map(|number| spool.append(fresh(number))).collect();
        let results = futures_util::future::join_all(many).await;
        let refused = results.iter().filter(|result| matches!(result, Err(AppendError::Overload))).count();
        assert!(refused > 0);
        let overload = bench.metrics.append_failures.with_label_values(&["overload"]).get();
        assert_eq!(overload, refused as u64);
    });
}

#[test]
fn a_closed_spool_refuses() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    let (other, a) = (spool.clone(), spool.lane("a").unwrap());
    assert!(other.health().writable);
    spool.close_blocking();
    assert_eq!(other.append_blocking(fresh(1)), Err(AppendError::Closed));
    assert!(!other.health().writable);
    assert!(matches!(a.claim_blocking(Feed::Live, 0, 1), Ok(page) if page.is_empty()));
    assert!(matches!(a.ack_now(Feed::Live, &[1]), Err(SpoolError::Closed)));
    assert!(!bench.file("spool.db-wal").exists(), "a clean close leaves no log");
    bench.open(&[lane("a")]);
}

#[test]
fn dead_letters_are_given_up_and_their_records_stay() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a"), lane("b")]);
    fill(&spool, 0, 3);
    let a = spool.lane("a").unwrap();
    for sequence in [1, 2, 3] {
        bury(&a, Feed::Live, sequence);
    }
    let discard =
        |sink: &str, sequences| made(&spool, Change::DiscardDead { sink: sink.to_owned(), sequences });
    let given_up = |count| ChangeDone::DiscardedDead { sink: "a".to_owned(), count };
    assert!(matches!(discard("a", Some(vec![1, 4])), Err(SpoolError::Refused(_))));
    assert!(matches!(discard("b", Some(vec![1])), Err(SpoolError::Refused(_))));
    assert!(matches!(discard("nobody", None), Err(SpoolError::UnknownSink { .. })));
    assert_eq!(a.dead_letters(), 3);
    assert_eq!(discard("a", Some(vec![2])).unwrap(), given_up(1));
    assert_eq!((a.dead_letters(), bench.reader().dead_letter("a", 2).unwrap()), (2, None));
    assert_eq!(bench.reader().dead_letter("a", 3).unwrap().unwrap().reason, "the broker said so");
    assert_eq!(discard("a", None).unwrap(), given_up(2));
    assert_eq!((a.dead_letters(), bench.reader().status().unwrap().records), (0, 3));
    assert_eq!(a.lag(), Lag { depth: 0, oldest: None, cursor: 3 });
    assert!(!a.feeds().borrow().contains(&Feed::Requeued));
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
