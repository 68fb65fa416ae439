//! Files that are not ours, that are damaged, or that are in use: refused in words, and never touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn refused(bench: &Bench) -> OpenError {
    match bench.try_open(&[]) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

/// Puts `bytes` where the database would be, and sees that they stay.
fn stays_untouched(bytes: &[u8]) -> OpenError {
    let bench = Bench::new();
    fs::create_dir(&bench.config.path).unwrap();
    fs::write(bench.file("spool.db"), bytes).unwrap();
    let error = refused(&bench);
    assert_eq!(fs::read(bench.file("spool.db")).unwrap(), bytes, "{error}");
    let read = SpoolReader::open(&bench.config.path).unwrap_err();
    assert_eq!(read.code(), error.code());
    error
}

#[test]
fn foreign_files_are_named_and_left_alone() {
    for bytes in [&b"not a database, but of some length, so that it is read as one"[..], b"", &[0; 8192]] {
        let error = stays_untouched(bytes);
        assert_eq!(error.code(), "foreign");
        assert!(error.to_string().contains("spool.db is not a spool of tendlc-relay"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let error = stays_untouched(&fs::read(path).unwrap());
    assert!(error.to_string().contains("application id 0x0"), "{error}");
}

#[test]
fn a_database_that_is_cut_short_does_not_cost_its_log() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    sequence(spool.append_blocking(fresh(1)));
    let crashed = bench.crashed();
    let log = fs::read(crashed.file("spool.db-wal")).unwrap();
    let database = fs::read(crashed.file("spool.db")).unwrap();
    for length in [1, 40, 99, 100, 511] {
        fs::write(crashed.file("spool.db"), &database[..length]).unwrap();
        assert_eq!(crashed.try_open(&[]).err().unwrap().code(), "foreign");
        assert_eq!(SpoolReader::open(&crashed.config.path).err().unwrap().code(), "foreign");
        assert!(fs::read(crashed.file("spool.db-wal")).unwrap() == log, "cut to {length}");
    }
}

#[test]
fn a_damaged_header_is_refused() {
    let bench = Bench::new();
    bench.open(&[]).close_blocking();
    let mut bytes = fs::read(bench.file("spool.db")).unwrap();
    bytes[..16].fill(0xff);
    assert_eq!(stays_untouched(&bytes).code(), "foreign");
    // The schema's page: the header is good, the rest is not.
    let mut bytes = fs::read(bench.file("spool.db")).unwrap();
    bytes[100..4096].fill(0xff);
    assert_eq!(stays_untouched(&bytes).code(), "damaged");
}

/// SQLite understands it all the same, and says only later that there is no such column.
#[test]
fn a_table_that_is_described_otherwise_is_refused() {
    let bench = Bench::new();
    bench.open(&[]).close_blocking();
    let mut bytes = fs::read(bench.file("spool.db")).unwrap();
    // What is left over in the page of descriptions that were replaced as well.
    let words: Vec<usize> =
        (0..bytes.len() - 10).filter(|at| bytes[*at..].starts_with(b"facts TEXT")).collect();
    assert!(!words.is_empty());
    words.into_iter().for_each(|at| bytes[at] ^= 2);
    let error = stays_untouched(&bytes);
    assert_eq!(error.code(), "damaged");
    assert!(error.to_string().contains("is not described as it was made"), "{error}");
}

#[test]
fn only_a_file_that_says_so_is_too_new() {
    let bench = Bench::new();
    bench.open(&[]).close_blocking();
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    // A later minor release wrote it.
    conn.pragma_update(None, "user_version", 7).unwrap();
    conn.execute_batch("CREATE TABLE later (x)").unwrap();
    drop(conn);
    bench.open(&[]).close_blocking();
    assert_eq!(bench.reader().status().unwrap().format, 7);
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    schema::set_meta(&conn, "min_reader", 6).unwrap();
    drop(conn);
    let error = refused(&bench);
    assert!(matches!(error, OpenError::TooNew { min_reader: 6, ours: 5, .. }), "{error}");
}

#[test]
fn a_spool_of_format_1_is_brought_up_and_no_older_program_opens_it_any_more() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    sequence(spool.append_blocking(callback("B1", Status::Created, "c", &["s"])));
    spool.close_blocking();
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    // As format 1 had it: everything in the tables, no notes.
    conn.execute_batch(
        "DROP TABLE notes; DROP TABLE audit; DROP TABLE superseded; ALTER TABLE replays DROP COLUMN filter; PRAGMA user_version = 1",
    )
    .unwrap();
    conn.execute("INSERT INTO signatures VALUES (?1, ?2, 0, 0)", (hash("s"), hash("c"))).unwrap();
    conn.execute("INSERT INTO fingerprints VALUES (?1, 0, 1800000000000, 1)", [hash("c")]).unwrap();
    schema::set_meta(&conn, "min_reader", 1).unwrap();
    drop(conn);
    assert!(bench.reader().status().is_ok());
    assert!(bench.reader().audit(10).unwrap().is_empty(), "read before it is brought up");
    let spool = bench.open(&[]);
    let again = spool.append_blocking(callback("B1", Status::Created, "c", &["s"])).unwrap();
    assert!(matches!(again, Outcome::Duplicate { held: false, .. }), "{again:?}");
    assert_eq!(sequence(spool.append_blocking(fresh(2))), 2);
    spool.close_blocking();
    assert_eq!(bench.reader().status().unwrap().format, 5);
    let conn = rusqlite::Connection::open(bench.file("spool.db")).unwrap();
    assert_eq!(schema::meta(&conn, "min_reader").unwrap(), Some(2));
}

#[test]
fn one_process_at_a_time() {
    let bench = Bench::new();
    let spool = bench.open(&[]);
    assert!(matches!(refused(&bench), OpenError::Locked { .. }));
    spool.close_blocking();
    let spool = bench.open(&[]);
    // Also when it was not closed by name.
    drop(spool);
    eventually("letting go of the lock", || bench.try_open(&[]).is_ok());
}

#[test]
fn files_are_private() {
    let bench = Bench::with(|config| config.reserve = Size::from_kib(64));
    let spool = bench.open(&[]);
    sequence(spool.append_blocking(fresh(1)));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.config.path), 0o700);
    for name in ["spool.db", "spool.db-wal", "spool.db-shm", "lock", "high-water", "reserve"] {
        assert_eq!(mode(&bench.file(name)), 0o600, "{name}");
    }
    assert_eq!(fs::metadata(bench.file("reserve")).unwrap().len(), 64 << 10);
}

#[test]
fn a_crash_while_it_is_made_leaves_nothing_in_the_way() {
    let bench = Bench::new();
    fs::create_dir(&bench.config.path).unwrap();
    fs::write(bench.file("spool.db.new"), b"half").unwrap();
    fs::write(bench.file("spool.db.new-wal"), b"half").unwrap();
    bench.open(&[]).close_blocking();
    assert!(!bench.file("spool.db.new").exists());
}
