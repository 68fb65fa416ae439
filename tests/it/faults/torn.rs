//! What a disk may have of the last writes after a power cut: pages and sectors of any moment since they were last
//! synced, tails cut off. A relay is traced once, and started on a thousand of the disks that it might have found.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use super::dice::dice;
use super::report::{say, size};
use super::shim::{Shim, Word};
use super::trace::{self, Disk, Entry};
use crate::support::callback::Callback;
use crate::support::cli;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::{Home, Relay};

/// A log that is restarted often.
const SPOOL: &str = "wal_limit = \"256KiB\"\nreserve = \"64KiB\"";

/// How many senders there are, so that commits hold several callbacks.
const SENDERS: usize = 4;

/// What was answered, and how long the trace was by then.
struct Answered {
    id: String,
    trace: u64,
}

/// A relay's life, written down.
struct Life {
    entries: Vec<Entry>,
    answered: Vec<Answered>,
}

/// Three starts, of which one ends by kill -9 and one in good order.
fn live(unsynced: bool) -> Option<Life> {
    let shim = Shim::new()?;
    shim.set(Word::Unsynced, i64::from(unsynced));
    let home = Home::new(&Config::files().spool(SPOOL).text());
    let folder = home.path("").canonicalize().unwrap().join("spool");
    let answered = Mutex::new(Vec::new());
    for end in [Relay::kill, Relay::stop, Relay::kill] {
        let relay = home.start_with(|command| shim.trace(command, &folder));
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    for turn in 0..30 {
                        // Now and then one that takes several pages.
                        let padding = "p".repeat(if turn % 10 == 9 { 30_000 } else { turn * 40 });
                        let id = relay.accept(&Callback::new("brand", "created").param("padding", &padding));
                        // What is in the trace by now was done before the answer, and maybe a little more.
                        let trace = shim.trace_path().metadata().unwrap().len();
                        answered.lock().unwrap().push(Answered { id, trace });
                    }
                });
            }
        });
        end(relay);
    }
    Some(Life { entries: trace::read(&shim.trace_path()), answered: answered.into_inner().unwrap() })
}

/// What became of a relay on a disk that it found.
enum Found {
    All,
    Lost(usize),
    Refused(String),
}

/// Starts a relay on these files and holds what it publishes against what was answered. Its sink is a new one, which
/// gets every record from the oldest on.
fn start_on(disk: &BTreeMap<String, Vec<u8>>, promised: &HashSet<&str>) -> Found {
    let home = Home::new(&Config::new().file_sink("new", "").spool(SPOOL).text());
    std::fs::create_dir(home.path("spool")).unwrap();
    for (name, bytes) in disk {
        std::fs::write(home.path("spool").join(name), bytes).unwrap();
    }
    let relay = match home.try_start() {
        Ok(relay) => relay,
        Err(said) => return Found::Refused(said),
    };
    // It goes on as if nothing had been.
    let answer = relay.send(&Callback::new("brand", "created"));
    if answer.status != 200 {
        return Found::Refused(relay.process.log.tail());
    }
    let after = answer.text("id");
    relay.drained();
    let events = files::events(&home.events());
    let published: HashSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert!(published.contains(after.as_str()));
    match promised.difference(&published).count() {
        0 if relay.process.log.contains("\"ERROR\"") => Found::Refused(relay.process.log.tail()),
        0 => Found::All,
        lost => Found::Lost(lost),
    }
}

/// Starts relays on so many disks that this life may have left.
fn cut(life: &Life, times: usize, dice: &mut fastrand::Rng) -> Vec<(usize, Found)> {
    let mut moments: Vec<usize> = (0..times).map(|_| dice.usize(1..=life.entries.len())).collect();
    moments.sort_unstable();
    let (mut disk, mut done) = (Disk::new(), 0);
    let mut found = Vec::new();
    for moment in moments {
        life.entries[done..moment].iter().for_each(|entry| disk.apply(entry));
        done = moment;
        let end = life.entries[moment - 1].end;
        let answered = life.answered.iter().filter(|one| one.trace <= end);
        let promised = answered.map(|one| one.id.as_str()).collect();
        found.push((moment, start_on(&disk.after_a_cut(dice), &promised)));
    }
    found
}

