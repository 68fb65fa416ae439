//! Bits that flip, files that are cut short, files that are somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::dice::dice;
use super::report::{say, size};
use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::{Home, Relay};
use crate::support::wait::until;

const NAMES: [&str; 3] = ["spool.db", "spool.db-wal", "high-water"];

/// The files of a spool, as a kill left them.
type Files = BTreeMap<&'static str, Vec<u8>>;

/// A spool with records that are published, and records that are not: in the database, and in its log only.
struct Base {
    files: Files,
    /// The events that are still to be published, by their numbers.
    owed: BTreeMap<u64, Value>,
    /// Those that were published before.
    done: BTreeSet<u64>,
}

fn config(dir: &str) -> String {
    Config::new()
        .spool("reserve = \"64KiB\"")
        .tables(&format!("[sinks.files]\ntype = \"file\"\ndir = \"{dir}\""))
        .text()
}

fn sequence(event: &Value) -> u64 {
    event["sequence"].as_str().unwrap().parse().unwrap()
}

impl Base {
    /// `end` ends the relay that wrote them last.
    fn new(end: fn(Relay)) -> Self {
        let home = Home::new(&config("events"));
        let relay = home.start();
        send(&relay, 40);
        relay.drained();
        relay.stop();
        let done = files::events(&home.events()).iter().map(sequence).collect();
        home.write("relay.toml", &config("/proc/nowhere"));
        let relay = home.start();
        send(&relay, 40);
        relay.stop();
        let relay = home.start();
        send(&relay, 40);
        end(relay);
        // One that ended in good order has no log.
        let read = |name| Some((name, std::fs::read(home.path("spool").join(name)).ok()?));
        let mut base =
            Base { files: NAMES.into_iter().filter_map(read).collect(), owed: BTreeMap::new(), done };
        let (home, relay) = base.start(&base.files);
        relay.unwrap().drained();
        base.owed =
            files::events(&home.events()).into_iter().map(|event| (sequence(&event), event)).collect();
        assert_eq!((base.done.len(), base.owed.len()), (40, 80));
        base
    }

    /// Starts a relay on these files, or answers what it said.
    fn start(&self, files: &Files) -> (Home, Result<Relay, String>) {
        let home = Home::new(&config("events"));
        std::fs::create_dir(home.path("spool")).unwrap();
        for (name, bytes) in files {
            std::fs::write(home.path("spool").join(name), bytes).unwrap();
        }
        let relay = home.try_start();
        (home, relay)
    }

    /// What a relay makes of these files: in a word, or what is wrong with that.
    fn judge(&self, files: &Files) -> Result<&'static str, String> {
        let (home, relay) = self.start(files);
        let relay = match relay {
            Ok(relay) => relay,
            Err(said) => return refused(&home, files, &said),
        };
        // Served, or said to be impossible.
        let gave_up = until("an end", || {
            let log = &relay.process.log;
            let broken = ["malformed", "cannot be claimed"].iter().any(|word| log.contains(word));
            (broken || relay.metrics().sum("tendlc_depth", &[]) == 0.0).then_some(broken)
        });
        let answer = relay.send(&Callback::new("brand", "created"));
        if !matches!(answer.status, 200 | 503) {
            return Err(format!("{answer:?}"));
        }
        if !gave_up && answer.status == 200 {
            relay.drained();
        }
        let published = files::events(&home.events());
        let own = (answer.status == 200).then(|| answer.text("id"));
        let mut seen = BTreeSet::new();
        for event in &published {
            let number = sequence(event);
            if Some(event["id"].as_str().unwrap()) == own.as_deref() {
                if self.owed.contains_key(&number) || self.done.contains(&number) {
                    return Err(format!("number {number} is given twice"));
                }
                continue;
            }
            // A lost cursor publishes again what was published before.
            if !self.done.contains(&number) && self.owed.get(&number) != Some(event) {
                return Err(format!("published as if good: {event}"));
            }
            seen.insert(number);
        }
        let missing: BTreeSet<u64> =
            self.owed.keys().copied().filter(|number| !seen.contains(number)).collect();
        if missing.is_empty() {
            return Ok("harmless");
        }
        if gave_up {
            return Ok("said to be malformed, the rest served");
        }
        let named = named(&home);
        let unnamed: Vec<u64> = missing.difference(&named).copied().collect();
        if unnamed.is_empty() {
            return Ok("named with its range, the rest served");
        }
        Err(format!("{unnamed:?} are missing, and nobody said so:\n{}", relay.process.log.tail()))
    }
}

fn send(relay: &Relay, count: usize) {
    for number in 0..count {
        relay.accept(&Callback::new("brand", "created").param("padding", &"p".repeat(number * 20)));
    }
}

