//! Runs of the simulator and of its checker.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::callback::{AUTH_ID, ORIGIN, TOKEN};
use crate::support::cli::{self, Finished, program};
use crate::support::readers::Delivered;
use crate::support::relay::Home;

/// A command of the simulator in this directory.
pub fn sim(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program(env!("CARGO_BIN_EXE_plivo-sim")));
    command.current_dir(dir).args(arguments).env_clear();
    command.env("PLIVO_AUTH_ID", AUTH_ID).env("PLIVO_AUTH_TOKEN", TOKEN);
    command
}

/// The URL that tells the endpoint by its path.
pub fn by_path() -> String {
    format!("{ORIGIN}/tendlc_status/{{endpoint}}/")
}

/// Sends callbacks to the relay with pauses a thousand times as short as Plivo's, and answers the summary.
pub fn send(home: &Home, relay: SocketAddr, to: &str, ledger: &str, more: &[&str]) -> Value {
    let via = format!("http://{relay}");
    let fixed = ["send", "--json", "--time-scale", "0.001", "--slow", "0.2"];
    let mut command = sim(&home.path(""), &fixed);
    command.args(["--to", to, "--via", &via, "--ledger", ledger]).args(more);
    let mut lines = cli::run(&mut command).json_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

/// What the checker says of a directory of event files.
pub fn verify(home: &Home, ledger: &str, events: &str, more: &[&str]) -> (Option<i32>, Value) {
    let read = format!("files={events}");
    let fixed = ["verify-ledger", "--json", "--ledger", ledger, "--read", &read];
    judged(sim(&home.path(""), &fixed).args(more))
}

/// What the checker says of one reading, `NAME=FILE`, against the home's file `ledger`.
pub fn verify_read(home: &Home, read: &str, more: &[&str]) -> (Option<i32>, Value) {
    let fixed = ["verify-ledger", "--json", "--ledger", "ledger", "--read", read];
    judged(sim(&home.path(""), &fixed).args(more))
}

/// What the checker says of what was read from Kafka and NATS, and of the files.
pub fn verify_all(
    home: &Home,
    kafka: &[Delivered],
    nats: &[Delivered],
    more: &[&str],
) -> (Option<i32>, Value) {
    for (name, delivered) in [("kafka.jsonl", kafka), ("nats.jsonl", nats)] {
        let lines = delivered.iter().fold(String::new(), |lines, one| lines + &one.line.to_string() + "\n");
        home.write(name, &lines);
    }
    let brokers = ["--read", "kafka=kafka.jsonl", "--read", "nats=nats.jsonl", "--read", "files=events"];
    let fixed = ["verify-ledger", "--json", "--ledger", "ledger"];
    judged(sim(&home.path(""), &fixed).args(brokers).args(more))
}

/// What the checker says.
pub fn judged(command: &mut Command) -> (Option<i32>, Value) {
    let Finished { code, out, err } = cli::run(command);
    let report = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (code, report)
}

/// How often the first consumer's verdict found something.
pub fn count(report: &Value, kind: &str) -> u64 {
    report["consumers"][0]["found"][kind]["count"].as_u64().unwrap_or_else(|| panic!("no {kind} in {report}"))
}

const BROKEN: [&str; 6] =
    ["lost", "duplicated", "forged_through", "out_of_order", "misread", "unknown_event"];

/// The promises that a report says are broken.
pub fn broken(report: &Value) -> Vec<&'static str> {
    let consumers = report["consumers"].as_array().unwrap();
    let is_broken = |kind: &&str| consumers.iter().any(|one| one["found"][*kind]["count"] != 0);
    BROKEN.into_iter().filter(is_broken).collect()
}

#[track_caller]
pub fn assert_holds((code, report): &(Option<i32>, Value)) {
    assert_eq!((*code, broken(report)), (Some(0), Vec::new()), "{report:#}");
}
