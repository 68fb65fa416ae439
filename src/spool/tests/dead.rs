//! Dead letters: kept, counted, sent back, given up.

use super::*;

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
    made(&spool, replay_from("a", 3)).unwrap();
    bury(&a, Feed::Replay(1), 3);
    assert_eq!(a.dead_letters(), 1);
    assert_eq!(**a.feeds().borrow(), [Feed::Live]);
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