/// A relay that does not start names the file, and leaves all as it was.
fn refused(home: &Home, files: &Files, said: &str) -> Result<&'static str, String> {
    if !said.contains("spool") {
        return Err(format!("refused without the file's name: {said}"));
    }
    for (name, bytes) in files {
        let path = home.path("spool").join(name);
        let copies = std::fs::read_dir(home.path("spool")).unwrap().map(|entry| entry.unwrap().path());
        let copied = copies
            .filter(|copy| copy.to_string_lossy().contains("damaged"))
            .any(|copy| std::fs::read(copy).unwrap() == *bytes);
        if std::fs::read(&path).unwrap_or_default() != *bytes && !copied {
            return Err(format!("{name} was changed by a relay that refused it: {said}"));
        }
    }
    Ok("refused by name, untouched")
}

/// The numbers that the relay says it has lost, or has set apart.
fn named(home: &Home) -> BTreeSet<u64> {
    let status = home.run(&["spool", "status", "--json"]).json_lines().remove(0);
    let dead = home.run(&["dead", "list", "--sink", "files", "--json"]).json_lines();
    let ranges = status["missing"].as_array().unwrap().iter();
    let lost = ranges.flat_map(|one| one["first"].as_u64().unwrap()..=one["last"].as_u64().unwrap());
    lost.chain(dead.iter().map(|one| one["sequence"].as_u64().unwrap())).collect()
}

#[test]
fn a_flipped_bit_is_harmless_or_told() {
    let (base, mut dice) = (Base::new(Relay::kill), dice("flips"));
    let times = size(80, 1000);
    flip(&base, "flips", times, || {
        let name = NAMES[[0, 0, 0, 0, 0, 1, 1, 1, 1, 2][dice.usize(..10)]];
        (name, dice.usize(..base.files[name].len()), dice.u8(..8))
    });
}

/// Where a bit weighs most: the pages that say what the next number is, and what each sink has published.
#[test]
fn a_flipped_bit_in_what_is_counted_on_is_harmless_or_told() {
    let (base, mut dice) = (Base::new(Relay::stop), dice("flips in small tables"));
    let database = &base.files["spool.db"];
    let tables = ["state", "state", "cursors", "cursors", "meta", "sqlite_schema"].map(|table| {
        let bytes = pages_of(database, table).filter(|at| database[*at] != 0);
        bytes.collect::<Vec<usize>>()
    });
    flip(&base, "flips in small tables", size(40, 500), || {
        let bytes = &tables[dice.usize(..tables.len())];
        ("spool.db", bytes[dice.usize(..bytes.len())], dice.u8(..8))
    });
}

/// Flips so many bits, each in files that were whole before.
fn flip(base: &Base, what: &str, times: usize, mut choose: impl FnMut() -> (&'static str, usize, u8)) {
    let (mut outcomes, mut wrong) = (BTreeMap::<_, usize>::new(), Vec::new());
    for _ in 0..times {
        let (name, byte, bit) = choose();
        let mut files = base.files.clone();
        files.get_mut(name).unwrap()[byte] ^= 1 << bit;
        match base.judge(&files) {
            Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
            Err(why) => wrong.push(format!("{name}, byte {byte}, bit {bit}: {why}")),
        }
    }
    say(&format!("{what}: {times}: {outcomes:?}"));
    assert!(wrong.is_empty(), "{} of {times}:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Where the bytes of a table are.
fn pages_of(database: &[u8], table: &str) -> impl Iterator<Item = usize> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("spool.db"), database).unwrap();
    let database = rusqlite::Connection::open(dir.path().join("spool.db")).unwrap();
    let mut statement = database.prepare("SELECT pgoffset, pgsize FROM dbstat WHERE name = ?1").unwrap();
    let pages = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let pages: Vec<(usize, usize)> = pages.map(Result::unwrap).collect();
    assert!(!pages.is_empty(), "{table}");
    pages.into_iter().flat_map(|(offset, size)| offset..offset + size)
}

#[test]
fn a_file_cut_short_is_harmless_or_told() {
    let base = Base::new(Relay::kill);
    for name in NAMES {
        let whole = base.files[name].len();
        for length in [0, 1, 23, 31, 100, 4096, 4097, 8192, whole / 2, whole - 4096.min(whole), whole - 1] {
            let mut files = base.files.clone();
            files.get_mut(name).unwrap().truncate(length);
            let outcome = base.judge(&files).unwrap_or_else(|why| panic!("{name} cut to {length}: {why}"));
            say(&format!("cut short: {name} to {length} of {whole}: {outcome}"));
        }
    }
}

#[test]
fn a_foreign_file_is_refused_or_passed_over() {
    let base = Base::new(Relay::kill);
    let dir = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(dir.path().join("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    drop(other);
    let database = std::fs::read(dir.path().join("other.db")).unwrap();
    let pictures = b"these are somebody's holiday pictures. ".repeat(300);
    for name in NAMES {
        for foreign in [&database, &pictures] {
            let mut files = base.files.clone();
            files.insert(name, foreign.clone());
            let outcome = base.judge(&files).unwrap_or_else(|why| panic!("foreign {name}: {why}"));
            say(&format!("foreign: {name}: {outcome}"));
        }
    }
}
