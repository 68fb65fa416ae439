//! kill -9 while a lost replica's spool is taken in by another one.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::dice::dice;
use super::report::{say, size};
use super::shim::{Shim, Word};
use crate::support::brokers::lasting_port;
use crate::support::config::Config;
use crate::support::files;
use crate::support::load::Load;
use crate::support::process::Process;
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

/// An import is made of changes of 256 lines: several of them, each of which may be the last that was made.
const CALLBACKS: f64 = 1_500.0;

/// In each round, before the import is left alone.
const KILLS: usize = 4;

/// What was answered by a replica of which nothing is left but its volume: half of what it had was published nowhere.
struct Lost {
    home: Home,
    ids: Vec<String>,
}

impl Lost {
    fn new() -> Self {
        let away = "[sinks.away]\ntype = \"nats\"\nservers = [\"nats://127.0.0.1:1\"]\n";
        let home = Home::new(&Config::files().tables(away).text());
        let relay = home.start();
        let load = Load::start(relay.callbacks, 4, Duration::ZERO);
        until_true("what the lost replica took", || relay.accepted() > CALLBACKS);
        let answered = load.end();
        relay.kill();
        home.run(&["spool", "export", "lost.jsonl"]).ok();
        let taken = answered.into_iter().filter(|one| one.status == 200);
        Lost { ids: taken.map(|one| one.id.unwrap()).collect(), home }
    }

    fn file(&self) -> String {
        self.home.path("lost.jsonl").to_str().unwrap().to_owned()
    }
}

/// Another one, which has a spool and nothing in it, and gets through to both sinks.
fn adopter() -> Home {
    let home = Home::new(&Config::files().tables("[sinks.away]\ntype = \"file\"\ndir = \"away\"\n").text());
    home.start().stop();
    home
}

fn import(home: &Home, file: &str) -> Command {
    home.command(&["spool", "import", file, "--yes", "--config", "relay.toml"])
}

fn import_whole(home: &Home, file: &str) {
    home.run(&["spool", "import", file, "--yes"]).ok();
}

/// How often each id was published.
fn published(directory: &Path) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for event in files::events(directory) {
        *ids.entry(event["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    ids
}

/// Everything that the lost replica answered 200 for is published where it was not, and known where it is sent again.
fn has_all(home: &Home, lost: &Lost) -> BTreeMap<String, usize> {
    let found = published(&home.path("away"));
    let missing: Vec<&String> = lost.ids.iter().filter(|id| !found.contains_key(*id)).collect();
    assert!(missing.is_empty(), "{} of {} are nowhere: {missing:?}", missing.len(), lost.ids.len());
    home.run(&["spool", "verify"]).ok();
    found
}

/// An import that is killed at this write or sync of the spool's files, if it makes as many; 0 is never. How it ended,
/// and how many it made.
fn import_until(home: &Home, file: &str, shim: &Shim, last: i64) -> (ExitStatus, i64) {
    shim.set(Word::Made, 0);
    shim.set(Word::Last, last);
    let mut command = import(home, file);
    shim.count(&mut command, &home.path("spool").canonicalize().unwrap());
    let status = Process::spawn(&mut command).wait();
    (status, shim.get(Word::Made))
}

#[test]
fn an_import_that_is_killed_is_taken_up_where_it_was() {
    let Some(shim) = Shim::new() else { return };
    let lost = Lost::new();
    let file = lost.file();
    let (status, operations) = import_until(&adopter(), &file, &shim, 0);
    assert!(status.success(), "{status}");
    let mut dice = dice("killed imports");
    let rounds = size(2, 50);
    for _ in 0..rounds {
        let home = adopter();
        for _ in 0..KILLS {
            // Each leaves something for the next.
            let last = dice.i64(1..=operations / (KILLS as i64 + 1));
            let (status, _) = import_until(&home, &file, &shim, last);
            assert_eq!(status.signal(), Some(9), "not cut off at {last} of {operations}: {status}");
        }
        import_whole(&home, &file);
        let relay = home.start();
        relay.drained();
        let again = has_all(&home, &lost).into_values().filter(|times| *times > 1).count();
        assert_eq!(again, 0, "taken in twice");
        relay.stop();
    }
    say(&format!(
        "import: killed {} times in {rounds} spools: {} callbacks each, none lost, none taken in twice",
        KILLS * rounds,
        lost.ids.len()
    ));
}

#[test]
fn a_relay_that_is_killed_while_it_takes_in_another_ones_spool_loses_nothing() {
    let lost = Lost::new();
    let file = lost.file();
    let mut dice = dice("killed while importing");
    let rounds = size(2, 25);
    let mut own = Vec::new();
    for _ in 0..rounds {
        let home = adopter();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lasting_port()));
        let mut relay = home.start_at(address);
        let load = Load::start(address, 1, Duration::from_millis(5));
        for _ in 0..KILLS {
            let import = Process::spawn(&mut import(&home, &file));
            relay = kill_both(&home, relay, address, import, dice.u64(..300_000));
        }
        import_whole(&home, &file);
        own = load.end();
        relay.drained();
        let found = has_all(&home, &lost);
        // One that was taken by this relay is on its other sink as well.
        let in_files = published(&home.events());
        for one in own.iter().filter(|one| one.status == 200) {
            let id = one.id.as_ref().unwrap();
            assert!(found.contains_key(id) && in_files.contains_key(id), "{id} is lost");
        }
        relay.stop();
    }
    say(&format!(
        "import into a running relay: both killed {} times in {rounds} spools: {} callbacks, none lost, {} of its own in the last",
        KILLS * rounds,
        lost.ids.len(),
        own.len()
    ));
}

/// Kills the relay in the midst of an import, and starts it again.
fn kill_both(
    home: &Home,
    relay: Relay,
    address: SocketAddr,
    mut import: Process,
    microseconds: u64,
) -> Relay {
    std::thread::sleep(Duration::from_micros(microseconds));
    relay.kill();
    // It ends by itself, since nobody answers it any more, or has ended already.
    import.wait();
    home.start_at(address)
}
