//! Whether a NATS server syncs before it acknowledges. Clients are not told; its monitoring port (`http` in its
//! configuration, 8222 as a rule) tells everybody.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::config::NatsConfig;
use crate::finding::Finding;
use crate::sink::error::one_line;

/// Where monitoring usually is.
const PORT: u16 = 8222;

/// How long all questions to one address may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than an answer has.
const ANSWER_MAX: u64 = 4 << 20;

/// What the server with this id says, by the monitoring of one of these or at the usual port of its host.
pub(super) async fn syncs(config: &NatsConfig, server_id: &str, monitors: &[String]) -> Finding {
    let mut asked = Vec::new();
    for address in addresses(config, monitors) {
        match tokio::time::timeout(PATIENCE, ask(&address)).await {
            Ok(Some(varz)) if varz["server_id"] == server_id => return judge(&varz),
            Ok(Some(_)) => asked.push(format!("{address} is another server")),
            Ok(None) | Err(_) => asked.push(format!("{address} does not answer")),
        }
    }
    Finding::note(format!(
        "whether the server syncs before it acknowledges cannot be known from here: a client is not told, and of its \
         monitoring {}",
        one_line(&asked.join(", "))
    ))
    .with_next("give its address (--nats-monitor http://host:8222), or see that its configuration has sync_interval: always")
}

fn judge(varz: &Value) -> Finding {
    let jetstream = &varz["jetstream"]["config"];
    if jetstream["sync_always"] == true {
        return Finding::ok("the server syncs before it acknowledges (sync_interval: always)");
    }
    match jetstream["sync_interval"].as_u64() {
        Some(nanos) => Finding::warning(
            format!(
                "the server acknowledges before it syncs, which it does every {}: a power cut loses acknowledged events",
                crate::units::Span(Duration::from_nanos(nanos))
            ),
            "set jetstream { sync_interval: always } in the server's configuration, or keep three replicas on machines that do not fail together",
        ),
        None => {
            Finding::note("the server's monitoring does not tell whether it syncs before it acknowledges")
                .with_next("see that its configuration has sync_interval: always")
        }
    }
}

/// `host:port` of every monitoring that may be there.
fn addresses(config: &NatsConfig, monitors: &[String]) -> Vec<String> {
    let given = monitors.iter().map(|url| {
        let address = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        if address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            address.to_owned()
        } else {
            format!("{address}:{PORT}")
        }
    });
    let usual = config.addresses().unwrap_or_default();
    let usual = usual.iter().map(|server| match server.host() {
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{PORT}"),
        host => format!("{host}:{PORT}"),
    });
    let mut all = Vec::new();
    for address in given.chain(usual) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

async fn ask(address: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    // Of version 1.0, so that the answer ends with the connection and comes in one piece.
    let question = format!("GET /varz HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(question.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await.ok()?;
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    serde_json::from_slice(&answer[body..]).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::finding::Level;

    #[test]
    fn each_address_is_asked_once_and_those_given_come_first() {
        let servers = ["nats://a:4222", "tls://b:4222", "nats://[::1]:4222", "nats://a:4223"];
        let config = NatsConfig { servers: servers.map(str::to_owned).to_vec(), ..NatsConfig::default() };
        let given = ["http://m:9222/".to_owned(), "m2".to_owned()];
        assert_eq!(addresses(&config, &given), ["m:9222", "m2:8222", "a:8222", "b:8222", "[::1]:8222"]);
    }

    #[test]
    fn what_the_server_says_of_its_syncing_is_judged() {
        let varz = |config: Value| json!({ "jetstream": { "config": config } });
        assert_eq!(
            judge(&varz(json!({ "sync_interval": 120_000_000_000_u64, "sync_always": true }))).level(),
            Level::Ok
        );
        let lazy = judge(&varz(json!({ "sync_interval": 120_000_000_000_u64 })));
        assert!(lazy.level() == Level::Warning && lazy.found().contains("every 2m"), "{lazy:?}");
        assert_eq!(judge(&varz(json!({}))).level(), Level::Note);
    }

    #[tokio::test]
    async fn another_server_is_not_taken_for_ours() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 512];
                let _ = stream.read(&mut head).await.unwrap();
                let body =
                    json!({ "server_id": "OTHER", "jetstream": { "config": { "sync_always": true } } });
                stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
        });
        // A host that has no monitoring beside it.
        let config = NatsConfig { servers: vec!["nats://127.0.0.1:1".to_owned()], ..NatsConfig::default() };
        let found = syncs(&config, "OURS", std::slice::from_ref(&address)).await;
        assert!(found.level() == Level::Note && found.found().contains("another server"), "{found:?}");
        let found = syncs(&config, "OTHER", &[address]).await;
        assert_eq!(found.level(), Level::Ok);
        server.abort();
    }
}
