//! What is deployed for brokers, run by real ones: topics, a stream, and clusters of three.

mod kafka;
mod nats;

use std::path::Path;

use serde_json::Value;

use crate::runbook::read;
use crate::support::callback::{ACCOUNT, AUTH_ID, Callback, ORIGIN, PAIRS, TOKEN};
use crate::support::config::{Config, account};
use crate::support::relay::{Home, Relay};

/// Sends one callback for each endpoint, and answers their ids.
fn one_of_each(relay: &Relay) -> Vec<String> {
    let endpoints = PAIRS.iter().filter(|(_, status)| *status == "created");
    endpoints.map(|(endpoint, status)| relay.accept(&Callback::new(endpoint, status))).collect()
}

/// A file of the repository with each of these replaced, under its own name.
fn write(home: &Path, path: &str, replaced: &[(&str, String)]) {
    let mut text = read(path);
    for (from, to) in replaced {
        assert_eq!(text.matches(from).count(), 1, "{from} in {path}");
        text = text.replace(from, to);
    }
    std::fs::write(home.join(Path::new(path).file_name().unwrap()), text).unwrap();
}

/// deploy/relay/cluster.toml with one of its sinks alone, and `own` for it.
fn relay_over(sink: &str, own: toml::Table) -> Home {
    let mut config: toml::Table = read("deploy/relay/cluster.toml").parse().unwrap();
    let mut table = config["sinks"][sink].as_table().unwrap().clone();
    table.extend(own);
    config["sinks"] = toml::Table::from_iter([(sink.to_owned(), table.into())]).into();
    config["spool"]["path"] = "spool".into();
    config["spool"]["max_size"] = "1GiB".into();
    let listen = || toml::Table::from_iter([("listen".to_owned(), toml::Value::from("127.0.0.1:0"))]);
    let mut ingress = listen();
    ingress.insert("public_urls".to_owned(), vec![ORIGIN].into());
    ingress.insert("drain_delay".to_owned(), "0s".into());
    config.insert("ingress".to_owned(), ingress.into());
    config.insert("admin".to_owned(), listen().into());
    Home::new(&format!("{config}\n{}", account(ACCOUNT, AUTH_ID, TOKEN, None)))
}

/// Without PREFIX they are the topics that the relay publishes to by itself.
#[test]
fn the_scripts_topics_are_the_relays_own() {
    let script = read("deploy/kafka/topics.sh");
    let config = Home::new(&Config::new().tables("[sinks.k]\ntype = \"kafka\"\nservers = [\"h:1\"]").text());
    let config: toml::Table = config.run(&["check-config"]).ok().parse().unwrap();
    let prefix = script.split("prefix=${PREFIX:-").nth(1).unwrap().split('}').next().unwrap();
    let named = script.split("for endpoint in ").nth(1).unwrap().split(';').next().unwrap();
    let stream: Value = serde_json::from_str(&read("deploy/nats/stream.json")).unwrap();
    let topics = config["sinks"]["k"]["topics"].as_table().unwrap();
    assert_eq!(topics.len(), named.split(' ').count());
    for (endpoint, template) in topics {
        let topic = template.as_str().unwrap().replace("{endpoint}", endpoint);
        assert!(named.split(' ').any(|name| topic == format!("{prefix}.{name}")), "{topic}");
        assert!(stream["subjects"].as_array().unwrap().iter().any(|subject| *subject == *topic), "{topic}");
    }
}
