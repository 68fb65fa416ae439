//! A replica is taken away: in good order, or lost with its volume left.

use std::time::Duration;

use crate::faults::plivo::{Calls, Plivo, attempts_of_all_delivered, slowest_of_all_taken_at_once};
use crate::faults::report::{say, size};
use crate::sim::run::{broken, verify_read};
use crate::support::balancer::{Balancer, Rule};
use crate::support::brokers;
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::proxy::Proxy;
use crate::support::readers;
use crate::support::relay::Home;
use crate::support::replica::Replica;
use crate::support::wait::until_true;

/// Two replicas behind haproxy, and a Plivo that calls.
struct Case {
    home: Home,
    leaving: Replica,
    staying: Replica,
    plivo: Plivo,
    _balancer: Balancer,
}

impl Case {
    fn new(leaving: &Config, staying: &Config) -> Option<Self> {
        let mut replicas = vec![Replica::new(&leaving.text()), Replica::new(&staying.text())];
        let balancer = Balancer::haproxy(Rule::Path, &replicas)?;
        let home = Home::new("");
        let paths = (0..12).map(|tag| format!("/tendlc_status/acme/t{tag}/")).collect();
        let calls = Calls { time_scale: "0.01", paths, ..Calls::every(Duration::from_millis(5)) };
        let plivo = Plivo::making(&home, balancer.address, &calls);
        let (staying, leaving) = (replicas.remove(1), replicas.remove(0));
        Some(Case { home, leaving, staying, plivo, _balancer: balancer })
    }

    /// Callbacks end, of which none is lost or twice on the stream. How many there were. Where a path changes its replica,
    /// the old one's last events and the new one's first may pass each other.
    fn ends(mut self, nats: &str, stream: &str) -> (usize, Home) {
        let callbacks = self.plivo.end();
        self.staying.relay().drained();
        let brands = format!("{stream}.brand");
        let read = readers::nats(nats, stream, &["--subject", &brands]);
        self.home
            .write("reading.jsonl", &read.iter().map(|one| format!("{}\n", one.line)).collect::<String>());
        let (_, report) = verify_read(&self.home, "nats=reading.jsonl", &[]);
        let broken: Vec<_> = broken(&report).into_iter().filter(|kind| *kind != "out_of_order").collect();
        assert!(broken.is_empty(), "{report:#}");
        self.staying.stop();
        (callbacks, self.home)
    }
}

#[test]
fn a_replica_that_is_drained_under_load_has_nothing_left_that_could_be_lost() {
    let Some(nats) = brokers::nats() else { return };
    let stream = fresh_prefix("drained");
    // Longer than haproxy needs to see that it is not ready.
    let config = Config::new().drain_delay("1s").nats_sink(&nats, &stream, "");
    let Some(mut case) = Case::new(&config, &config) else { return };
    case.leaving.relay().takes_more();
    let drained = case.leaving.home.run(&["drain", "--yes", "--until-published"]);
    drained.ok();
    case.leaving.relay().drained();
    // In no good order at all.
    case.leaving.kill();
    case.staying.relay().takes_more();
    let (callbacks, home) = case.ends(&nats, &stream);
    let slowest = slowest_of_all_taken_at_once(&home);
    say(&format!(
        "a replica drained under load and then killed: {callbacks} callbacks, all taken at once, the slowest in {slowest:?}, \
         each once on NATS"
    ));
}

#[test]
fn a_lost_replicas_volume_is_adopted_under_load_and_nothing_is_lost() {
    let Some(nats) = brokers::nats() else { return };
    let stream = fresh_prefix("adopted");
    let proxy = Proxy::to(nats.strip_prefix("nats://").unwrap().parse().unwrap());
    let cut_off = Config::new().nats_sink(&format!("nats://{}", proxy.address()), &stream, "");
    let Some(mut case) = Case::new(&cut_off, &Config::new().nats_sink(&nats, &stream, "")) else { return };
    let depth = |replica: &Replica| replica.relay().metrics().sum("tendlc_depth", &[("sink", "nats")]);
    case.staying.relay().takes_more();
    proxy.swallow();
    let waiting = size(300.0, 5_000.0);
    until_true("callbacks that wait on the replica that will be lost", || depth(&case.leaving) > waiting);
    // By another path than Plivo's here.
    let known = Callback::new("campaign", "created");
    let id = case.leaving.relay().accept(&known);
    let lost = depth(&case.leaving);
    case.leaving.kill();
    let file = case.leaving.home.path("lost.jsonl");
    let file = file.to_str().unwrap();
    case.leaving.home.run(&["spool", "export", file]).ok();
    case.staying.relay().takes_more();
    let imported = case.staying.home.run(&["spool", "import", file, "--yes"]).json_lines().remove(0);
    let adopted = &imported["imported"]["to_publish"]["nats"];
    // What Plivo tried again meanwhile is here already.
    assert!(adopted.as_f64().unwrap() > waiting / 2.0, "{imported}");
    case.staying.relay().takes_more();
    // Its retry, and what was made of it.
    let retried = case.staying.relay().send(&known);
    assert_eq!((retried.text("status").as_str(), retried.text("id")), ("duplicate", id));
    let tampered = case.staying.relay().send(&known.param("more", "than there was"));
    assert_eq!(tampered.text("status"), "quarantined");
    let told = format!(
        "a replica lost with {lost} events that only its volume had, adopted under load ({adopted} published)"
    );
    let (callbacks, home) = case.ends(&nats, &stream);
    let attempts = attempts_of_all_delivered(&home);
    say(&format!("{told}: {callbacks} callbacks in {attempts} attempts, none given up, each once on NATS"));
}
