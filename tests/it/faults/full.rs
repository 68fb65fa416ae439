//! The disk is full, and has room again: eaten by somebody else, and by the spool itself.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::dice::dice;
use super::disk::Disk;
use super::plivo::Plivo;
use super::report::{say, size};
use crate::sim::run::{assert_holds, verify_read};
use crate::support::brokers::lasting_port;
use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::Response;
use crate::support::relay::{Home, Relay};
use crate::support::wait::{until, until_true};

/// A relay whose spool is on a small disk. Its events, and what Plivo knows, are elsewhere.
struct Machine {
    address: SocketAddr,
    outside: Home,
    home: Home,
    disk: Disk,
}

impl Machine {
    fn new(disk: Disk, sink: impl FnOnce(Config, &Home) -> Config) -> Self {
        let outside = Home::new("");
        let config = Config::new().spool("reserve = \"4MiB\"\nwal_limit = \"2MiB\"");
        let home = Home::within(disk.path(), &sink(config, &outside).text());
        Machine { address: (Ipv4Addr::LOCALHOST, lasting_port()).into(), outside, home, disk }
    }

    /// Takes all the room there is, but for so many bytes.
    fn fill(&self, left: usize) -> PathBuf {
        let path = self.disk.path().join("filler");
        let mut file = File::create(&path).unwrap();
        let block = [0xaa; 4096];
        while file.write_all(&block).is_ok() {}
        let length = file.metadata().unwrap().len().saturating_sub(left as u64);
        file.set_len(length).unwrap();
        // File systems that allocate late find out only now, and give back what they could not keep.
        let _ = file.sync_all();
        path
    }

    fn status(&self) -> Value {
        self.home.run(&["spool", "status", "--json"]).json_lines().remove(0)
    }

    /// Whether the database is sound in SQLite's eyes; the relay has to be stopped.
    fn assert_sound(&self) {
        let database = rusqlite::Connection::open(self.home.path("spool/spool.db")).unwrap();
        let found: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(found, "ok");
    }
}

/// Sends until one is refused: the refusal, and the ids of the others.
fn send_until_refused(relay: &Relay, callback: impl Fn() -> Callback) -> (Response, Vec<String>) {
    let mut ids = Vec::new();
    loop {
        let answer = relay.send(&callback());
        if answer.status != 200 {
            return (answer, ids);
        }
        ids.push(answer.text("id"));
        assert!(ids.len() < 100_000, "it is never full");
    }
}

fn assert_refused(relay: &Relay, refused: &Response) {
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{refused:?}");
    let ready = relay.admin("/readyz");
    assert!(ready.status == 503 && ready.body.contains("disk"), "{ready:?}");
    assert!(relay.metrics().sum("tendlc_append_failures_total", &[("reason", "disk_full")]) >= 1.0);
}

fn small() -> Callback {
    Callback::new("campaign", "created")
}

fn eaten_by_somebody(disk: Disk, rounds: usize, dice: &mut fastrand::Rng) -> usize {
    let to =
        |outside: &Home| format!("[sinks.files]\ntype = \"file\"\ndir = \"{}\"", outside.events().display());
    let machine = Machine::new(disk, |config, outside| config.tables(&to(outside)));
    let start = || machine.home.start_at(machine.address);
    let mut relay = start();
    let plivo = Plivo::calling(&machine.outside, machine.address, Duration::from_millis(2));
    let mut ids = Vec::new();
    for round in 0..rounds {
        std::thread::sleep(Duration::from_millis(dice.u64(50..300)));
        let filler = machine.fill([0, 4096, 100_000, 400_000][dice.usize(..4)]);
        let (refused, taken) = send_until_refused(&relay, small);
        assert_refused(&relay, &refused);
        ids.extend(taken);
        // What is published can be written down all the same.
        relay.drained();
        until_true("the cursor", || {
            let status = machine.status();
            status["sinks"][0]["cursor"] == status["tip"]
        });
        if round % 2 == 1 {
            relay.kill();
            // Full as it is.
            relay = start();
            let (refused, taken) = send_until_refused(&relay, small);
            assert_refused(&relay, &refused);
            ids.extend(taken);
        }
        std::fs::remove_file(filler).unwrap();
        ids.push(until("callbacks taken again", || {
            let answer = relay.send(&small());
            (answer.status == 200).then(|| answer.text("id"))
        }));
        until_true("readiness", || relay.admin("/readyz").status == 200);
    }
    let callbacks = plivo.end();
    relay.drained();
    assert!(!relay.process.log.contains("acknowledged records are missing"));
    // The brands are Plivo's, the campaigns those of this test.
    let read = format!("files={}", machine.outside.events().join("plivo.10dlc.brand.jsonl").display());
    assert_holds(&verify_read(&machine.outside, &read, &["--allow-republished"]));
    let campaigns = files::topic_events(&machine.outside.events(), "plivo.10dlc.campaign");
    for id in &ids {
        assert!(
            campaigns.iter().any(|event| event["id"] == id.as_str()),
            "{id} was answered 200 and is lost"
        );
    }
    relay.stop();
    machine.assert_sound();
    callbacks + ids.len()
}

#[test]
fn a_disk_filled_by_somebody_else_is_refused_for_and_lived_through() {
    let mut dice = dice("full disk");
    let rounds = size(2, 10);
    for (kind, disk) in [("ext4", Disk::ext4(48)), ("tmpfs", Disk::tmpfs(48))] {
        let Some(disk) = disk else { return };
        let callbacks = eaten_by_somebody(disk, rounds, &mut dice);
        say(&format!("full disk: {kind} filled {rounds} times, {callbacks} callbacks, none lost"));
    }
}

/// With nobody to publish to, the spool takes what there is. It never gets so far that it cannot be opened.
#[test]
fn a_disk_filled_by_the_spool_is_opened_again_and_goes_on_once_there_is_room() {
    for disk in [Disk::ext4(48), Disk::tmpfs(48)] {
        let Some(disk) = disk else { return };
        let nowhere = "[sinks.files]\ntype = \"file\"\ndir = \"/proc/nowhere\"";
        let machine = Machine::new(disk, |config, _| config.tables(nowhere));
        let spare = machine.disk.path().join("spare");
        std::fs::write(&spare, vec![0xaa; 8 << 20]).unwrap();
        let relay = machine.home.start_at(machine.address);
        let bulky = || small().param("padding", &"p".repeat(20_000));
        let (refused, mut ids) = send_until_refused(&relay, bulky);
        assert!(ids.len() > 200, "full after {}", ids.len());
        assert_refused(&relay, &refused);
        relay.kill();
        let relay = machine.home.start_at(machine.address);
        let (refused, more) = send_until_refused(&relay, bulky);
        assert_refused(&relay, &refused);
        ids.extend(more);
        std::fs::remove_file(spare).unwrap();
        ids.push(until("callbacks taken again", || {
            let answer = relay.send(&small());
            (answer.status == 200).then(|| answer.text("id"))
        }));
        relay.stop();
        machine.assert_sound();
        let kept = machine.home.run(&["events", "--json"]).json_lines();
        let kept: std::collections::HashSet<&str> =
            kept.iter().filter_map(|one| one["id"].as_str()).collect();
        let lost: Vec<&String> = ids.iter().filter(|id| !kept.contains(id.as_str())).collect();
        assert!(lost.is_empty(), "{lost:?} of {}", ids.len());
    }
}
