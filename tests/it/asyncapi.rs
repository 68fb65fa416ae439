//! `asyncapi`, held against AsyncAPI's own parser and against what is really on the brokers.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::brokers::{self, variable};
use crate::support::callback::{Callback, PAIRS};
use crate::support::cli;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, manifest, topics};
use crate::support::relay::Home;

/// What the parser is run by, where it could be had.
struct Parser {
    node: String,
    modules: String,
}

impl Parser {
    fn here() -> Option<Self> {
        let node = variable("TENDLC_TEST_ASYNCAPI_NODE")?;
        Some(Parser { node, modules: variable("TENDLC_TEST_ASYNCAPI_NODE_PATH")? })
    }

    /// What it has to say of each document, with records held against all of them.
    fn judge(&self, documents: &[Value], records: &[&Value]) -> Vec<Value> {
        let dir = TempDir::new().unwrap();
        let written = documents.iter().enumerate().map(|(place, document)| {
            let path = dir.path().join(format!("{place}.json"));
            std::fs::write(&path, document.to_string()).unwrap();
            path
        });
        let written: Vec<PathBuf> = written.collect();
        let mut command = Command::new(&self.node);
        command.arg(manifest("tests/asyncapi/validate.js")).args(written).env("NODE_PATH", &self.modules);
        let input: String = records.iter().map(|record| format!("{record}\n")).collect();
        let finished = cli::run_with_input(&mut command, &input);
        let answers: Vec<Value> =
            finished.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), documents.len(), "{}", finished.err);
        let is_good = answers.iter().all(|answer| answer["errors"] == json!([]));
        assert_eq!(finished.code, Some(i32::from(!is_good)), "{}", finished.err);
        answers
    }
}

/// What the command prints under a configuration.
fn printed(config: &str) -> Value {
    let out = Home::new(config).run(&["asyncapi"]).ok();
    serde_json::from_str(&out).unwrap()
}

