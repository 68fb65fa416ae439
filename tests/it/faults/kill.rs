//! kill -9 at random moments, with every sink.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::dice::dice;
use super::plivo::Plivo;
use super::report::{say, size};
use crate::sim::run::{assert_holds, count, verify_read};
use crate::support::brokers::{self, lasting_port};
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, is_torture, topics};
use crate::support::relay::{Home, Relay};

/// What the order allows a restart.
const RESTART: Duration = Duration::from_secs(2);

#[test]
fn kill_nine_at_any_moment_loses_nothing_on_any_sink() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let prefix = fresh_prefix("kill");
    let config = Config::files().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "");
    let home = Home::new(&config.text());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lasting_port()));
    let relay = home.start_at(address);
    let plivo = Plivo::calling(&home, address, Duration::from_millis(size(2, 10)));
    let cycles = size(20, 200);
    let (relay, mut restarts) = kill_again_and_again(&home, relay, address, cycles);
    let callbacks = plivo.end();
    relay.drained();

    for (name, delivered) in [
        ("kafka.jsonl", readers::kafka(&kafka, &topics(&prefix))),
        ("nats.jsonl", readers::nats(&nats, &prefix, &[])),
    ] {
        home.write(name, &delivered.iter().map(|one| format!("{}\n", one.line)).collect::<String>());
    }
    // JetStream takes each id once. Kafka and files get again what was not known to be published.
    let on_nats = verify_read(&home, "nats=nats.jsonl", &[]);
    let on_kafka = verify_read(&home, "kafka=kafka.jsonl", &["--allow-republished"]);
    let in_files = verify_read(&home, "files=events", &["--allow-republished"]);
    for verdict in [&on_nats, &on_kafka, &in_files] {
        assert_holds(verdict);
        let events = verdict.1["consumers"][0]["events"].as_u64().unwrap();
        assert!(events > 10 * cycles as u64, "{events} events are no load: {:#}", verdict.1);
    }
    restarts.sort_unstable();
    let (median, longest) = (restarts[restarts.len() / 2], restarts[restarts.len() - 1]);
    let again = |verdict: &(Option<i32>, Value)| count(&verdict.1, "republished");
    say(&format!(
        "kill -9: {cycles} cycles, {callbacks} callbacks, none lost on 3 sinks; published again: {} on NATS, {} on Kafka, \
         {} in files; from start to listening: {median:?} (median), {longest:?} (longest)",
        again(&on_nats),
        again(&on_kafka),
        again(&in_files),
    ));
    // Beside the other tests there is no telling who else has the processor.
    assert!(!is_torture() || longest < RESTART, "a restart took {longest:?}");
}

/// Kills and starts it; how long each start took until it listened.
fn kill_again_and_again(
    home: &Home,
    mut relay: Relay,
    address: SocketAddr,
    cycles: usize,
) -> (Relay, Vec<Duration>) {
    let mut dice = dice("kill -9");
    let mut restarts = Vec::with_capacity(cycles);
    for cycle in 0..cycles {
        std::thread::sleep(Duration::from_micros(dice.u64(..400_000)));
        relay.kill();
        if cycle % 4 == 3 {
            // And while it is getting up.
            home.start_and_kill(address, Duration::from_micros(dice.u64(..150_000)));
        }
        let begun = Instant::now();
        relay = home.start_at(address);
        restarts.push(begun.elapsed());
    }
    (relay, restarts)
}
