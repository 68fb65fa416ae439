//! A relay with one sink, callbacks that come without end, and faults of its broker.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::faults::plivo::{Plivo, slowest_of_all_taken_at_once};
use crate::faults::report::{say, size};
use crate::sim::run::{assert_holds, verify_read};
use crate::support::brokers::lasting_port;
use crate::support::callback::Callback;
use crate::support::readers::Delivered;
use crate::support::relay::{Home, Relay};
use crate::support::wait::{until_still, until_true};

/// What a relay that waits may take of one processor: in the long form, which tries the release build by itself, what is
/// promised. Beside all the other tests a development build took up to 0.1 in the seconds until a silent cluster was
/// stepped aside from; one that spins takes half and more.
fn busiest() -> f64 {
    size(0.25, 0.05)
}

/// How much more memory it may hold at the end of a wait, in megabytes. A client that is built anew within it takes its
/// threads' memory in one step, and the allocator takes it in large pieces: 14 MB were seen. What grows and goes on growing
/// is the soak's to find.
const GROWTH: f64 = 32.0;

/// How long a fault lasts at least: less says nothing about a share of a processor.
pub const SHORTEST: Duration = Duration::from_secs(2);

/// The same of one that is to last for minutes, in the long form.
pub fn minutes() -> Duration {
    size(SHORTEST, Duration::from_secs(150))
}

/// After which no callback may be answered: Plivo's patience is longer.
const DEADLINE: Duration = Duration::from_secs(5);

pub struct Scene {
    pub home: Home,
    pub relay: Relay,
    plivo: Plivo,
    sink: &'static str,
}

/// One fault, and what must hold in it.
pub struct Fault<'a> {
    pub name: &'a str,
    /// The codes that the failures may have.
    pub codes: &'a [&'a str],
    /// How many failed tries a wait lasts at least,
    pub tries: usize,
    /// and how long.
    pub lasts: Duration,
}

