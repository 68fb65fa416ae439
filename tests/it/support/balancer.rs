//! A balancer in front of replicas: haproxy or nginx, by the files of deploy/balancer with addresses of the test's own.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use super::brokers::{lasting_port, variable};
use super::http;
use super::process::Process;
use super::readers::manifest;
use super::relay::Home;
use super::replica::Replica;
use super::wait::until_true;

/// Which replica gets a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// As the files say: the one that its path belongs to, whether or not there is a slash at its end.
    Path,
    /// The one that its path belongs to, as haproxy's plainest rule by path has it: with the slash it is another path.
    PathAsSent,
    /// One after the other.
    Turns,
}

pub struct Balancer {
    pub process: Process,
    pub address: SocketAddr,
    /// Its configuration is there.
    _home: Home,
}

impl Balancer {
    /// haproxy, which asks each replica whether it is ready.
    pub fn haproxy(rule: Rule, replicas: &[Replica]) -> Option<Self> {
        let program = variable("TENDLC_TEST_HAPROXY")?;
        let (home, address) = (Home::new(""), here());
        home.write("haproxy.cfg", &haproxy(rule, address, replicas));
        let mut command = Command::new(program);
        command.args(["-db", "-f"]).arg(home.path("haproxy.cfg"));
        Some(Balancer::run(&mut command, home, address))
    }

    /// nginx, which finds out by what becomes of callbacks.
    pub fn nginx(rule: Rule, replicas: &[Replica]) -> Option<Self> {
        let program = variable("TENDLC_TEST_NGINX")?;
        let (home, address) = (Home::new(""), here());
        let directory = home.path("");
        home.write("nginx.conf", &nginx(rule, address, replicas, &directory));
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-g", "daemon off;", "-p"]).arg(&directory);
        command.arg("-c").arg(home.path("nginx.conf"));
        Some(Balancer::run(&mut command, home, address))
    }

    fn run(command: &mut Command, home: Home, address: SocketAddr) -> Self {
        let mut process = Process::spawn(command);
        until_true("the balancer and a replica behind it", || {
            assert!(process.ended().is_none(), "{}", process.log.tail());
            // No relay has this path.
            http::send(address, &http::Request::new("GET", "/")).is_ok_and(|answer| answer.status == 404)
        });
        Balancer { process, address, _home: home }
    }
}

fn here() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, lasting_port()).into()
}

fn haproxy(rule: Rule, address: SocketAddr, replicas: &[Replica]) -> String {
    let by_path = "balance hash path,regsub(/+$,)";
    let rule = match rule {
        Rule::Path => by_path,
        Rule::PathAsSent => "balance uri",
        Rule::Turns => "balance roundrobin",
    };
    let mut text = without(&deployed("haproxy.cfg"), "server relay-");
    replace(&mut text, by_path, rule);
    replace(&mut text, "bind :443 ssl crt /etc/haproxy/relay.pem", &format!("bind {address}"));
    // Tests stop replicas every second.
    replace(&mut text, "inter 1s fastinter 500ms fall 2", "inter 100ms fall 1");
    for (id, one) in (1..).zip(replicas) {
        writeln!(text, "    server relay-{id} {} port {} id {id}", one.callbacks, one.admin.port()).unwrap();
    }
    text
}

fn nginx(rule: Rule, address: SocketAddr, replicas: &[Replica], directory: &Path) -> String {
    let by_path = "hash $callback_path consistent;";
    let rule = match rule {
        Rule::Path => by_path,
        Rule::PathAsSent => "hash $request_uri consistent;",
        Rule::Turns => "",
    };
    let mut text = without(&without(&deployed("nginx.conf"), "server relay-"), "ssl_certificate");
    let servers: String = replicas
        .iter()
        .map(|one| format!("server {} max_fails=1 fail_timeout=5s;\n", one.callbacks))
        .collect();
    replace(&mut text, by_path, &format!("{rule}\n{servers}"));
    replace(&mut text, "listen 443 ssl;", &format!("listen {address};"));
    let directory = directory.display();
    replace(&mut text, "/run/nginx.pid", &format!("{directory}/nginx.pid"));
    // Those that the program was built with belong to the system's nginx.
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String = kinds.iter().map(|kind| format!("{kind}_temp_path {directory}/{kind};\n")).collect();
    replace(&mut text, "http {", &format!("http {{\n{places}"));
    text
}

fn deployed(name: &str) -> String {
    std::fs::read_to_string(manifest("deploy/balancer").join(name)).unwrap()
}

fn without(text: &str, beginning: &str) -> String {
    let kept = text.lines().filter(|line| !line.trim_start().starts_with(beginning));
    kept.fold(String::new(), |kept, line| kept + line + "\n")
}

fn replace(text: &mut String, old: &str, new: &str) {
    assert_eq!(text.matches(old).count(), 1, "{old} in {text}");
    *text = text.replace(old, new);
}
