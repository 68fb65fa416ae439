//! The real Caddy in front, with the Caddyfile it is deployed with.

use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

use crate::runbook::read;
use crate::sim::run::{assert_holds, by_path, sim, verify};
use crate::support::brokers::{lasting_port, variable};
use crate::support::callback::ORIGIN;
use crate::support::cli;
use crate::support::config::Config;
use crate::support::process::Process;
use crate::support::relay::{Home, Relay};
use crate::support::secured::certificate;
use crate::support::wait::until_true;

/// Caddy as it is deployed, but for its ports and its certificate, which nobody on the Internet could give it here.
fn start(program: &str, home: &Home, relay: &Relay, port: u16) -> Process {
    let domain = ORIGIN.strip_prefix("https://").unwrap();
    let plain = lasting_port();
    let mut config = read("deploy/caddy/Caddyfile");
    let tls = format!("tls {} {}", certificate("server.pem").display(), certificate("server.key").display());
    for (old, new) in [
        ("http_port 8080", format!("admin off\n\thttp_port {plain}")),
        ("https_port 8443", format!("https_port {port}")),
        ("{$TENDLC_DOMAIN} {", format!("{{$TENDLC_DOMAIN}} {{\n\t{tls}")),
        ("relay:8080", relay.callbacks.to_string()),
    ] {
        assert!(config.contains(old), "no {old} in {config}");
        config = config.replace(old, &new);
    }
    home.write("Caddyfile", &config);
    let mut command = Command::new(program);
    command.current_dir(home.path("")).args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"]);
    let nowhere = home.path("caddy");
    let mut caddy = Process::spawn(
        command.env("TENDLC_DOMAIN", domain).env("XDG_DATA_HOME", &nowhere).env("XDG_CONFIG_HOME", &nowhere),
    );
    until_true("Caddy listening", || {
        assert!(caddy.ended().is_none(), "it ended:\n{}", caddy.log.tail());
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    });
    caddy
}

/// What is signed comes through as it was, and what is not stays out.
#[test]
fn callbacks_come_through_caddy_as_they_were() {
    let Some(program) = variable("TENDLC_TEST_CADDY") else { return };
    for method in ["post", "get"] {
        let home = Home::new(&Config::files().ingress("trusted_proxies = [\"127.0.0.1\"]").text());
        let relay = home.start();
        let port = lasting_port();
        let mut caddy = start(&program, &home, &relay, port);
        let mut command = sim(&home.path(""), &["send", "--json", "--time-scale", "0.001", "--slow", "0.1"]);
        command.args(["--chaos", "0.1", "--entities", "5", "--callbacks", "60", "--v3", "--method", method]);
        command.args([
            "--to",
            &by_path(),
            "--via",
            &format!("https://localhost:{port}"),
            "--ledger",
            "ledger",
        ]);
        let summary = cli::run(command.arg("--ca-file").arg(certificate("ca.pem"))).json_lines().remove(0);
        assert_eq!(summary["labels"]["genuine"]["given_up"], 0, "{summary:#}");
        relay.drained();
        let verdict = verify(&home, "ledger", "events", &[]);
        assert_holds(&verdict);
        assert_eq!(verdict.1["consumers"][0]["events"], 60);
        caddy.kill();
        relay.stop();
    }
}
