//! Three NATS servers with their files.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{one_of_each, relay_over, write};
use crate::support::brokers::{lasting_port, variable};
use crate::support::process::Process;
use crate::support::readers::{self, manifest};
use crate::support::relay::Home;
use crate::support::wait::until;

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
                    "deploy/nats/nats.conf",
                    &[
                        ("listen: 0.0.0.0:4222", format!("listen: 127.0.0.1:{}", clients[number])),
                        ("http: 0.0.0.0:8222", format!("http: 127.0.0.1:{}", lasting_port())),
                        ("store_dir: /data", format!("store_dir: \"{}\"", home.join("data").display())),
                    ],
                );
                let own = ("listen: 0.0.0.0:6222", format!("listen: 127.0.0.1:{}", routes[number]));
                let [one, two, three] = routes.map(|port| format!("127.0.0.1:{port}"));
                let others = [("nats-1:6222", one), ("nats-2:6222", two), ("nats-3:6222", three)];
                write(&home, "deploy/nats/cluster.conf", &[&[own][..], &others].concat());
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

fn relay_over_nats(cluster: &Cluster, user: &str, password: &str, more: toml::Table) -> Home {
    let servers = cluster.urls.iter().map(|url| toml::Value::from(format!("nats://{url}"))).collect();
    let mut own = toml::Table::from_iter([
        ("servers".to_owned(), toml::Value::Array(servers)),
        ("user".to_owned(), user.into()),
        ("password_file".to_owned(), "password".into()),
    ]);
    own.extend(more);
    let home = relay_over("nats", own);
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
    let home = relay_over_nats(&cluster, "admin", ADMIN, create.parse().unwrap());
    let relay = home.start();
    let by_relay = cluster.made(&["stream-config", &admin, "PLIVO_10DLC"]);
    assert_eq!(by_file, by_relay);
    relay.stop();

    let home = relay_over_nats(&cluster, "relay", RELAY, toml::Table::new());
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
