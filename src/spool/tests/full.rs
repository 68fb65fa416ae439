//! A full spool and a full disk.

use super::*;

fn small() -> Bench {
    Bench::with(|config| config.max_size = Size::from_mib(1))
}

/// Appends until the spool is full; how many there were.
fn fill_up(spool: &Spool) -> u64 {
    for number in 0..2000 {
        match spool.append_blocking(fresh_sized(number, 20_000)) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, AppendError::Full);
                return number as u64;
            }
        }
    }
    panic!("it never was full");
}

#[test]
fn at_the_cap_callbacks_are_refused_and_taken_again_once_sinks_have_published() {
    let bench = small();
    let spool = bench.open(&[lane("a")]);
    let count = fill_up(&spool);
    assert!(count > 10);
    let health = spool.health();
    assert!(!health.writable && health.bytes <= health.cap, "{health:?}");
    assert_eq!(spool.append_blocking(fresh(9999)), Err(AppendError::Full));
    // It does not flap: trouble is looked at every 50 ms here.
    let begun = Instant::now();
    while begun.elapsed().as_millis() < 300 {
        assert!(!spool.health().writable);
        std::thread::yield_now();
    }
    // Readiness comes back without any callback.
    let a = spool.lane("a").unwrap();
    assert_eq!(drain(&a, Feed::Live), (1..=count).collect::<Vec<_>>());
    eventually("room", || spool.health().writable);
    assert_eq!(sequence(spool.append_blocking(fresh(9999))), count + 1);
    assert!(bench.metrics.spool_deleted.with_label_values(&["space"]).get() > 0);
}

#[test]
fn with_sinks_that_keep_up_the_oldest_go_and_nothing_is_refused() {
    let bench = small();
    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    for number in 0..300 {
        let sequence = sequence(spool.append_blocking(fresh_sized(number, 20_000)));
        a.ack_now(Feed::Live, &[sequence]).unwrap();
    }
    assert_eq!(a.lag().depth, 0);
    let status = bench.reader().status().unwrap();
    assert!(status.bytes <= status.cap && status.records < 100 && status.first > Some(200), "{status:?}");
    assert_eq!(status.fingerprints, 300, "what decides about retries stays");
}

#[test]
fn a_dead_side_sink_does_not_stop_the_ingress() {
    let bench = small();
    let side = LaneSpec { required: false, ..lane("side") };
    let spool = bench.open(&[lane("a"), side]);
    let a = spool.lane("a").unwrap();
    for number in 0..200 {
        let sequence = sequence(spool.append_blocking(fresh_sized(number, 20_000)));
        a.ack_now(Feed::Live, &[sequence]).unwrap();
    }
    let side = spool.lane("side").unwrap();
    let skipped = bench.metrics.spool_deleted.with_label_values(&["skipped"]).get();
    assert!(skipped > 0);
    assert_eq!(side.lag().depth, 200 - skipped);
    let rest = drain(&side, Feed::Live);
    assert_eq!(rest, (skipped + 1..=200).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_stops_appends_but_not_acknowledgements() {
    let bench = Bench::with(|config| config.reserve = Size::from_kib(64));
    let spool = bench.open(&[lane("a")]);
    for number in 0..50 {
        sequence(spool.append_blocking(fresh_sized(number, 20_000)));
    }
    spool.close_blocking();
    // The database may not grow any more: SQLite says SQLITE_FULL, as on a full disk.
    let mut opened = open::open(&bench.config, &[lane("a")], Timestamp::now()).unwrap();
    let pages: i64 = opened.conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    opened.conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    opened.clock_jumped = true;
    let shared = Arc::new(Shared {
        readers: Readers::new(&opened.paths.db),
        health: Health::new(bench.config.max_size.bytes()),
        tip: watch::Sender::new(opened.state.tip()),
        lanes: opened.lanes.clone(),
        paths: opened.paths.clone(),
        config: bench.config.clone(),
        woken: AtomicBool::new(false),
        metrics: bench.metrics.clone(),
        world: bench.world(),
    });
    let jobs = writer::start(shared.clone(), opened).unwrap();
    let spool = Spool { shared, jobs };

    assert_eq!(spool.append_blocking(fresh_sized(100, 200_000)), Err(AppendError::DiskFull));
    assert_eq!(*spool.tip().borrow(), 50);
    let a = spool.lane("a").unwrap();
    drain(&a, Feed::Live);
    eventually("saving", || bench.reader().sinks().unwrap()[0].cursor == 50);
    // The reserve can be made again, so callbacks are tried again.
    eventually("going on", || spool.health().writable);
    assert!(bench.file("reserve").exists());
    assert_eq!(table(&bench.config.path, "SELECT count(*) FROM records"), 50, "nothing of the batch is left");
    assert_eq!(table(&bench.config.path, "SELECT next FROM state"), 51);
}

#[test]
fn appends_end_before_the_disk_does() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    let a = spool.lane("a").unwrap();
    for number in 0..20 {
        sequence(spool.append_blocking(fresh_sized(number, 50_000)));
    }
    // Enough for an acknowledgement; not for another batch beside what the log has still to write.
    bench.available.store(300 << 10, Ordering::Relaxed);
    assert_eq!(spool.append_blocking(fresh(100)), Err(AppendError::DiskFull));
    a.ack_now(Feed::Live, &[1]).unwrap();
    eventually("saving", || bench.reader().sinks().unwrap()[0].cursor == 1);
    assert!(!spool.health().writable);
    // What sinks have published makes room inside the spool's own files.
    drain(&a, Feed::Live);
    eventually("room inside", || spool.health().writable);
    assert_eq!(sequence(spool.append_blocking(fresh(100))), 21);
    assert!(bench.metrics.spool_deleted.with_label_values(&["space"]).get() > 0);
}

#[test]
fn when_the_disk_has_room_again_appends_go_on() {
    let bench = Bench::with(|config| config.reserve = Size::from_kib(64));
    let spool = bench.open(&[lane("a")]);
    for number in 0..20 {
        sequence(spool.append_blocking(fresh_sized(number, 50_000)));
    }
    bench.available.store(0, Ordering::Relaxed);
    assert_eq!(spool.append_blocking(fresh(100)), Err(AppendError::DiskFull));
    assert!(spool.health().reason.unwrap().contains("disk"));
    bench.available.store(1 << 30, Ordering::Relaxed);
    eventually("room on the disk", || spool.health().writable);
    assert_eq!(sequence(spool.append_blocking(fresh(100))), 21);
}

#[test]
fn the_log_stays_near_its_limit_under_a_load_that_never_rests() {
    let limit = Size::from_kib(512);
    let bench = Bench::with(|config| config.wal_limit = limit);
    let spool = bench.open(&[]);
    let log = bench.file("spool.db-wal");
    let mut written = 0;
    for number in 0..400 {
        sequence(spool.append_blocking(fresh_sized(number, 20_000)));
        written += 20_000;
        let size = std::fs::metadata(&log).unwrap().len();
        assert!(size < 2 * limit.bytes(), "{size} bytes of log after {written} bytes of bodies");
    }
    assert!(written > 10 * limit.bytes(), "enough to grow past the limit many times");
    spool.close_blocking();
}