#[test]
fn no_disk_that_a_power_cut_may_leave_has_lost_what_was_answered() {
    let mut dice = dice("torn");
    let Some(life) = live(false) else { return };
    assert!(life.entries.len() > 1000 && life.answered.len() == 3 * 30 * SENDERS);
    let times = size(40, 1000);
    for (moment, found) in cut(&life, times, &mut dice) {
        match found {
            Found::All => {}
            Found::Lost(lost) => panic!("{lost} lost by a cut after operation {moment}"),
            Found::Refused(said) => panic!("not opened after a cut after operation {moment}:\n{said}"),
        }
    }
    let (operations, answered) = (life.entries.len(), life.answered.len());
    say(&format!(
        "torn: {times} disks after cuts within {operations} operations and {answered} answers, none lost, all opened"
    ));
}

/// The same when nothing is synced: or else the test above would prove nothing.
#[test]
fn a_relay_whose_syncs_do_nothing_is_caught_by_torn_writes() {
    let mut dice = dice("torn, control without syncs");
    let Some(life) = live(true) else { return };
    let (mut lost, mut refused, times) = (0, 0, size(10, 100));
    for (_, found) in cut(&life, times, &mut dice) {
        match found {
            Found::All => {}
            Found::Lost(_) => lost += 1,
            Found::Refused(_) => refused += 1,
        }
    }
    say(&format!(
        "torn, control without syncs: of {times} disks {lost} had lost answers, {refused} did not open"
    ));
    assert!(lost + refused > times / 2);
}

/// A spool that is compacted by command: what was done to its files, from which operation on that was the command's, and
/// what the relay had answered before.
fn compacted() -> Option<(Vec<Entry>, usize, Vec<String>)> {
    let shim = Shim::new()?;
    let home = Home::new(&Config::files().spool(SPOOL).text());
    let folder = home.path("").canonicalize().unwrap().join("spool");
    let relay = home.start_with(|command| shim.trace(command, &folder));
    let padded = |turn: usize| Callback::new("brand", "created").param("padding", &"p".repeat(turn * 100));
    let ids = (0..80).map(|turn| relay.accept(&padded(turn))).collect();
    relay.stop();
    let before = trace::read(&shim.trace_path()).len();
    let mut command = home.command(&["spool", "compact", "--yes", "--config", "relay.toml"]);
    shim.trace(&mut command, &folder);
    cli::run(&mut command).ok();
    Some((trace::read(&shim.trace_path()), before, ids))
}

#[test]
fn no_power_cut_while_the_spool_is_compacted_loses_anything() {
    let mut dice = dice("torn, compacting");
    let Some((entries, before, ids)) = compacted() else { return };
    assert!(entries.len() > before + 100, "{} operations", entries.len() - before);
    let promised: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let times = size(30, 500);
    let mut moments: Vec<usize> = (0..times).map(|_| dice.usize(before..=entries.len())).collect();
    moments.sort_unstable();
    let (mut disk, mut done) = (Disk::new(), 0);
    for moment in moments {
        entries[done..moment].iter().for_each(|entry| disk.apply(entry));
        done = moment;
        match start_on(&disk.after_a_cut(&mut dice), &promised) {
            Found::All => {}
            Found::Lost(lost) => {
                panic!("{lost} lost by a cut after operation {moment}, {} in", moment - before)
            }
            Found::Refused(said) => panic!("not opened after a cut after operation {moment}:\n{said}"),
        }
    }
    let operations = entries.len() - before;
    say(&format!(
        "torn: {times} disks after cuts within the {operations} operations of a compaction, none lost, all opened"
    ));
}
