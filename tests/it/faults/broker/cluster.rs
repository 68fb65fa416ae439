//! A cluster of three NATS servers, of which one at a time is killed.

use super::scene::Scene;
use crate::faults::report::size;
use crate::support::brokers::{Own, lasting_port};
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers;
use crate::support::wait::until;

/// Three servers that know each other, and keep a stream together.
fn cluster() -> Option<Vec<Own>> {
    let ports: Vec<u16> = (0..3).map(|_| lasting_port()).collect();
    let routes: Vec<String> = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
    let mut servers = Vec::new();
    for port in ports {
        let server = Own::nats()?;
        let routes = routes.join(", ");
        server.configure(&format!(
            "cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
        ));
        servers.push(server);
    }
    servers.iter_mut().for_each(Own::start);
    Some(servers)
}

#[test]
fn a_stream_whose_leader_is_killed_goes_on_with_another() {
    let Some(mut servers) = cluster() else { return };
    let urls: Vec<String> = servers.iter().map(Own::address).collect();
    let stream = fresh_prefix("cluster");
    let config = Config::new().nats_sink(&urls.join("\", \""), &stream, "").text();
    let config = config.replace("create = { enabled = true }", "create = { enabled = true, replicas = 3 }");
    let scene = Scene::new("nats", &config);
    let kills = size(2, 12);
    for _ in 0..kills {
        let leader = until("a leader", || {
            let name = readers::make(&["leader", &urls[0], &stream]);
            servers.iter().position(|server| name.trim() == format!("test-server-{}", server.socket().port()))
        });
        servers[leader].kill();
        scene.takes();
        scene.recovers();
        servers[leader].start();
    }
    scene.recovers();
    scene.ends(&format!("leader of a stream with three replicas killed {kills} times"), &[], |count| {
        // The reader's server may be the one that has the last of it last.
        let count = count.to_string();
        readers::nats(&urls[0], &stream, &["--count", &count, "--settle", "1"])
    });
}
