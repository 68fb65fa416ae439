//! What is deployed for brokers: topics by the real tool on a real broker, and three real NATS servers with their files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::runbook::read;
use crate::support::brokers::{kafka, lasting_port, variable};
use crate::support::callback::{ACCOUNT, AUTH_ID, Callback, ORIGIN, PAIRS, TOKEN};
use crate::support::cli;
use crate::support::config::{Config, account, fresh_prefix, topics};
use crate::support::process::Process;
use crate::support::readers::{self, manifest};
use crate::support::relay::{Home, Relay};
use crate::support::wait::until;

/// Sends one callback for each endpoint, and answers their ids.
fn one_of_each(relay: &Relay) -> Vec<String> {
    let endpoints = PAIRS.iter().filter(|(_, status)| *status == "created");
    endpoints.map(|(endpoint, status)| relay.accept(&Callback::new(endpoint, status))).collect()
}

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

/// Three servers, with deploy/nats as it is but for addresses and directories.
struct Cluster {
    servers: Vec<Process>,
    urls: Vec<String>,
    _dir: TempDir,
}

impl Cluster {
    fn start() -> Option<Self> {
        let program = variable("TENDLC_TEST_NATS_BIN")?;
        let dir = tempfile::tempdir().unwrap();
        let (clients, routes) = ([(); 3].map(|()| lasting_port()), [(); 3].map(|()| lasting_port()));
        let servers = (0..3)
            .map(|number| {
                let home = dir.path().join(number.to_string());
                std::fs::create_dir(&home).unwrap();
                write(
                    &home,
                    "nats.conf",
                    &[
                        ("listen: 0.0.0.0:4222", format!("listen: 127.0.0.1:{}", clients[number])),
                        ("http: 0.0.0.0:8222", format!("http: 127.0.0.1:{}", lasting_port())),
                        ("store_dir: /data", format!("store_dir: \"{}\"", home.join("data").display())),
                    ],
                );
                let own = ("listen: 0.0.0.0:6222", format!("listen: 127.0.0.1:{}", routes[number]));
                let [one, two, three] = routes.map(|port| format!("127.0.0.1:{port}"));
                let others = [("nats-1:6222", one), ("nats-2:6222", two), ("nats-3:6222", three)];
                write(&home, "cluster.conf", &[&[own][..], &others].concat());
                let mut command = Command::new(&program);
                command.arg("--config").arg(home.join("cluster.conf"));
                command.env("NATS_NAME", format!("nats-{number}"));
                command.env("NATS_RELAY_PASSWORD", RELAY).env("NATS_ADMIN_PASSWORD", ADMIN);
                Process::spawn(&mut command)
            })
            .collect();
        let urls = clients.map(|port| format!("127.0.0.1:{port}")).into();
        Some(Cluster { servers, urls, _dir: dir })
    }

    /// One that is there to the end, for the administrator.
    fn admin(&self) -> String {
        format!("nats://admin:{ADMIN}@{}", self.urls[0])
    }

    /// Asks until the servers have agreed on who decides.
    fn made(&self, arguments: &[&str]) -> Value {
        let made = until("an answer of the cluster", || {
            let made = readers::try_make(arguments);
            (made.code == Some(0)).then_some(made.out)
        });
        serde_json::from_str(&made).unwrap()
    }
}

const RELAY: &str = "t0ken-relay";
const ADMIN: &str = "t0ken-admin";

/// A file of deploy/nats with each of these replaced.
fn write(home: &Path, name: &str, replaced: &[(&str, String)]) {
    let mut text = read(&format!("deploy/nats/{name}"));
    for (from, to) in replaced {
        assert_eq!(text.matches(from).count(), 1, "{from} in {name}");
        text = text.replace(from, to);
    }
    std::fs::write(home.join(name), text).unwrap();
}

/// deploy/relay/cluster.toml with the NATS sink alone, and `more` for it.
fn relay_over(cluster: &Cluster, user: &str, password: &str, more: toml::Table) -> Home {
    let mut config: toml::Table = read("deploy/relay/cluster.toml").parse().unwrap();
    let mut nats = config["sinks"]["nats"].as_table().unwrap().clone();
    let servers = cluster.urls.iter().map(|url| toml::Value::from(format!("nats://{url}"))).collect();
    nats.insert("servers".to_owned(), toml::Value::Array(servers));
    nats.insert("user".to_owned(), user.into());
    nats.insert("password_file".to_owned(), "password".into());
    nats.extend(more);
    config["sinks"] = toml::Table::from_iter([("nats".to_owned(), nats.into())]).into();
    config["spool"]["path"] = "spool".into();
    config["spool"]["max_size"] = "1GiB".into();
    let listen = || toml::Table::from_iter([("listen".to_owned(), toml::Value::from("127.0.0.1:0"))]);
    let mut ingress = listen();
    ingress.insert("public_urls".to_owned(), vec![ORIGIN].into());
    ingress.insert("drain_delay".to_owned(), "0s".into());
    config.insert("ingress".to_owned(), ingress.into());
    config.insert("admin".to_owned(), listen().into());
    let home = Home::new(&format!("{config}\n{}", account(ACCOUNT, AUTH_ID, TOKEN, None)));
    home.write("password", password);
    home
}

/// The stream of the file is the one that `create` makes, the relay's user needs no more than it is given, and one
/// server may go.
#[test]
fn the_nats_cluster_and_its_stream_are_as_the_relay_needs_them() {
    let Some(mut cluster) = Cluster::start() else { return };
    let admin = cluster.admin();
    let file = manifest("deploy/nats/stream.json");
    let by_file = cluster.made(&["stream-as", &admin, file.to_str().unwrap()]);
    readers::make(&["no-stream", &admin, "PLIVO_10DLC"]);

    let create = "create = { enabled = true, replicas = 3, max_age = \"30d\", max_bytes = \"10GiB\" }";
    let home = relay_over(&cluster, "admin", ADMIN, create.parse().unwrap());
    let relay = home.start();
    let by_relay = cluster.made(&["stream-config", &admin, "PLIVO_10DLC"]);
    assert_eq!(by_file, by_relay);
    relay.stop();

    let home = relay_over(&cluster, "relay", RELAY, toml::Table::new());
    let relay = home.start();
    let mut ids = one_of_each(&relay);
    relay.drained();
    cluster.servers.pop().unwrap().kill();
    ids.extend(one_of_each(&relay));
    relay.drained();
    // Readers have to wait until those that are left have agreed on who decides.
    let found = until("a reading", || {
        let found = readers::try_nats_ids(&admin, "PLIVO_10DLC");
        (found.code == Some(0)).then_some(found.out)
    });
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
    relay.stop();
}