impl Scene {
    /// A relay with this one sink, and a Plivo that calls it.
    pub fn new(sink: &'static str, config: &str) -> Self {
        let home = Home::new(config);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lasting_port()));
        let relay = home.start_at(address);
        let plivo = Plivo::calling(&home, address, Duration::from_millis(10));
        let scene = Scene { home, relay, plivo, sink };
        scene.publishes();
        scene
    }

    /// A fault from its beginning to its end: callbacks are taken all the while, none of them becomes a dead letter, who
    /// waits costs next to nothing, and everything is published once it is over.
    pub fn through(&self, fault: &Fault<'_>, begin: impl FnOnce(), end: impl FnOnce()) {
        self.publishes();
        let (buried, failures) = (self.dead_letters(), self.failures());
        begin();
        self.relay.takes_more();
        self.fails(fault, &failures);
        assert_eq!(self.relay.admin("/readyz").status, 200, "{}", fault.name);
        self.plivo.rest();
        self.waits(fault);
        assert_eq!(self.dead_letters(), buried, "{}: a broker's trouble is no dead letter", fault.name);
        end();
        self.recovers();
    }

    /// Everything that waits is published, and what comes now, too.
    pub fn recovers(&self) {
        self.plivo.go_on();
        self.publishes();
        self.plivo.rest();
        self.relay.drained();
        assert_eq!(self.relay.sink(self.sink)["up"], true);
        self.plivo.go_on();
    }

    /// Waits until some more events are published.
    pub fn publishes(&self) {
        let published = || self.relay.metrics().sum("tendlc_published_total", &[("sink", self.sink)]);
        let before = published();
        until_true("events published", || published() > before + 50.0);
    }

    /// No callback comes any more; whatever waits is published.
    pub fn settles(&self) {
        self.plivo.rest();
        self.relay.drained();
    }

    /// Callbacks come again.
    pub fn goes_on(&self) {
        self.plivo.go_on();
    }

    /// A callback that the sink takes too large for becomes a dead letter with that reason; the rest goes on.
    pub fn buries(&self, large: &Callback) {
        let before = self.dead_letters();
        let id = self.relay.accept(large);
        until_true("a dead letter", || self.dead_letters() > before);
        assert_eq!(self.dead_letters(), before + 1.0);
        self.publishes();
        let listed = self.home.run(&["dead", "list", "--sink", self.sink, "--json"]).json_lines();
        let own = listed.iter().map(ToString::to_string).find(|letter| letter.contains(&id));
        assert!(own.is_some_and(|letter| letter.contains("too_large")), "{listed:#?}");
    }

    fn dead_letters(&self) -> f64 {
        self.relay.metrics().sum("tendlc_dead_lettered_total", &[])
    }

    /// Callbacks end. Each was answered 200 at its first attempt and in time, and what was answered is among what `read`
    /// finds, when told how many there were: once, in order, where nothing is `more` allowed.
    pub fn ends(self, faults: &str, more: &[&str], read: impl FnOnce(usize) -> Vec<Delivered>) {
        let callbacks = self.plivo.end();
        self.relay.drained();
        let slowest = slowest_of_all_taken_at_once(&self.home);
        assert!(slowest < DEADLINE, "a callback was answered after {slowest:?}");
        let lines: String = read(callbacks).iter().map(|one| format!("{}\n", one.line)).collect();
        self.home.write("reading.jsonl", &lines);
        assert_holds(&verify_read(&self.home, "sink=reading.jsonl", more));
        self.relay.stop();
        say(&format!(
            "{}: {faults}: {callbacks} callbacks, none lost, all taken at once, the slowest in {slowest:?}",
            self.sink
        ));
    }

    /// Waits until it is told that something failed which had not failed before.
    fn fails(&self, fault: &Fault<'_>, before: &(String, u64)) {
        until_true(&format!("{} is told with one of {:?}", fault.name, fault.codes), || {
            let code = self.relay.sink(self.sink)["last_error_code"].clone();
            fault.codes.iter().any(|one| code == *one) && self.failures().0 != before.0 && self.depth() > 0.0
        });
    }

    /// A wait of some failed tries: processor time, and memory at its beginning and end.
    fn waits(&self, fault: &Fault<'_>) {
        assert!(self.depth() > 0.0, "{}: nothing waits", fault.name);
        let process = &self.relay.process;
        let (begun, busy, weight) = (Instant::now(), process.processor_time(), process.resident());
        let (before, mut tries) = (process.threads(), 0);
        let mut last = self.failures();
        until_still(&format!("{} tries in {}", fault.tries, fault.name), || {
            let now = self.failures();
            tries += usize::from(now != last);
            last = now;
            if tries >= fault.tries && begun.elapsed() > fault.lasts { Ok(()) } else { Err(tries) }
        });
        let share = (process.processor_time() - busy).as_secs_f64() / begun.elapsed().as_secs_f64();
        let growth = process.resident() - weight;
        say(&format!(
            "{}: {}: {tries} tries in {:.1} s with {} waiting: {:.1} % of a processor, {weight:.0} MB, {growth:+.1} MB",
            self.sink,
            fault.name,
            begun.elapsed().as_secs_f64(),
            self.depth(),
            100.0 * share
        ));
        let threads = process.threads();
        assert!(
            share < busiest(),
            "{}: it spins: {share:.3} of a processor, before and after by thread: {before:?} {threads:?}",
            fault.name
        );
        assert!(growth < GROWTH, "{}: {growth:+.1} MB", fault.name);
    }

    /// What changes with every failed try: of the sink, and of events.
    fn failures(&self) -> (String, u64) {
        let failures = self.relay.metrics().sum("tendlc_publish_failures_total", &[("sink", self.sink)]);
        (self.relay.sink(self.sink)["last_error_at"].to_string(), failures as u64)
    }

    fn depth(&self) -> f64 {
        self.relay.metrics().sum("tendlc_depth", &[("sink", self.sink)])
    }
}
