//! Faults of a Kafka broker.

use std::cell::RefCell;
use std::net::Ipv4Addr;

use super::scene::{Fault, SHORTEST, Scene, minutes};
use crate::faults::report::size;
use crate::support::brokers::{Own, lasting_port};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::proxy::Proxy;
use crate::support::readers::{self, Delivered, topics};
use crate::support::wait::until_true;

const PASSWORD: &str = "t0ken-kafka";

/// A broker of one test's own, and a relay that comes to it by a proxy and has to say who it is.
struct Case {
    broker: Own,
    proxy: Proxy,
    prefix: String,
    scene: Scene,
}

impl Case {
    /// One broker, and a relay that makes its topics.
    fn new() -> Option<Self> {
        let (proxy, broker) = broker()?;
        let prefix = fresh_prefix("kafka");
        // The client's own patience is the usual one, which is longer than any fault here.
        let scene = Scene::new("kafka", &config(&proxy, &prefix, ""));
        Some(Case { broker, proxy, prefix, scene })
    }

    /// Two brokers, the second of which only follows; both have to have what is acknowledged. The topics are there, and
    /// the relay makes none.
    fn of_two() -> Option<(Self, Own)> {
        let (proxy, broker) = broker()?;
        let mut second = broker.second();
        second.start();
        let prefix = fresh_prefix("kafka");
        readers::make(&["topics-on-two", &broker.address(), &prefix]);
        let config = config(&proxy, &prefix, "timeout = \"5s\"")
            .replace("create = { enabled = true", "create = { enabled = false");
        let scene = Scene::new("kafka", &config);
        Some((Case { broker, proxy, prefix, scene }, second))
    }

    /// `before` is what was read from topics that are no more.
    fn ends(self, faults: &str, mut before: Vec<Delivered>) {
        let threads = || self.scene.relay.process.threads();
        until_true("the end of every producer that was replaced", || {
            !threads().iter().any(|(name, _)| name == "kafka-retired")
        });
        self.scene.ends(faults, &["--allow-republished"], |_| {
            before.extend(read(&self.broker, &self.prefix));
            before
        });
    }
}

/// A broker behind a proxy.
fn broker() -> Option<(Proxy, Own)> {
    let clients = (Ipv4Addr::LOCALHOST, lasting_port()).into();
    let proxy = Proxy::to(clients);
    let mut broker = Own::kafka_behind(clients, proxy.address())?;
    broker.start();
    let_in(&broker);
    Some((proxy, broker))
}

fn config(proxy: &Proxy, prefix: &str, lines: &str) -> String {
    let mechanism = "SCRAM-SHA-512";
    let sasl =
        format!("sasl = {{ mechanism = \"{mechanism}\", username = \"relay\", password = \"{PASSWORD}\" }}");
    let lines = format!("{sasl}\n{lines}");
    Config::new().kafka_sink(&proxy.address().to_string(), prefix, &lines).text()
}

/// Of the brands' topic: Plivo's callbacks here are about brands.
fn read(broker: &Own, prefix: &str) -> Vec<Delivered> {
    readers::kafka(&broker.address(), &topics(prefix)[..1])
}

fn let_in(broker: &Own) {
    readers::make(&["user", &broker.address(), "relay", PASSWORD]);
}

/// A look at a cluster that does not answer takes seconds.
fn fault<'a>(name: &'a str, codes: &'a [&'a str]) -> Fault<'a> {
    Fault { name, codes, tries: size(2, 8), lasts: SHORTEST }
}

#[test]
fn a_kafka_that_is_away_silent_or_turns_us_away_costs_nothing() {
    let Some(mut case) = Case::new() else { return };
    let down = ["connection", "timeout"];
    let Case { broker, proxy, scene, .. } = &mut case;
    scene.through(&fault("black-holed", &down), || proxy.swallow(), || proxy.heal());
    let slow = Fault { lasts: minutes(), ..fault("slow", &down) };
    scene.through(&slow, || broker.freeze(), || broker.thaw());
    for bytes in (0..size(5, 50)).map(|turn| 20_000 + 777 * turn) {
        proxy.cut_after(bytes);
        until_true("the reset in the midst of a batch", || proxy.was_cut());
        scene.publishes();
    }
    scene.recovers();
    let turn_away = || {
        readers::make(&["no-user", &broker.address(), "relay"]);
        // Who is in stays in.
        proxy.reset();
    };
    scene.through(&fault("authentication revoked", &["authentication"]), turn_away, || let_in(broker));
    // The only broker there is.
    let broker = RefCell::new(broker);
    let refused = fault("leader gone, connections refused", &down);
    scene.through(&refused, || broker.borrow_mut().kill(), || broker.borrow_mut().start());
    scene.settles();
    let before = read(&case.broker, &case.prefix);
    readers::make(&["no-topics", &case.broker.address(), &case.prefix]);
    case.scene.recovers();
    case.ends(
        "black-holed, slow, reset in the midst of batches, authentication revoked, leader gone, topics deleted",
        before,
    );
}

#[test]
fn a_kafka_that_does_not_take_a_topics_events_is_waited_for() {
    let Some((case, second)) = Case::of_two() else { return };
    let Case { broker, scene, prefix, .. } = &case;
    let make = |what: &str, more: &[&str]| {
        readers::make(&[&[what, &broker.address()], more].concat());
    };
    let config = |name: &str, value: &str| make("config", &[prefix, name, value]);
    let second = RefCell::new(second);
    let (away, back) = (|| second.borrow_mut().kill(), || second.borrow_mut().start());
    scene.through(&fault("not enough replicas", &["timeout", "unsafe"]), away, back);
    let (deny, allow) = (|| make("deny", &["relay", prefix]), || make("allow", &["relay", prefix]));
    scene.through(&fault("authorization revoked", &["authorization"]), deny, allow);
    config("max.message.bytes", "10000");
    scene.buries(&Callback::new("campaign", "created").param("padding", &"p".repeat(20_000)));
    config("max.message.bytes", "1000000");
    let mut before = Vec::new();
    let delete = || {
        scene.settles();
        before = read(broker, prefix);
        make("no-topics", &[prefix]);
        scene.goes_on();
    };
    scene.through(&fault("topics deleted", &["missing"]), delete, || make("topics-on-two", &[prefix]));
    case.ends("not enough replicas, authorization revoked, an event too large, topics deleted", before);
}
