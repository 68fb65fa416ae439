//! What a crash, a torn write or a lying disk leaves, and what is made of it.

use std::fs;

use super::*;

const FRAME: usize = 4096 + 24;

fn fill(spool: &Spool, count: usize) {
    for number in 0..count {
        sequence(spool.append_blocking(fresh(number)));
    }
}

fn log(bench: &Bench) -> Vec<u8> {
    fs::read(bench.file("spool.db-wal")).unwrap()
}

fn copies(bench: &Bench) -> usize {
    let names = fs::read_dir(&bench.config.path).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains("damaged")).count()
}

#[test]
fn what_was_answered_is_there_after_a_crash_and_the_shared_memory_is_not_needed() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    for number in 0..20 {
        sequence(spool.append_blocking(fresh(number)));
        let crashed = bench.crashed();
        if number % 2 == 0 {
            fs::remove_file(crashed.file("spool.db-shm")).unwrap();
        }
        let again = crashed.open(&[lane("a")]);
        let expected: Vec<u64> = (1..=number as u64 + 1).collect();
        assert_eq!(drain(&again.lane("a").unwrap(), Feed::Live), expected);
        assert_eq!(sequence(again.append_blocking(fresh(1000))), number as u64 + 2);
        assert_eq!(crashed.reader().status().unwrap().missing, []);
        assert_eq!(copies(&crashed), 0);
    }
}

#[test]
fn an_unfinished_write_after_the_last_answer_is_no_loss() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 5);
    let crashed = bench.crashed();
    let mut bytes = log(&crashed);
    // A frame of the current round whose page did not make it.
    let mut torn = bytes[bytes.len() - FRAME..].to_vec();
    torn[100..].fill(0);
    bytes.extend(torn);
    fs::write(crashed.file("spool.db-wal"), bytes).unwrap();
    let again = crashed.open(&[lane("a")]);
    assert_eq!(drain(&again.lane("a").unwrap(), Feed::Live), [1, 2, 3, 4, 5]);
    assert_eq!((copies(&crashed), crashed.reader().status().unwrap().missing.len()), (0, 0));
}

#[test]
fn a_cut_log_is_said_loudly_and_no_number_is_given_twice() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 10);
    let crashed = bench.crashed();
    let bytes = log(&crashed);
    fs::write(crashed.file("spool.db-wal"), &bytes[..bytes.len() - FRAME]).unwrap();
    let again = crashed.open(&[lane("a")]);
    let a = again.lane("a").unwrap();
    assert_eq!(sequence(again.append_blocking(fresh(100))), 11);
    let missing = crashed.reader().status().unwrap().missing;
    assert_eq!((missing[0].first, missing[0].last), (10, 10));
    let copy = missing[0].log_copy.as_ref().unwrap();
    assert_eq!(fs::read(copy).unwrap().len(), bytes.len() - FRAME);
    // The lane passes over the hole.
    assert_eq!(drain(&a, Feed::Live), [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
    assert_eq!(a.lag(), Lag { depth: 0, oldest: None, cursor: 11 });
    again.close_blocking();
    let again = crashed.open(&[lane("a")]);
    assert_eq!(again.lane("a").unwrap().lag().depth, 0);
    assert_eq!(crashed.reader().status().unwrap().missing.len(), 1);
}

#[test]
fn a_garbled_log_is_put_aside_whole() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 10);
    for (at, lost) in [(32 + FRAME + 200, true), (5, true)] {
        let crashed = bench.crashed();
        let mut bytes = log(&crashed);
        bytes[at] ^= 0x55;
        fs::write(crashed.file("spool.db-wal"), &bytes).unwrap();
        let again = crashed.open(&[lane("a")]);
        let missing = crashed.reader().status().unwrap().missing;
        assert_eq!(!missing.is_empty(), lost);
        assert_eq!(missing[0].last, 10);
        assert_eq!(fs::read(missing[0].log_copy.as_ref().unwrap()).unwrap(), bytes);
        assert_eq!(sequence(again.append_blocking(fresh(100))), 11);
    }
}

#[test]
fn without_its_mark_damage_is_still_noticed() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    fill(&spool, 10);
    for torn in [&b"torn"[..], &[]] {
        let crashed = bench.crashed();
        fs::write(crashed.file("high-water"), torn).unwrap();
        crashed.open(&[]).close_blocking();
        assert_eq!(copies(&crashed), 0, "a torn mark is no error");

        let crashed = bench.crashed();
        fs::write(crashed.file("high-water"), torn).unwrap();
        let mut bytes = log(&crashed);
        bytes[32 + 3 * FRAME + 50] ^= 1;
        fs::write(crashed.file("spool.db-wal"), &bytes).unwrap();
        crashed.open(&[]).close_blocking();
        assert_eq!(copies(&crashed), 1);
    }
}

#[test]
fn a_lost_database_does_not_begin_its_numbers_anew() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    fill(&spool, 4);
    let crashed = bench.crashed();
    fs::remove_file(crashed.file("spool.db")).unwrap();
    let again = crashed.open(&[lane("a")]);
    assert_eq!(sequence(again.append_blocking(fresh(100))), 5);
    assert_eq!(copies(&crashed), 1);
    assert_eq!(drain(&again.lane("a").unwrap(), Feed::Live), [5]);
}

#[test]
fn poison_refuses_until_the_files_prove_good() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    fill(&spool, 3);
    let a = spool.lane("a").unwrap();
    a.ack_now(Feed::Live, &[1]).unwrap();
    // A reader that holds an old snapshot is in the way of the proof.
    let reader = readers::open_for_reading(&bench.file("spool.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM state").unwrap();
    spool.shared.health.report_trouble(health::Trouble::Poisoned("as if fsync had failed".to_owned()));
    assert!(!spool.health().writable);
    assert_eq!(spool.append_blocking(fresh(10)), Err(AppendError::Poisoned));
    assert_eq!(bench.metrics.spool_poisoned.get(), 1);
    let change = Change::Requeue { sink: "a".to_owned(), sequences: None };
    assert!(matches!(made(&spool, change), Err(SpoolError::Poisoned)));
    drop(reader);
    eventually("recovery", || spool.health().writable);
    assert_eq!((bench.metrics.spool_poisoned.get(), bench.metrics.spool_recoveries.get()), (0, 1));
    assert_eq!(sequence(spool.append_blocking(fresh(10))), 4);
    // What was acknowledged and not saved is not published again.
    assert_eq!(drain(&a, Feed::Live), [2, 3, 4]);
}