const SECURED: &str = "\
[sinks.kafka]
type = \"kafka\"
servers = [\"k1.example.com:9093\", \"[2001:db8::1]:9093\"]
content_mode = \"binary\"
required = false
raw = [\"brand_id\", \"status\"]
create = { enabled = true, partitions = 6, replication = 3, min_insync_replicas = 2, retention = \"30d\" }
[sinks.kafka.tls]
[sinks.kafka.sasl]
mechanism = \"SCRAM-SHA-512\"
username = \"t0ken-user\"
password = \"t0ken-password\"
[sinks.kafka.topics]
brand = \"plivo.{account}.{endpoint}\"
number_linking = \"plivo.numbers\"
number_unlinking = \"plivo.numbers\"
[sinks.bearer]
type = \"kafka\"
servers = [\"k3.example.com:9093\"]
sasl = { mechanism = \"OAUTHBEARER\", token_command = [\"t0ken-program\"] }
[sinks.nats]
type = \"nats\"
servers = [\"tls://n1.example.com\", \"nats://[2001:db8::2]:4223\"]
content_mode = \"binary\"
token_file = \"t0ken-file\"
topics = { brand = \"all.{account}\", campaign = \"all.{account}\", number_linking = \"all.{account}\", number_unlinking = \"all.{account}\", unrecognized = \"all.{account}\" }
";

#[test]
fn the_official_parser_takes_the_document_of_every_kind_of_configuration() {
    let Some(parser) = Parser::here() else { return };
    let shipped = ["relay", "kafka", "nats"]
        .map(|name| std::fs::read_to_string(manifest(&format!("config/{name}.toml"))).unwrap());
    let configurations = [shipped.to_vec(), vec![Config::files().tables(SECURED).text()]].concat();
    let documents: Vec<Value> = configurations.iter().map(|config| printed(config)).collect();
    let secured = documents[3].to_string();
    assert!(!secured.contains("t0ken") && secured.contains("n1.example.com:4222"), "{secured}");
    let judged = parser.judge(&documents, &[]);
    let counts: Vec<(&Value, &Value)> =
        judged.iter().map(|one| (&one["channels"], &one["examples"])).collect();
    // A channel for each topic; an example for each documented status, and one that could not be placed.
    let each = |channels: u64, examples: u64| (json!(channels), json!(examples));
    let expected = [each(5, 13), each(5, 13), each(5, 13), each(5 + 4 + 5 + 1, 4 * 13)];
    for ((found, expected), one) in counts.into_iter().zip(&expected).zip(&judged) {
        assert_eq!((found, &one["errors"]), ((&expected.0, &expected.1), &json!([])));
    }
}

/// Else the test above could not fail.
#[test]
fn the_parser_refuses_a_document_that_is_wrong() {
    let Some(parser) = Parser::here() else { return };
    let good = printed(&Config::files().text());
    let wrong = |change: fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document);
        assert_ne!(document, good);
        document
    };
    let documents = [
        wrong(|document| document["operations"]["publish.files.brand"]["action"] = json!("shout")),
        wrong(|document| document["servers"]["files"]["protocol"] = json!(7)),
        wrong(|document| {
            document["channels"]["files.brand"]["messages"]["brand"]["$ref"] = json!("#/nowhere")
        }),
        wrong(|document| document["components"]["schemas"]["brand"]["schema"]["type"] = json!("nonsense")),
        wrong(|document| {
            let example = &mut document["components"]["messages"]["files.brand"]["examples"][0];
            example["payload"]["data"]["status"] = json!("perhaps");
        }),
    ];
    let nowhere = json!({ "topic": "nowhere", "headers": {}, "value": {} });
    for (place, judged) in parser.judge(&documents, &[]).iter().enumerate() {
        assert_ne!(judged["errors"], json!([]), "document {place}");
    }
    let stray = parser.judge(std::slice::from_ref(&good), &[&nowhere]);
    assert_eq!(stray[0]["errors"], json!(["nowhere is no channel of the document"]));
}

#[test]
fn what_is_on_the_brokers_is_on_channels_of_the_document_and_fits_its_messages() {
    let Some(parser) = Parser::here() else { return };
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    for mode in ["structured", "binary"] {
        let (prefix, nats_prefix) = (fresh_prefix("asyncapi"), fresh_prefix("asyncapi"));
        let lines = format!("content_mode = \"{mode}\"");
        let config = Config::new().kafka_sink(&kafka, &prefix, &lines).nats_sink(&nats, &nats_prefix, &lines);
        let home = Home::new(&config.text());
        let relay = home.start();
        for (endpoint, status) in PAIRS {
            relay.accept(&Callback::new(endpoint, status));
        }
        relay.accept(&Callback::with_params("/tendlc_status/", &[("surprise", "x")]));
        relay.drained();
        let replayed = ["replay", "--yes", "--sink", "nats", "--from-sequence", "1", "--to", "1"];
        home.run(&replayed).ok();
        let on_kafka = readers::kafka(&kafka, &topics(&prefix));
        let on_nats = readers::nats(&nats, &nats_prefix, &["--count", "14"]);
        assert_eq!((on_kafka.len(), on_nats.len()), (13, 14));
        assert!(on_nats.iter().any(|one| one.headers.contains_key("tendlc-replay")));
        let records: Vec<&Value> = on_kafka.iter().chain(&on_nats).map(|one| &one.line).collect();
        let document: Value = serde_json::from_str(&home.run(&["asyncapi"]).ok()).unwrap();
        let expected = json!({ "errors": [], "channels": 10, "examples": 26, "records": 27 });
        assert_eq!(parser.judge(&[document], &records), [expected]);
    }
}

#[test]
fn a_configuration_that_is_wrong_is_told_and_a_missing_account_does_not_matter() {
    let no_account = Home::new(&Config::files().accounts("").text());
    assert!(no_account.run(&["asyncapi"]).ok().contains("plivo.10dlc.brand.jsonl"));
    let wrong = Home::new(&Config::files().file_sink("other", "raw = \"nome\"").text()).run(&["asyncapi"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(2), ""));
    assert!(wrong.err.contains("sinks.other.raw"), "{}", wrong.err);
    let user_in_url = "[sinks.nats]\ntype = \"nats\"\nservers = [\"nats://u:t0ken-p@n:4222\"]\n";
    let refused = Home::new(&Config::new().tables(user_in_url).text()).run(&["asyncapi"]);
    assert_eq!(refused.code, Some(2));
    assert!(!refused.err.contains("t0ken-p"), "{}", refused.err);
}
