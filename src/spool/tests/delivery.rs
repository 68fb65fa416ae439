//! Lanes: claim, ack, gaps, and what a restart remembers.

use super::*;

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
fn what_is_waited_for_is_not_deleted_for_its_age() {
    let bench = Bench::with(|config| config.retention = Span::from_secs(600));
    let spool = bench.open(&[lane("a"), lane("b")]);
    fill(&spool, 0, 6);
    drain(&spool.lane("a").unwrap(), Feed::Live);
    let b = spool.lane("b").unwrap();
    b.ack_now(Feed::Live, &[1, 2, 3, 5]).unwrap();
    bury(&b, Feed::Live, 4);
    made(&spool, replay_from("a", 3)).unwrap();
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
