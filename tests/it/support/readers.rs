//! Independent clients, written in Python: confluent-kafka, nats-py, and CloudEvents' own SDK.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::brokers::variable;
use super::cli::{self, Finished};

/// Whether this is `make torture`, whose runs are larger by far.
pub fn is_torture() -> bool {
    std::env::var_os("TENDLC_TEST_TORTURE").is_some_and(|value| !value.is_empty())
}

/// How long a reader may take, in seconds.
fn patience() -> &'static str {
    if is_torture() { "600" } else { "50" }
}

/// What a reader found on a broker.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub topic: String,
    pub key: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// The payload.
    pub value: Value,
    /// The reader's whole line.
    pub line: Value,
}

impl Delivered {
    fn read(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line.get("repeated_headers").is_none(), "a header twice: {line}");
        Delivered {
            topic: line["topic"].as_str().unwrap().to_owned(),
            key: line["key"].as_str().map(str::to_owned),
            headers: serde_json::from_value(line["headers"].clone()).unwrap(),
            value: line["value"].clone(),
            line,
        }
    }

    /// The idempotency key that consumers go by.
    pub fn id(&self) -> &str {
        self.header("idempotency-key")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}

/// Everything that is on these topics now.
pub fn kafka(servers: &str, topics: &[String]) -> Vec<Delivered> {
    kafka_with(servers, topics, &[])
}

/// The same, with properties of the client as `name=value`.
pub fn kafka_with(servers: &str, topics: &[String], properties: &[String]) -> Vec<Delivered> {
    let mut reader = python("readers/read_kafka.py");
    reader.args(["--servers", servers, "--timeout", patience()]);
    for topic in topics {
        reader.args(["--topic", topic]);
    }
    for property in properties {
        reader.args(["-X", property]);
    }
    delivered(reader)
}

/// Everything that is in this stream now.
pub fn nats(url: &str, stream: &str, more: &[&str]) -> Vec<Delivered> {
    let mut reader = python("readers/read_nats.py");
    delivered(reader.args(["--url", url, "--stream", stream, "--timeout", patience()]).args(more))
}

/// The idempotency keys of everything that is in this stream now.
pub fn nats_ids(url: &str, stream: &str) -> Vec<String> {
    try_nats_ids(url, stream).ok().lines().map(str::to_owned).collect()
}

/// The same, a line each, where servers may be busy with each other.
pub fn try_nats_ids(url: &str, stream: &str) -> Finished {
    let mut reader = python("readers/read_nats.py");
    cli::run(reader.args([
        "--url",
        url,
        "--stream",
        stream,
        "--timeout",
        patience(),
        "--only",
        "idempotency-key",
    ]))
}

fn delivered(mut reader: impl std::borrow::BorrowMut<Command>) -> Vec<Delivered> {
    cli::run(reader.borrow_mut()).ok().lines().map(Delivered::read).collect()
}

/// Holds events, or what a reader found, against the schemas and loads them with the SDK; answers how many it took
/// for structured and for binary.
pub fn validate<'a>(lines: impl IntoIterator<Item = &'a Value>) -> (usize, usize) {
    let input: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
    let schemas = manifest("config/schemas");
    let results = cli::run_with_input(python("readers/validate.py").arg(schemas), &input).json_lines();
    assert!(results.iter().all(|result| result["ok"] == true));
    let count = |mode| results.iter().filter(|result| result["mode"] == mode).count();
    (count("structured"), count("binary"))
}

/// Makes what a relay must not make by itself, as an operator would.
pub fn make(arguments: &[&str]) -> String {
    try_make(arguments).ok()
}

/// The same where it may fail.
pub fn try_make(arguments: &[&str]) -> Finished {
    cli::run(python("it/support/make.py").args(arguments))
}

/// A script of the tests, run by the interpreter that has the clients.
fn python(script: &str) -> Command {
    let interpreter = variable("TENDLC_TEST_PYTHON").expect("set together with the brokers");
    let mut command = Command::new(interpreter);
    command.arg(manifest("tests").join(script));
    command
}

/// A path in the repository.
pub fn manifest(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The five topics of a sink whose names begin so.
pub fn topics(prefix: &str) -> Vec<String> {
    let kinds = ["brand", "campaign", "number_linking", "number_unlinking", "unrecognized"];
    kinds.iter().map(|kind| format!("{prefix}.{kind}")).collect()
}
