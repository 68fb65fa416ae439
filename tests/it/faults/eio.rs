//! A disk that answers EIO, once or for ever.

use std::collections::HashSet;

use super::report::{say, size};
use super::shim::{Shim, Word};
use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::{Home, Relay};
use crate::support::wait::{until, until_true};

const EIO: i64 = 5;
const SYNC: i64 = 1;
const WRITE: i64 = 2;

/// What fails, of which file, and how often; a negative number is for ever.
#[derive(Debug, Clone, Copy)]
struct Fault {
    operation: i64,
    file: &'static str,
    times: i64,
}

struct Case {
    fault: Fault,
    shim: Shim,
    home: Home,
    relay: Relay,
    /// Answered 200.
    ids: Vec<String>,
}

impl Case {
    fn new(fault: Fault) -> Option<Self> {
        let shim = Shim::new()?;
        let home = Home::new(&Config::files().spool("reserve = \"64KiB\"").text());
        let folder = home.path("").canonicalize().unwrap().join("spool");
        let relay = home.start_with(|command| shim.fail(command, &folder, fault.file));
        shim.set(Word::Errno, EIO);
        Some(Case { fault, shim, home, relay, ids: Vec::new() })
    }

    /// Sends one; whether it was taken. A refusal has to say when to come again.
    fn send(&mut self) -> bool {
        let answer = self.relay.send(&Callback::new("brand", "created"));
        if answer.status == 200 {
            self.ids.push(answer.text("id"));
            return true;
        }
        assert!(
            answer.status == 503 && answer.header("retry-after").is_some(),
            "{:?}: {answer:?}",
            self.fault
        );
        false
    }

    fn begin(&self) {
        self.shim.set(Word::Left, self.fault.times);
        self.shim.set(Word::Operations, self.fault.operation);
    }

    fn end(&self) {
        self.shim.set(Word::Left, 0);
    }

    fn recoveries(&self) -> f64 {
        self.relay.metrics().sum("tendlc_spool_recoveries_total", &[])
    }

    /// Sends until something has failed. What the log's failure refused was refused at once; that of the database's file
    /// is met by a thread of its own, and the writer told.
    fn provoke(&mut self) {
        let before = self.recoveries();
        until_true("a failure that is met", || {
            let taken = self.send();
            let failed = self.shim.get(Word::Failed) > 0;
            if failed && self.fault.file == "spool.db-wal" {
                assert!(!taken, "{:?}: 200 for what failed", self.fault);
            }
            failed && (!taken || self.relay.admin("/readyz").status == 503 || self.recoveries() > before)
        });
    }

    /// Sends until one is taken again, which may only be after the files proved good.
    fn recover(&mut self, before: f64) {
        until_true("callbacks taken again", || self.send());
        assert!(self.recoveries() > before, "{:?}: 200 before the files proved good", self.fault);
        until_true("readiness", || self.relay.admin("/readyz").status == 200);
        assert_eq!(self.relay.metrics().sum("tendlc_spool_poisoned", &[]), 0.0);
    }

    /// Everything that was answered 200 is there after a kill, without the shim.
    fn judge(self) -> usize {
        assert!(self.relay.process.log.contains("the spool refuses callbacks after a disk error"));
        self.relay.kill();
        let relay = self.home.start();
        relay.drained();
        assert!(!relay.process.log.contains("acknowledged records are missing"));
        let events = files::events(&self.home.events());
        for id in &self.ids {
            assert!(events.iter().any(|event| event["id"] == id.as_str()), "{:?}: {id} is lost", self.fault);
        }
        self.ids.len()
    }
}

fn once(fault: Fault) -> Option<usize> {
    let mut case = Case::new(fault)?;
    assert!((0..5).all(|_| case.send()));
    for _ in 0..size(1, 5) {
        let before = case.recoveries();
        case.shim.set(Word::Failed, 0);
        case.begin();
        case.provoke();
        case.recover(before);
    }
    Some(case.judge())
}

fn for_ever(fault: Fault) -> Option<usize> {
    let mut case = Case::new(fault)?;
    assert!((0..5).all(|_| case.send()));
    let before = case.recoveries();
    case.begin();
    case.provoke();
    let ready = until("no readiness", || {
        let ready = case.relay.admin("/readyz");
        (ready.status == 503).then_some(ready)
    });
    assert!(ready.body.contains("disk error"), "{ready:?}");
    // As long as it takes to try again some times: it stays as it is.
    let tried = case.shim.get(Word::Failed) + 3;
    until_true("more that fails", || {
        assert!(!case.send(), "{fault:?}: 200 although the disk fails");
        assert_eq!(case.relay.admin("/readyz").status, 503);
        case.shim.get(Word::Failed) >= tried
    });
    assert_eq!(case.recoveries(), before);
    assert_eq!(case.relay.metrics().sum("tendlc_spool_poisoned", &[]), 1.0);
    case.end();
    case.recover(before);
    Some(case.judge())
}

fn faults(times: i64) -> Vec<Fault> {
    let fault = |operation, file| Fault { operation, file, times };
    vec![
        fault(SYNC, "spool.db-wal"),
        fault(WRITE, "spool.db-wal"),
        fault(SYNC, "spool.db"),
        fault(WRITE, "spool.db"),
    ]
}

#[test]
fn after_one_error_nothing_is_taken_before_the_files_prove_good() {
    for fault in faults(1) {
        let Some(taken) = once(fault) else { return };
        say(&format!("EIO: {fault:?}: {taken} taken, none lost"));
    }
}

#[test]
fn while_the_disk_fails_nothing_is_taken_and_it_says_so() {
    for fault in faults(-1) {
        let Some(taken) = for_ever(fault) else { return };
        say(&format!("EIO: {fault:?}: {taken} taken, none lost"));
    }
}

/// The mark is there to notice what a disk loses. Without it nothing is lost.
#[test]
fn a_mark_that_cannot_be_written_stops_nothing() {
    for operation in [SYNC, WRITE] {
        let Some(mut case) = Case::new(Fault { operation, file: "high-water", times: -1 }) else { return };
        case.begin();
        until_true("a mark that fails", || {
            assert!(case.send());
            case.shim.get(Word::Failed) > 0
        });
        assert!((0..20).all(|_| case.send()));
        assert_eq!(case.relay.admin("/readyz").status, 200);
        case.relay.drained();
        case.relay.kill();
        let relay = case.home.start();
        relay.drained();
        // Some may be there twice: what is known to be published is saved a little later.
        let events = files::events(&case.home.events());
        let distinct: HashSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(distinct, case.ids.iter().map(String::as_str).collect());
    }
}
