//! Damage is found and named; a backup is a spool.

use super::*;

fn ranges(ranges: &[(u64, u64)]) -> Vec<Range> {
    ranges.iter().map(|&(first, last)| Range { first, last }).collect()
}

/// Ten records, none of them published.
fn filled(bench: &Bench) -> Spool {
    let spool = bench.open(&[lane("a")]);
    for number in 0..10 {
        sequence(spool.append_blocking(fresh(number)));
    }
    spool
}

fn tamper(bench: &Bench, sql: &str) {
    rusqlite::Connection::open(bench.file("spool.db")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_good_spool_is_good_while_it_is_used_and_after() {
    let bench = Bench::new();
    let spool = filled(&bench);
    let good = Verified { good_records: 10, high_water: HighWaterFound::Good, ..Verified::default() };
    assert_eq!(bench.reader().verify().unwrap(), good);
    // What retention deleted is not lost.
    drain(&spool.lane("a").unwrap(), Feed::Live);
    spool.close_blocking();
    tamper(&bench, "DELETE FROM records WHERE sequence < 4");
    let found = bench.reader().verify().unwrap();
    assert!(found.is_good() && found.good_records == 7, "{found:?}");
}

#[test]
fn damaged_and_lost_records_are_named_in_ranges() {
    let bench = Bench::new();
    let spool = filled(&bench);
    let a = spool.lane("a").unwrap();
    a.ack_now(Feed::Live, &[1, 2]).unwrap();
    spool.close_blocking();
    tamper(
        &bench,
        "UPDATE records SET body = x'00' WHERE sequence IN (4, 5, 9);
         DELETE FROM records WHERE sequence IN (1, 2, 7); DELETE FROM records WHERE sequence = 10;",
    );
    let found = bench.reader().verify().unwrap();
    assert_eq!(found.damaged, ranges(&[(4, 5), (9, 9)]));
    assert_eq!(found.lost, ranges(&[(7, 7), (10, 10)]));
    assert_eq!((found.good_records, found.is_good()), (3, false));
    // What is known to be lost is told by the status.
    tamper(&bench, "INSERT INTO missing VALUES (7, 7, 0, NULL), (10, 10, 0, NULL)");
    assert_eq!(bench.reader().verify().unwrap().lost, []);
}

#[test]
fn the_mark_is_held_against_what_is_there() {
    let bench = Bench::new();
    filled(&bench).close_blocking();
    let marked = || bench.reader().verify().unwrap().high_water;
    assert_eq!(marked(), HighWaterFound::Good);
    tamper(&bench, "UPDATE records SET checksum = checksum + 1 WHERE sequence = 10");
    assert_eq!(marked(), HighWaterFound::OtherRecord { sequence: 10 });
    tamper(&bench, "DELETE FROM records WHERE sequence = 10; UPDATE state SET next = 10");
    assert_eq!(marked(), HighWaterFound::Ahead { acknowledged: 10, tip: 9 });
    std::fs::remove_file(bench.file("high-water")).unwrap();
    assert_eq!(marked(), HighWaterFound::None);
}

#[test]
fn a_page_that_the_disk_garbled_is_found() {
    let bench = Bench::new();
    let spool = bench.open(&[lane("a")]);
    for number in 0..200 {
        sequence(spool.append_blocking(fresh_sized(number, 2_000)));
    }
    spool.close_blocking();
    let mut bytes = std::fs::read(bench.file("spool.db")).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    std::fs::write(bench.file("spool.db"), bytes).unwrap();
    let found = bench.reader().verify().unwrap();
    assert!(!found.pages.is_empty() && !found.is_good(), "{found:?}");
}

#[test]
fn a_backup_is_a_spool_of_its_own_that_goes_on_from_there() {
    let bench = Bench::new();
    let spool = filled(&bench);
    let copy = Bench::with(|config| config.path = bench.dir.path().join("deep").join("copy"));
    let at = copy.config.path.clone();
    let reader = bench.reader().backup(&at).unwrap();
    sequence(spool.append_blocking(fresh(11)));
    assert!(reader.verify().unwrap().is_good());
    assert_eq!((reader.tip().unwrap(), reader.verify().unwrap().high_water), (10, HighWaterFound::Good));
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&at), mode(&at.join("spool.db")), mode(&at.join("high-water"))), (0o700, 0o600, 0o600));
    drop(reader);
    // What came in is known there as well, in the notes as in the tables.
    let again = copy.open(&[lane("a")]);
    let known = again.append_blocking(fresh(3)).unwrap();
    assert!(matches!(known, Outcome::Duplicate { held: false, .. }), "{known:?}");
    assert_eq!(sequence(again.append_blocking(fresh(12))), 11);
    assert!(matches!(bench.reader().backup(&at), Err(BackupError::Exists(_))), "never over another");
}

#[test]
fn a_damaged_note_of_the_ledger_is_found_and_shown_by_a_gauge() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    for number in 0..3 {
        sequence(spool.append_blocking(fresh(number)));
    }
    spool.close_blocking();
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    conn.execute("UPDATE notes SET entries = zeroblob(length(entries)) WHERE number = 2", []).unwrap();
    drop(conn);
    let found = bench.reader().verify().unwrap();
    assert_eq!((found.damaged_notes, found.good_records, found.is_good()), (1, 3, false));
    let mut out = Vec::new();
    let exported = bench.reader().export(&mut out).unwrap();
    assert_eq!((exported.damaged_notes, exported.is_whole()), (1, false));
    assert_eq!(bench.metrics.spool_damaged_notes.get(), 0);
    let spool = bench.open(&[]);
    assert_eq!(bench.metrics.spool_damaged_notes.get(), 1);
    // What is intact is known.
    assert!(matches!(spool.append_blocking(fresh(0)).unwrap(), Outcome::Duplicate { .. }));
}
