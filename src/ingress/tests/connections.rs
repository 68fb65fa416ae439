//! Slow, broken, greedy and ordinary peers.

use std::time::Duration;

use super::wire::{Running, Stopped, Wire, limits};
use crate::ingress::limits::ConnectionLimits;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(60);

async fn server(limits: ConnectionLimits) -> Running {
    Running::start(limits, Duration::ZERO).await
}

fn quick_to_lose_patience() -> ConnectionLimits {
    ConnectionLimits { request_deadline: SHORT, idle_timeout: LONG, ..limits() }
}

#[tokio::test]
async fn a_header_that_stalls_is_answered_408_and_closed() {
    let server = server(quick_to_lose_patience()).await;
    let mut wire = server.connect().await;
    wire.send("POST /echo HTTP/1.1\r\nhost: re").await;
    let reply = wire.reply().await;
    assert_eq!(reply.status, 408);
    assert!(reply.body.contains("too_slow"));
    assert_eq!(wire.end().await, "");
    assert_eq!(server.closed("header_timeout"), 1);
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_gets_no_more_time() {
    let server = server(quick_to_lose_patience()).await;
    let mut wire = server.connect().await;
    let mut sent = 0;
    wire.send("GET /echo HTTP/1.1\r\nx: ").await;
    while wire.stays_open(SHORT / 10).await {
        sent += 1;
        assert!(sent < 1000, "a drip keeps the connection for ever");
        wire.send("x").await;
    }
    assert_eq!(server.closed("header_timeout"), 1);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_deadline_of_a_request() {
    let server = server(quick_to_lose_patience()).await;
    let mut fresh = server.connect().await;
    let mut used = server.connect().await;
    assert_eq!(used.get("/echo").await.status, 200);
    assert!(used.stays_open(SHORT * 3).await);
    assert!(fresh.stays_open(Duration::from_millis(1)).await);
    assert_eq!(used.get("/echo").await.status, 200);
    assert_eq!(fresh.get("/echo").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_at_its_own_time_without_an_answer() {
    let clock = Stopped::clock();
    let server = server(ConnectionLimits { request_deadline: LONG, idle_timeout: SHORT, ..limits() }).await;
    let mut fresh = server.connect().await;
    let mut used = server.connect().await;
    assert_eq!(used.get("/echo").await.status, 200);
    server.has(2).await;
    clock.pass(SHORT + Duration::from_millis(1)).await;
    assert_eq!(used.end().await, "");
    assert_eq!(fresh.end().await, "");
    assert_eq!(server.closed("idle_timeout"), 2);
}

#[tokio::test]
async fn after_a_kept_alive_request_the_next_one_has_the_whole_deadline_again() {
    let server = server(quick_to_lose_patience()).await;
    let mut wire = server.connect().await;
    assert_eq!(wire.get("/echo").await.status, 200);
    assert!(wire.stays_open(SHORT * 2).await);
    wire.send("GET /echo HTTP/1.1\r\n").await;
    assert_eq!(wire.reply().await.status, 408);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server(limits()).await;
    let mut wire = server.connect().await;
    let post = |body: &str| format!("POST /echo HTTP/1.1\r\nhost: r\r\ncontent-length: 1\r\n\r\n{body}");
    wire.send(&[post("1"), post("2"), post("3")].concat()).await;
    for expected in ["1", "2", "3"] {
        assert_eq!(wire.reply().await.body, expected);
    }
}

#[tokio::test]
async fn what_is_not_http_is_answered_400_and_too_much_header_431() {
    let server = server(limits()).await;
    let mut wire = server.connect().await;
    wire.send("\x16\x03\x01 hello\r\n\r\n").await;
    assert_eq!(wire.reply().await.status, 400);
    assert_eq!(wire.end().await, "");

    let mut wire = server.connect().await;
    let long = format!("GET /echo HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(16 << 10));
    wire.try_send(long.as_bytes()).await;
    assert_eq!(wire.reply().await.status, 431);
    wire.end().await;

    let mut wire = server.connect().await;
    let many: String = (0..70).map(|n| format!("x{n}: y\r\n")).collect();
    wire.send(&format!("GET /echo HTTP/1.1\r\n{many}\r\n")).await;
    assert_eq!(wire.reply().await.status, 431);
    assert_eq!(server.closed("bad_request"), 2);
    for code in ["400", "431"] {
        assert!(server.metrics.requests.with_label_values(&["none", "other", code]).get() > 0, "{code}");
    }
}

#[tokio::test]
async fn http_1_0_and_expect_continue_work() {
    let server = server(limits()).await;
    let mut old = server.connect().await;
    old.send("POST /echo HTTP/1.0\r\ncontent-length: 2\r\n\r\nhi").await;
    assert_eq!(old.reply().await.body, "hi");
    assert_eq!(old.end().await, "");

    let mut polite = server.connect().await;
    polite.send("POST /echo HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(polite.reply().await.status, 100);
    polite.send("hi").await;
    assert_eq!(polite.reply().await.body, "hi");
}

#[tokio::test]
async fn a_panic_is_answered_503_and_counted() {
    let server = server(limits()).await;
    let mut wire = server.connect().await;
    let reply = wire.get("/panic").await;
    assert_eq!(reply.status, 503);
    assert!(reply.head.contains("retry-after"));
    assert_eq!(server.metrics.requests.with_label_values(&["none", "GET", "503"]).get(), 1);
    assert_eq!(wire.get("/echo").await.status, 200, "the connection lives on");
}

#[tokio::test(start_paused = true)]
async fn the_answer_survives_a_body_that_nobody_reads() {
    let _clock = Stopped::clock();
    let server = server(limits()).await;
    let mut wire = server.connect().await;
    wire.send("POST /echo HTTP/1.1\r\nhost: r\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let chunk = format!("1000\r\n{}\r\n", "z".repeat(0x1000));
    wire.send(&chunk).await;
    let reply = wire.reply().await;
    assert_eq!(reply.status, 413);
    assert!(reply.head.contains("connection: close"));
    assert_eq!(wire.end().await, "");
    // A peer that is still sending is not met with a reset, which could cost it the answer.
    for _ in 0..4 {
        assert!(wire.try_send(chunk.as_bytes()).await);
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_an_idle_connection_makes_room_and_a_working_one_does_not() {
    // No request is half sent for so long that it may be cut off.
    let _clock = Stopped::clock();
    let server = server(ConnectionLimits { connections: 2, ..limits() }).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.get("/echo").await.status, 200);
    let mut working = server.connect().await;
    working
        .send("POST /echo HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nh")
        .await;
    assert_eq!(working.reply().await.status, 100, "its request is being read");

    let mut newest = server.connect().await;
    assert_eq!(idle.end().await, "");
    assert_eq!(newest.get("/echo").await.status, 200);
    newest.send("POST /echo HTTP/1.1\r\nhost: r\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nh").await;
    assert_eq!(newest.reply().await.status, 100);

    let mut refused = server.connect().await;
    assert_eq!(refused.reply().await.status, 503);
    working.send("i").await;
    assert_eq!(working.reply().await.body, "hi");
    assert_eq!((server.closed("idle_cap"), server.closed("cap")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn at_the_cap_stalled_requests_make_room_for_real_ones() {
    let clock = Stopped::clock();
    let server = server(ConnectionLimits { connections: 50, ..limits() }).await;
    let halves = ["POST /echo HTTP/1.1\r\nhost: r\r\ncontent-length: 9\r\n\r\nhalf", "POST /echo HT"];
    let mut stalled: Vec<Wire> = Vec::new();
    for half in halves.iter().cycle().take(50) {
        let mut wire = server.connect().await;
        wire.send(half).await;
        stalled.push(wire);
    }
    // Refused at first: a request half sent is given a moment. Until the last half has arrived there is room in place of
    // a connection that seems idle.
    while let Some(mut real) = answered(&server).await {
        real.send(halves[0]).await;
        stalled.push(real);
    }
    clock.pass(Duration::from_millis(1001)).await;
    for _ in 0..10 {
        let real = answered(&server).await.expect("no room for a real request");
        drop(real);
    }
    // None waited for the deadline.
    assert_eq!(server.closed("header_timeout"), 0);
}

/// A new connection whose request was answered, if it found a place.
async fn answered(server: &Running) -> Option<Wire> {
    let mut wire = server.connect().await;
    wire.try_send(b"GET /echo HTTP/1.1\r\nhost: r\r\n\r\n").await;
    let reply = wire.try_reply().await;
    reply.is_some_and(|reply| reply.status == 200).then_some(wire)
}
