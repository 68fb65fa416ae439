//! Topics by Kafka's own tool, and three brokers with their file.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{one_of_each, relay_over, write};
use crate::support::brokers::{kafka, lasting_port, variable};
use crate::support::callback::Callback;
use crate::support::cli;
use crate::support::config::{Config, fresh_prefix, topics};
use crate::support::process::Process;
use crate::support::readers::{self, is_torture, manifest};
use crate::support::relay::Home;
use crate::support::wait::until_true;

/// Kafka's own tools by their usual names, as its distribution has them.
fn kafka_tools() -> Option<TempDir> {
    let jars = variable("TENDLC_TEST_KAFKA_JARS")?;
    let dir = tempfile::tempdir().unwrap();
    for (name, class) in [("kafka-topics.sh", "TopicCommand"), ("kafka-acls.sh", "AclCommand")] {
        let path = dir.path().join(name);
        let quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";
        let text =
            format!("#!/bin/sh\nexec java {quick} -cp '{jars}/*' org.apache.kafka.tools.{class} \"$@\"\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    Some(dir)
}

#[test]
fn topics_made_by_the_script_are_those_that_the_relay_wants() {
    let (Some(server), Some(tools)) = (kafka(), kafka_tools()) else { return };
    let prefix = fresh_prefix("script");
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let mut script = Command::new("sh");
    script.arg(manifest("deploy/kafka/topics.sh")).arg(&server).env("PATH", path).env("PREFIX", &prefix);
    // One broker cannot hold three copies.
    script.env("REPLICATION", "1").env("MIN_INSYNC_REPLICAS", "1").env("PRINCIPAL", "User:relay");
    let said = cli::run(&mut script).ok();
    assert!(said.contains("User:relay") && said.contains("WRITE"), "{said}");

    // The relay makes none of them.
    let own = format!("[sinks.kafka]\ntype = \"kafka\"\nservers = [\"{server}\"]\n");
    let home = Home::new(&Config::new().tables(&(own + &topics("kafka", &prefix))).text());
    let relay = home.start();
    let mut ids = one_of_each(&relay);
    ids.push(relay.accept(&Callback::with_params("/tendlc_status/", &[("what", "nobody knows")])));
    relay.drained();
    let delivered = readers::kafka(&server, &readers::topics(&prefix));
    let mut found: Vec<&str> = delivered.iter().map(|one| one.id()).collect();
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
    relay.stop();
    let config: Value =
        serde_json::from_str(&readers::make(&["topic-config", &server, &format!("{prefix}.brand")])).unwrap();
    assert_eq!(config["retention.ms"], "2592000000");
    assert_eq!(config["min.insync.replicas"], "1");
}

/// Three brokers, with deploy/kafka/cluster.properties as it is but for names and directories.
struct Brokers {
    servers: Vec<String>,
    processes: Vec<Process>,
    _dir: TempDir,
}

impl Brokers {
    fn start() -> Option<Self> {
        let jars = variable("TENDLC_TEST_KAFKA_JARS")?;
        let dir = tempfile::tempdir().unwrap();
        let (clients, controllers) = ([(); 3].map(|()| lasting_port()), [(); 3].map(|()| lasting_port()));
        let [one, two, three] = controllers;
        let voters = format!("1@127.0.0.1:{one},2@127.0.0.1:{two},3@127.0.0.1:{three}");
        let processes = (0..3)
            .map(|node| {
                let home = dir.path().join(node.to_string());
                std::fs::create_dir(&home).unwrap();
                let at = |host: &str| {
                    format!("CLIENTS://{host}:{},CONTROLLER://{host}:{}", clients[node], controllers[node])
                };
                write(
                    &home,
                    "deploy/kafka/cluster.properties",
                    &[
                        ("node.id=1", format!("node.id={}", node + 1)),
                        ("1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093", voters.clone()),
                        ("CLIENTS://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093", at("127.0.0.1")),
                        ("CLIENTS://kafka-1:9092,CONTROLLER://kafka-1:9093", at("127.0.0.1")),
                        ("rack=zone-a", format!("rack=zone-{node}")),
                        ("/var/lib/kafka/data", home.join("data").display().to_string()),
                    ],
                );
                let java = |class: &str, arguments: &[&str]| {
                    let mut command = Command::new("java");
                    command.args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
                    command.arg(format!("{jars}/*")).arg(class).args(arguments).current_dir(&home);
                    command
                };
                let format = ["format", "-t", "dGVuZGxjLXJlbGF5LXRlcw", "-c", "cluster.properties"];
                cli::run(&mut java("kafka.tools.StorageTool", &format)).ok();
                Process::spawn(&mut java("kafka.Kafka", &["cluster.properties"]))
            })
            .collect();
        let servers = clients.map(|port| format!("127.0.0.1:{port}")).into();
        Some(Brokers { servers, processes, _dir: dir })
    }
}

/// Three Java processes: for those who have the time.
#[test]
fn three_kafka_brokers_with_the_scripts_topics_can_do_without_one() {
    if !is_torture() {
        return;
    }
    let (Some(mut brokers), Some(tools)) = (Brokers::start(), kafka_tools()) else { return };
    let servers = brokers.servers.join(",");
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    until_true("topics on three brokers", || {
        let mut script = Command::new("sh");
        script.arg(manifest("deploy/kafka/topics.sh")).arg(&servers).env("PATH", &path);
        cli::run(&mut script).code == Some(0)
    });
    let addresses = brokers.servers.iter().map(|server| toml::Value::from(server.as_str())).collect();
    let own = toml::Table::from_iter([("servers".to_owned(), toml::Value::Array(addresses))]);
    let home = relay_over("kafka", own);
    let relay = home.start();
    let mut ids = one_of_each(&relay);
    relay.drained();
    brokers.processes.pop().unwrap().kill();
    ids.extend(one_of_each(&relay));
    relay.drained();
    let delivered = readers::kafka(&brokers.servers[..2].join(","), &readers::topics("plivo.10dlc"));
    let mut found: Vec<&str> = delivered.iter().map(|one| one.id()).collect();
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
    relay.stop();
}
