//! Many at once: stalled connections, and the drain of the whole ingress.

use std::time::Duration;

use super::relay::{Relay, brand, config, post};
use super::wire::Wire;

/// Opens connections that stall: without a byte, in the header, and in the body.
async fn stall(relay: &Relay, count: usize) -> Vec<Wire> {
    let half_body = post("/tendlc_status/brand/", &brand());
    let half_body = &half_body[..half_body.len() - 1];
    let mut stalled = Vec::with_capacity(count);
    for n in 0..count {
        let mut wire = relay.connect().await;
        match n % 3 {
            0 => {}
            1 => wire.send("POST /tendlc_status/brand/ HTTP/1.1\r\nhost:").await,
            _ => wire.send(half_body).await,
        }
        stalled.push(wire);
    }
    stalled
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_stalled_connections_keep_no_callback_out() {
    let relay = Relay::start(config()).await;
    let stalled = stall(&relay, 2000).await;
    for _ in 0..50 {
        let reply = relay.ask(&post("/tendlc_status/brand/", &brand())).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let mut kept = relay.connect().await;
    for _ in 0..50 {
        kept.send(&post("/tendlc_status/", &brand())).await;
        assert_eq!(kept.reply().await.status, 200);
    }
    assert!(relay.state.metrics.connections.get() > 600, "those without a byte are still there");
    drop(stalled);
}

#[tokio::test]
async fn the_drain_ends_readiness_first_and_the_listener_last() {
    let mut config = config();
    config.drain_delay = "10m".parse().unwrap();
    let relay = Relay::start(config).await;
    assert!(relay.state.readiness.report().ready);
    relay.draining.cancel();
    let reply = relay.ask(&post("/tendlc_status/brand/", &brand())).await;
    assert_eq!(reply.status, 200, "requests are still taken");
    assert!(reply.head.contains("connection: close"));
    assert!(!relay.state.readiness.report().ready);
    assert_eq!(relay.state.metrics.draining.get(), 1);
    assert!(!relay.served.is_finished());
}

#[tokio::test]
async fn a_drain_without_delay_ends_by_itself() {
    let relay = Relay::start(config()).await;
    let mut idle = relay.connect().await;
    idle.send(&post("/tendlc_status/brand/", &brand())).await;
    assert_eq!(idle.reply().await.status, 200);
    relay.draining.cancel();
    assert_eq!(idle.end().await, "");
    tokio::time::timeout(Duration::from_secs(20), relay.served).await.unwrap().unwrap();
    assert!(relay.state.readiness.is_draining());
}
