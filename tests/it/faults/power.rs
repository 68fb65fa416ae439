//! Power cuts, as the disk would be found: the relay is stopped, its disk copied, and the relay started on the copy.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::dice::dice;
use super::disk::Disk;
use super::plivo::Plivo;
use super::report::{say, size};
use super::shim::{Shim, Word};
use crate::sim::run::{assert_holds, broken, verify_read};
use crate::support::brokers::lasting_port;
use crate::support::config::Config;
use crate::support::relay::{Home, Relay};

/// How often one disk loses its power: so that no dirty page gets old enough to be written by itself.
const CUTS: usize = 5;

/// A relay whose spool and events are on a disk that can lose its power, and a Plivo that it cannot take along.
struct Machine {
    address: SocketAddr,
    outside: Home,
    home: Home,
    disk: Disk,
}

impl Machine {
    fn new() -> Option<Self> {
        let disk = Disk::ext4(96)?;
        let home = Home::within(disk.path(), &Config::files().spool("reserve = \"1MiB\"").text());
        disk.sync();
        let address = (Ipv4Addr::LOCALHOST, lasting_port()).into();
        Some(Machine { address, outside: Home::new(""), home, disk })
    }

    fn start(&self, shim: Option<&Shim>) -> Relay {
        self.home.start_with(|command| {
            command.env("TENDLC_INGRESS__LISTEN", self.address.to_string());
            if let Some(shim) = shim {
                shim.preload(command);
            }
        })
    }

    /// From now on the disk is what the cut left, and the relay is gone.
    fn cut(&mut self, relay: Relay) {
        relay.process.stop();
        self.disk.capture();
        relay.kill();
        self.disk.restore();
    }

    fn call(&self) -> Plivo {
        Plivo::calling(&self.outside, self.address, Duration::from_millis(1))
    }

    /// What the checker says of everything since the first call.
    fn verdict(&self) -> (Option<i32>, serde_json::Value) {
        let read = format!("files={}", self.home.events().display());
        verify_read(&self.outside, &read, &["--allow-republished"])
    }
}

#[test]
fn after_a_power_cut_the_disk_has_everything_that_was_answered() {
    let mut dice = dice("power");
    let (mut cuts, mut callbacks) = (0, 0);
    for _ in 0..size(1, 10) {
        let Some(mut machine) = Machine::new() else { return };
        let mut relay = machine.start(None);
        let plivo = machine.call();
        for _ in 0..CUTS {
            std::thread::sleep(Duration::from_micros(dice.u64(50_000..700_000)));
            machine.cut(relay);
            relay = machine.start(None);
            assert!(!relay.process.log.contains("acknowledged records are missing"));
            cuts += 1;
        }
        callbacks += plivo.end();
        relay.drained();
        assert_holds(&machine.verdict());
        relay.stop();
    }
    say(&format!("power: {cuts} cuts, {callbacks} callbacks, none lost"));
}

/// The same with a disk that says it has what it has not: or else the test above would prove nothing.
#[test]
fn a_relay_whose_syncs_do_nothing_is_caught_by_a_power_cut() {
    let (Some(mut machine), Some(shim)) = (Machine::new(), Shim::new()) else { return };
    let relay = machine.start(Some(&shim));
    let plivo = machine.call();
    relay.accepts_more(50);
    shim.set(Word::Unsynced, 1);
    relay.accepts_more(100);
    machine.cut(relay);
    let relay = machine.start(None);
    plivo.end();
    relay.drained();
    let (code, report) = machine.verdict();
    assert_eq!(code, Some(1), "{report:#}");
    assert!(broken(&report).contains(&"lost"), "{report:#}");
    let lost = &report["consumers"][0]["found"]["lost"]["count"];
    say(&format!("power, control without syncs: {lost} of what was answered lost, as it must be"));
}
