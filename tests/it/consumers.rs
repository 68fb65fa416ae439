//! The example consumers: their types are those of the schemas, and whatever comes twice is handled once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::brokers::{self, variable};
use crate::support::callback::{ACCOUNT, AUTH_ID, Callback, PAIRS};
use crate::support::cli;
use crate::support::config::{Config, fresh_prefix};
use crate::support::process::Process;
use crate::support::readers::{self, manifest, topics};
use crate::support::relay::{Home, Relay};
use crate::support::wait::until;

const KINDS: [&str; 5] = ["brand", "campaign", "number_linking", "number_unlinking", "unrecognized"];

/// The examples in a directory of their own, with what they stand on.
struct Examples {
    dir: TempDir,
    python: PathBuf,
    node: PathBuf,
}

impl Examples {
    /// Where what they stand on could be had.
    fn here() -> Option<Self> {
        let python = variable("TENDLC_TEST_CONSUMERS_PYTHON")?;
        let node = variable("TENDLC_TEST_CONSUMERS_NODE")?;
        let modules = variable("TENDLC_TEST_CONSUMERS_NODE_MODULES")?;
        let dir = TempDir::new().unwrap();
        // Node looks for packages beside the files that want them.
        copy(&manifest("examples/consumers"), dir.path());
        std::os::unix::fs::symlink(modules, dir.path().join("typescript/node_modules")).unwrap();
        Some(Examples { dir, python: python.into(), node: node.into() })
    }

    fn python(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.current_dir(self.dir.path().join("python"));
        command
    }

    fn node(&self) -> Command {
        let mut command = Command::new(&self.node);
        command.current_dir(self.dir.path().join("typescript"));
        command
    }

    /// A command of the packages that the interpreter belongs to.
    fn python_tool(&self, name: &str) -> PathBuf {
        self.python.parent().unwrap().join(name)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap() {
            // What an operator installed there is not looked at.
            kind if kind.is_dir() && entry.file_name() == "node_modules" => {}
            kind if kind.is_dir() => copy(&path, &target),
            _ => drop(std::fs::copy(path, target).unwrap()),
        }
    }
}

/// The files of a directory that a generator makes, with their texts.
fn types(dir: &Path, extension: &str) -> BTreeMap<String, String> {
    let text = |kind: &str| {
        let name = format!("{kind}.{extension}");
        let text = std::fs::read_to_string(dir.join(&name)).unwrap_or_default();
        (name, text)
    };
    KINDS.into_iter().map(text).collect()
}

/// When this fails, the schemas changed or the generators did: run examples/consumers/python/generate and `npm run
/// generate` in examples/consumers/typescript.
#[test]
fn the_kept_types_are_those_that_the_schemas_give() {
    let Some(examples) = Examples::here() else { return };
    let made = TempDir::new().unwrap();
    let kept = manifest("examples/consumers");
    let path = [examples.python.parent().unwrap().as_os_str(), &std::env::var_os("PATH").unwrap()]
        .join(":".as_ref());
    let mut generate = Command::new(kept.join("python/generate"));
    cli::run(generate.arg(made.path()).env("PATH", path)).ok();
    assert_eq!(types(made.path(), "py"), types(&kept.join("python/events"), "py"));
    cli::run(examples.node().arg("src/generate.ts").arg(manifest("config/schemas")).arg(made.path())).ok();
    let kept = types(&kept.join("typescript/src/generated"), "ts");
    assert!(kept.values().all(|text| text.contains("interface Plivo10Dlc")));
    assert_eq!(types(made.path(), "ts"), kept);
}

#[test]
fn the_examples_type_check_and_would_not_with_a_slip() {
    let Some(examples) = Examples::here() else { return };
    let tsc = || cli::run(examples.node().arg("node_modules/typescript/bin/tsc"));
    let mypy = || {
        let mut mypy = Command::new(examples.python_tool("mypy"));
        let files = ["inbox.py", "from_kafka.py", "from_nats.py", "events"];
        cli::run(mypy.current_dir(examples.dir.path().join("python")).arg("--strict").args(files))
    };
    tsc().ok();
    mypy().ok();
    for (file, checked) in [("typescript/src/inbox.ts", true), ("python/inbox.py", false)] {
        let path = examples.dir.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("occurrence", "occurence")).unwrap();
        let found = if checked { tsc() } else { mypy() };
        assert_eq!((found.code != Some(0), found.out.contains("occurence")), (true, true), "{found:#?}");
    }
}

/// A consumer that runs, and the database that it keeps.
struct Consumer {
    name: String,
    process: Process,
    database: PathBuf,
}

