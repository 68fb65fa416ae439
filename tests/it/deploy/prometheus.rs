//! The real Prometheus, with the files it is deployed with.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::api::Api;
use crate::runbook::read;
use crate::support::brokers::{lasting_port, variable};
use crate::support::callback::Callback;
use crate::support::cli;
use crate::support::config::Config;
use crate::support::process::Process;
use crate::support::readers::manifest;
use crate::support::relay::{Home, Relay};
use crate::support::wait::{until, until_true};

#[test]
fn the_rules_pass_their_own_tests() {
    let Some(promtool) = variable("TENDLC_TEST_PROMTOOL") else { return };
    let mut command = Command::new(promtool);
    command.args(["test", "rules"]);
    for name in ["alerts.yml", "silence.yml"] {
        command.arg(manifest("deploy/prometheus/tests").join(name));
    }
    cli::run(&mut command).ok();
}

/// A server with an HTTP interface, in a directory of its own.
struct Server {
    process: Process,
    api: Api,
    _dir: TempDir,
}

impl Server {
    fn start(program: &str, dir: TempDir, port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.current_dir(dir.path()).arg(format!("--web.listen-address=127.0.0.1:{port}")).args(arguments);
        let api = Api(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let mut server = Server { process: Process::spawn(&mut command), api, _dir: dir };
        until_true("a server that is ready", || {
            let ended = server.process.ended();
            assert!(ended.is_none(), "{ended:?}:\n{}", server.process.log.tail());
            server.api.get("/-/ready").is_some()
        });
        server
    }
}

/// Prometheus as it is deployed, but for addresses and for its pace; and it has no Alertmanager to tell.
fn prometheus(program: &str, relay: &Relay) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let port = lasting_port();
    let config = read("deploy/prometheus/prometheus.yml");
    for name in ["relay:9464", "alertmanager:9093", "localhost:9090", "_interval: 15s"] {
        assert!(config.contains(name), "{name}");
    }
    let config = config
        .replace("relay:9464", &relay.admin.to_string())
        .replace("alertmanager:9093", "127.0.0.1:9")
        .replace("localhost:9090", &format!("127.0.0.1:{port}"))
        .replace("_interval: 15s", "_interval: 1s")
        .replace("rules/", &format!("{}/", manifest("deploy/prometheus/rules").display()));
    std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
    let arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"];
    Server::start(program, dir, port, &arguments)
}

/// From a callback that was tampered with to the alert that tells whom to ask.
#[test]
fn a_tampered_callback_makes_an_alert_fire() {
    let Some(program) = variable("TENDLC_TEST_PROMETHEUS") else { return };
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let prometheus = prometheus(&program, &relay);

    // All is well, and that was seen: the counters stood at 0.
    for query in ["up{job=\"tendlc-relay\"} == 1", "tendlc:verifications_refused:rate5m == 0"] {
        until_true(query, || !prometheus.api.query(query).is_empty());
    }
    assert_eq!(prometheus.api.firing(), Vec::<Value>::new());

    let callback = Callback::new("brand", "registered");
    relay.accept(&callback);
    let answer = relay.send(&callback.param("reason", "another"));
    assert_eq!((answer.status, answer.text("status").as_str()), (200, "quarantined"));

    let firing = until("an alert", || Some(prometheus.api.firing()).filter(|firing| !firing.is_empty()));
    let [alert] = firing.as_slice() else { panic!("{firing:?}") };
    assert_eq!(alert["labels"]["alertname"], "TendlcNonceConflict", "{alert}");
    assert_eq!(alert["labels"]["severity"], "critical", "{alert}");
    assert_eq!(alert["annotations"]["runbook"], "docs/runbook.md#a-nonce-conflict", "{alert}");
    let summary = alert["annotations"]["summary"].as_str().unwrap();
    assert!(summary.starts_with(&relay.admin.to_string()), "{summary}");

    // What the dashboards show is answered by all of this; only failures of sinks are none.
    for query in super::grafana::queries() {
        until_true(&query, || !prometheus.api.query(&query).is_empty() || query.ends_with("> 0"));
    }
    relay.stop();
}
