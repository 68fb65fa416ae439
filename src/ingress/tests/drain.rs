//! The order in which a listener takes its leave.

use std::time::Duration;

use tokio::net::TcpStream;

use super::wire::{Running, limits};

const HALF: &str = "POST /echo HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nh";

#[tokio::test]
async fn during_the_delay_requests_are_still_taken() {
    let server = Running::start(limits(), Duration::from_secs(600)).await;
    let mut kept = server.connect().await;
    assert!(!kept.get("/echo").await.head.contains("connection: close"));
    server.draining.cancel();
    let reply = kept.get("/echo").await;
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("connection: close"), "the peer is sent elsewhere");
    assert_eq!(server.connect().await.get("/echo").await.status, 200);
    assert!(!server.served.is_finished());
}

#[tokio::test]
async fn after_the_delay_listening_stops_and_what_is_in_flight_ends() {
    let server = Running::start(limits(), Duration::ZERO).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.get("/echo").await.status, 200);
    let mut working = server.connect().await;
    working.send(HALF).await;
    assert_eq!(working.reply().await.status, 100);

    server.draining.cancel();
    assert_eq!(idle.end().await, "", "idle connections end at once");
    assert!(TcpStream::connect(server.addr).await.is_err());
    assert!(!server.served.is_finished(), "a request is in flight");
    working.send("i").await;
    assert_eq!(working.reply().await.body, "hi");
    assert_eq!(working.end().await, "");
    server.served.await.unwrap();
    assert_eq!(server.metrics.connections.get(), 0);
}

#[tokio::test]
async fn what_does_not_end_within_the_grace_period_is_cut_off() {
    let grace = Duration::from_millis(200);
    let server = Running::start_with(limits(), Duration::ZERO, grace).await;
    let mut endless = server.connect().await;
    endless.send(HALF).await;
    assert_eq!(endless.reply().await.status, 100);
    server.draining.cancel();
    server.served.await.unwrap();
    assert_eq!(endless.end().await, "");
}