impl Consumer {
    /// SIGTERM, an end in good order, and what it has then.
    fn stop(mut self) -> Kept {
        self.process.signal(Signal::TERM);
        let status = self.process.wait();
        assert!(status.success(), "{}: {status}\n{}", self.name, self.process.log.tail());
        Kept::of(&self.database)
    }

    /// Waits until what it has is as it should be.
    fn wait_for(&mut self, what: &str, is_there: impl Fn(&Kept) -> bool) {
        let name = self.name.clone();
        until(&format!("{what} in the database of {name}"), || {
            assert!(self.process.ended().is_none(), "{name} ended:\n{}", self.process.log.tail());
            is_there(&Kept::of(&self.database)).then_some(())
        });
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}\n{}\n{:#?}", self.name, self.process.log.tail(), Kept::of(&self.database));
        }
    }
}

/// What a consumer has learned.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    /// How often each id came.
    arrivals: BTreeMap<String, u64>,
    /// Ids with their occurrence, in the order in which they were handled.
    history: Vec<(String, u64)>,
    statuses: BTreeMap<String, String>,
    unreadable: u64,
}

impl Kept {
    /// Nothing as long as there is no database.
    fn of(path: &Path) -> Self {
        let open = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        open.and_then(|database| Kept::read(&database)).unwrap_or_default()
    }

    fn read(database: &Connection) -> rusqlite::Result<Self> {
        Ok(Kept {
            arrivals: pairs(database, "SELECT id, times FROM arrivals WHERE times > 0")?,
            history: pairs(database, "SELECT event, occurrence FROM history ORDER BY number")?,
            statuses: pairs(database, "SELECT subject, status FROM entities")?,
            unreadable: database.query_row("SELECT count(*) FROM unreadable", [], |row| row.get(0))?,
        })
    }

    fn ids(&self) -> BTreeSet<String> {
        self.history.iter().map(|(id, _)| id.clone()).collect()
    }
}

/// The rows of two columns.
fn pairs<V: FromSql, C: FromIterator<(String, V)>>(database: &Connection, sql: &str) -> rusqlite::Result<C> {
    let mut statement = database.prepare(sql)?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Where the relay publishes.
struct Place {
    kafka: String,
    nats: String,
    prefix: String,
}

impl Place {
    /// One consumer of each kind, as members of this group.
    fn consumers(&self, examples: &Examples, group: &str) -> Vec<Consumer> {
        let kinds =
            [("python", "kafka"), ("python", "nats"), ("typescript", "kafka"), ("typescript", "nats")];
        kinds.map(|(language, broker)| self.consumer(examples, language, broker, group)).into()
    }

    fn consumer(&self, examples: &Examples, language: &str, broker: &str, group: &str) -> Consumer {
        let mut command = match language {
            "python" => examples.python(),
            _ => examples.node(),
        };
        command.arg(match language {
            "python" => format!("from_{broker}.py"),
            _ => format!("src/from_{broker}.ts"),
        });
        let name = format!("{language}-{broker}");
        let database = examples.dir.path().join(format!("{name}.db"));
        let group = format!("{}-{group}-{language}", self.prefix);
        match broker {
            "kafka" => command.args(["--servers", &self.kafka, "--group", &group]).args(topics(&self.prefix)),
            _ => command.args(["--servers", &self.nats, "--stream", &self.prefix, "--consumer", &group]),
        };
        let process = Process::spawn(command.arg("--database").arg(&database));
        Consumer { name, process, database }
    }

    /// Has these texts on both brokers, on the topic of brands.
    fn say(&self, texts: &[&str]) {
        let topic = format!("{}.brand", self.prefix);
        readers::make(&[&["say", self.kafka.as_str(), &self.nats, &topic], texts].concat());
    }
}

/// A brand's story with a late retry in it, each endpoint and status, and a genuine repeat.
fn tell(home: &Home, relay: &Relay) {
    for status in ["created", "registered"] {
        relay.accept(&Callback::about("brand", status, "BSTORY"));
    }
    relay.accept(&Callback::about("brand", "created", "BSTORY").param("attempt", "2"));
    for (endpoint, status) in PAIRS {
        relay.accept(&Callback::new(endpoint, status));
    }
    let rejected = Callback::about("campaign", "rejected", "CTWICE");
    relay.accept(&rejected);
    assert_eq!(relay.send(&rejected.signed_again()).text("status"), "duplicate");
    let held = home.run(&["held", "list"]).json_lines().remove(0);
    home.run(&["held", "release", "--yes", &held["number"].to_string()]).ok();
}

/// What could not be placed, and is understood later: its revision takes its place.
fn revise(home: &Home, relay: &Relay) {
    relay.accept(&Callback::with_params("/tendlc_status/", &[("marke", "BREVISED"), ("zustand", "FAILED")]));
    relay.drained();
    let old = std::fs::read_to_string(home.path("relay.toml")).unwrap();
    let aliases = "[normalize.aliases]\nbrand_id = [\"marke\"]\nstatus = [\"zustand\"]\n";
    home.write("relay.toml", &format!("{old}\n{aliases}"));
    home.run(&["renormalize", "--yes"]).ok();
    home.write("relay.toml", &old);
}

/// Every event that the relay holds, but those that were superseded.
fn owed(home: &Home) -> BTreeSet<String> {
    let events = home.run(&["events", "--json"]).json_lines();
    let superseded: Vec<&Value> = events.iter().map(|event| &event["data"]["supersedes"]).collect();
    let stand = events.iter().map(|event| &event["id"]).filter(|id| !superseded.contains(id));
    stand.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// An event of a later minor version.
fn of_next_year(id: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": format!("/plivo/{AUTH_ID}/10dlc"),
        "type": "com.plivo.10dlc.brand.paused", "subject": "brand/BFUTURE", "time": "2199-01-01T00:00:00.000Z",
        "datacontenttype": "application/json", "dataschema": "urn:tendlc-relay:schema:plivo.10dlc.brand:1",
        "sequence": "00000000000000000001", "partitionkey": "BFUTURE", "mood": "fine",
        "data": {
            "endpoint": "brand", "status": "paused", "occurrence": 0, "because": { "of": ["that"] }, "raw": {},
            "verification": { "scheme": "v4", "account": ACCOUNT, "covers": "everything" },
        },
    })
    .to_string()
}

