//! Reading from another process.

use super::*;

#[test]
fn lists_by_filter_while_the_relay_runs_and_when_it_is_stopped() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    let send = |entity: &str, status, content: &str| {
        bench.pass(1000);
        sequence(spool.append_blocking(callback(entity, status, content, &[content])));
    };
    send("B1", Status::Created, "one");
    send("B2", Status::Created, "two");
    send("B1", Status::Registered, "three");
    let mut unplaced = callback("B9", Status::Created, "four", &["four"]);
    unplaced.facts = Facts::default();
    sequence(spool.append_blocking(unplaced));

    let check = || {
        let reader = bench.reader();
        let list = |filter: EventFilter| -> Vec<u64> {
            reader.events(&filter, 0, 10).unwrap().iter().map(Record::sequence).collect()
        };
        let all = EventFilter::default;
        assert_eq!(list(all()), [1, 2, 3, 4]);
        assert_eq!(list(EventFilter { entity: Some("B1".to_owned()), ..all() }), [1, 3]);
        assert_eq!(list(EventFilter { status: Some(Status::Registered), ..all() }), [3]);
        assert_eq!(list(EventFilter { endpoint: Some(Endpoint::Brand), ..all() }), [1, 2, 3]);
        assert_eq!(list(EventFilter { endpoint: Some(Endpoint::Campaign), ..all() }), Vec::<u64>::new());
        assert_eq!(list(EventFilter { unrecognized: true, ..all() }), [4]);
        let second = reader.event(2).unwrap().unwrap().received_at();
        assert_eq!(list(EventFilter { since: Some(second), ..all() }), [2, 3, 4]);
        assert_eq!(list(EventFilter { until: Some(second), ..all() }), [1]);
        let since_b1 = EventFilter { since: Some(second), entity: Some("B1".to_owned()), ..all() };
        assert_eq!(list(since_b1), [3]);
        let sequences = |records: Vec<Record>| records.iter().map(Record::sequence).collect::<Vec<_>>();
        assert_eq!(sequences(reader.latest(&all(), 2).unwrap()), [3, 4]);
        assert_eq!(sequences(reader.events(&all(), 2, 1).unwrap()), [3]);
        assert_eq!(reader.tip().unwrap(), 4);
        assert_eq!(reader.sinks().unwrap()[0].depth, 4);
    };
    check();
    spool.close_blocking();
    check();
    // Reading leaves nothing that is in the way of the relay.
    bench.open(&[lane("a")]).close_blocking();
    check();
}

#[test]
fn a_reader_of_a_crashed_spool_leaves_its_log_alone() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    for number in 0..5 {
        sequence(spool.append_blocking(fresh(number)));
    }
    let crashed = bench.crashed();
    let before = std::fs::read(crashed.file("spool.db-wal")).unwrap();
    assert_eq!(crashed.reader().tip().unwrap(), 5);
    assert_eq!(std::fs::read(crashed.file("spool.db-wal")).unwrap(), before);
    let again = crashed.open(&[lane("a")]);
    assert_eq!(drain(&again.lane("a").unwrap(), Feed::Live), [1, 2, 3, 4, 5]);
}

#[test]
fn where_there_is_no_spool_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = SpoolReader::open(dir.path()).unwrap_err();
    assert_eq!(error.code(), "missing");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "and makes nothing");
}

#[test]
fn gauges_of_lanes_are_set_when_asked_for() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    sequence(spool.append_blocking(fresh(1)));
    bench.pass(2_500);
    sequence(spool.append_blocking(fresh(2)));
    spool.observe();
    assert_eq!(bench.metrics.depth.with_label_values(&["a"]).get(), 2);
    assert!((bench.metrics.lag_seconds.with_label_values(&["a"]).get() - 2.5).abs() < 1e-9);
    drain(&spool.lane("a").unwrap(), Feed::Live);
    spool.observe();
    assert_eq!(bench.metrics.depth.with_label_values(&["a"]).get(), 0);
    assert_eq!(bench.metrics.lag_seconds.with_label_values(&["a"]).get(), 0.0);
    assert_eq!(bench.metrics.ledger_rows.with_label_values(&["signatures"]).get(), 2);
}
