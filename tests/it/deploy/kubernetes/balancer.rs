//! The balancer's configuration, with the real haproxy before two real replicas.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use super::chart::Objects;
use crate::support::brokers::{lasting_port, variable};
use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::http::{self, Request};
use crate::support::process::Process;
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

/// Two addresses of this machine, at which a replica each has the same ports, as pods do.
const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];

struct Ports {
    callbacks: u16,
    admin: u16,
    balancer: u16,
    health: u16,
}

/// The rendered configuration, with addresses of this machine for names and ports of the cluster.
fn configuration(objects: &Objects, ports: &Ports) -> String {
    let map = objects.one("ConfigMap", "relay-tendlc-relay-balancer");
    let mut text = map["data"]["haproxy.cfg"].as_str().unwrap().to_owned();
    let mut replace = |from: String, to: String| {
        assert_eq!(text.matches(&from).count(), 1, "{from} in\n{text}");
        text = text.replace(&from, &to);
    };
    for (number, host) in HOSTS.iter().enumerate() {
        let service = "relay-tendlc-relay-replicas.messaging.svc.cluster.local";
        replace(format!("relay-tendlc-relay-{number}.{service}:8080"), format!("{host}:{}", ports.callbacks));
    }
    replace("port 9464".to_owned(), format!("port {}", ports.admin));
    replace("bind :8080".to_owned(), format!("bind 127.0.0.1:{}", ports.balancer));
    replace("bind :8081".to_owned(), format!("bind 127.0.0.1:{}", ports.health));
    text
}

fn replica(home: &Home, host: Ipv4Addr, ports: &Ports) -> Relay {
    home.start_with(|command| {
        command
            .env("TENDLC_INGRESS__LISTEN", format!("{host}:{}", ports.callbacks))
            .env("TENDLC_ADMIN__LISTEN", format!("{host}:{}", ports.admin));
    })
}

fn send(address: SocketAddr, callback: &Callback) -> String {
    let answer = http::send(address, &callback.request()).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text("status")
}

/// Whoever has seen a callback can send it to the other spelling of its path with another body: the signature is good
/// for both. The replica that took it first knows better.
#[test]
fn a_replay_with_another_slash_meets_the_ledger_that_knows_it() {
    let (Some(program), Some(objects)) = (variable("TENDLC_TEST_HAPROXY"), Objects::of("minimal")) else {
        return;
    };
    let [callbacks, admin, balancer, health] = [(); 4].map(|()| lasting_port());
    let ports = Ports { callbacks, admin, balancer, health };
    let config = Config::files().text();
    let homes = HOSTS.map(|_| Home::new(&config));
    let relays = [0, 1].map(|number| replica(&homes[number], HOSTS[number], &ports));
    homes[0].write("haproxy.cfg", &configuration(objects, &ports));
    let mut haproxy =
        Process::spawn(Command::new(program).args(["-db", "-f"]).arg(homes[0].path("haproxy.cfg")));
    let [address, health] = [ports.balancer, ports.health].map(|port| SocketAddr::from((HOSTS[0], port)));
    until_true("haproxy", || {
        assert!(haproxy.ended().is_none(), "{}", haproxy.log.tail());
        http::send(health, &Request::new("GET", "/healthz")).is_ok_and(|answer| answer.status == 200)
    });

    for tag in 0..16 {
        let path = format!("/tendlc_status/acme/t{tag}");
        let (plain, slash) = (path.clone(), format!("{path}/"));
        let (first, other) = if tag % 2 == 0 { (&plain, &slash) } else { (&slash, &plain) };
        let callback = Callback::new("brand", "created").path(first);
        assert_eq!(send(address, &callback), "accepted");
        let forged = callback.param("reason", "forged").request();
        let answer = http::send(address, &Request { target: other.clone(), ..forged }).unwrap();
        assert_eq!((answer.status, answer.text("status").as_str()), (200, "quarantined"), "{path}");
    }
    let shares = relays.each_ref().map(Relay::accepted);
    assert_eq!(shares[0] + shares[1], 16.0);
    assert!(shares.iter().all(|share| *share > 0.0), "{shares:?}");

    // One that is gone is missed by nobody.
    let [gone, left] = relays;
    gone.kill();
    for tag in 0..16 {
        let path = format!("/tendlc_status/acme/t{tag}/");
        assert_eq!(send(address, &Callback::new("brand", "created").path(&path)), "accepted");
    }
    haproxy.kill();
    left.stop();
}