#[test]
fn every_consumer_handles_each_event_once_whatever_comes_twice() {
    let Some(examples) = Examples::here() else { return };
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let place = Place { kafka, nats, prefix: fresh_prefix("consumers") };
    let config =
        Config::new().kafka_sink(&place.kafka, &place.prefix, "").nats_sink(&place.nats, &place.prefix, "");
    let home = Home::new(&config.text());
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();

    let mut consumers = place.consumers(&examples, "first");
    tell(&home, &relay);
    // What it had under way is published by it, by the next, or by both.
    relay.kill();
    let relay = home.start();
    revise(&home, &relay);
    relay.drained();
    for sink in ["kafka", "nats"] {
        home.run(&["replay", "--yes", "--sink", sink, "--from-sequence", "1"]).ok();
    }
    let mut owed = owed(&home);
    assert_eq!(owed.len(), 1 + 3 + PAIRS.len() + 2 + 1);
    let of_version_2 = of_next_year("of-version-2").replace("brand:1", "brand:2");
    place.say(&[&of_next_year("of-next-year"), "no event at all", &of_version_2]);
    owed.insert("of-next-year".to_owned());
    for one in &mut consumers {
        one.wait_for("every event", |kept| kept.ids() == owed && kept.unreadable == 2);
    }
    let first: Vec<Kept> = consumers.into_iter().map(Consumer::stop).collect();
    for kept in &first {
        assert_eq!((kept.ids(), kept.history.len()), (owed.clone(), owed.len()), "one was handled twice");
        assert_eq!(kept.history.iter().filter(|(_, occurrence)| *occurrence == 1).count(), 1);
        let status = |subject: &str| kept.statuses[subject].as_str();
        assert_eq!(status("brand/BSTORY"), "registered", "a late retry turned it back");
        assert_eq!(["brand/BREVISED", "campaign/CTWICE"].map(status), ["rejected"; 2]);
        assert_eq!(status("brand/BFUTURE"), "paused");
    }

    // A group that knows of nothing gets everything once more, as if no acknowledgement had ever arrived.
    let mut again = place.consumers(&examples, "second");
    relay.accept(&Callback::about("brand", "registered", "BLAST"));
    for (one, before) in again.iter_mut().zip(&first) {
        one.wait_for("every event once more, and a new one", |kept| {
            let came_again = |(id, times): (&String, &u64)| kept.arrivals[id] > *times;
            kept.history.len() > owed.len() && before.arrivals.iter().all(came_again)
        });
    }
    for (one, before) in again.into_iter().zip(first) {
        let kept = one.stop();
        let mut statuses = before.statuses;
        statuses.insert("brand/BLAST".to_owned(), "registered".to_owned());
        assert_eq!((&kept.history[..owed.len()], &kept.statuses), (before.history.as_slice(), &statuses));
        assert_eq!((kept.history.len(), kept.unreadable), (owed.len() + 1, 2));
    }
    relay.stop();
}
