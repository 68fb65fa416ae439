//! Runs against servers that go wrong.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

use super::mint::tests::mint;
use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

const MINUTE: Duration = Duration::from_secs(60);

/// A server whose every connection is `serve`d by a thread; the numbers of its connections count from 0.
fn server(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (serve, stream) = (Arc::clone(&serve), stream.unwrap());
            std::thread::spawn(move || serve(number, stream));
        }
    });
    address
}

/// Reads one callback, and whether there was one.
fn take(stream: &mut TcpStream) -> bool {
    let mut text = String::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&piece[..length]));
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let said = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
            if body.len() == said.parse::<usize>().unwrap() {
                return true;
            }
        }
        if length == 0 {
            return false;
        }
    }
}

/// Sends so many callbacks a second for so long.
fn run(server: SocketAddr, connections: usize, rate: f64, duration_ms: u64, timeout_ms: u64) -> Seen {
    let plan = Plan {
        pace: Pace::Open(rate),
        duration: Duration::from_millis(duration_ms),
        timeout: Duration::from_millis(timeout_ms),
    };
    let batch = mint(1).batch(1000);
    let mut client = Client::connect(server, connections, MINUTE).unwrap();
    client.run(plan, &mut Once::of(&batch), |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn a_stall_is_in_the_latency_of_all_that_was_meant_to_be_sent_during_it() {
    let stall = Duration::from_millis(200);
    let address = server(move |_, mut stream| {
        while take(&mut stream) {
            // Once: whatever comes after the first 200 ms is answered at once.
            if stream.read_timeout().unwrap().is_none() {
                stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                std::thread::sleep(stall);
            }
            stream.write_all(OK.as_bytes()).unwrap();
        }
    });
    let seen = run(address, 1, 500.0, 100, 60_000);
    assert_eq!((seen.sent, seen.delivered, seen.failed()), (50, 50, 0));
    // The last was due 98 ms after the first, which was answered 200 ms after it was sent.
    assert!(seen.latency.min() >= 100_000_000, "{}", seen.latency.min());
}

#[test]
fn a_lost_connection_costs_its_callback_and_is_opened_again() {
    let address = server(|number, mut stream| {
        // The first two connections end in the middle of an answer.
        while take(&mut stream) {
            let answer = if number < 2 { &OK[..20] } else { OK };
            stream.write_all(answer.as_bytes()).unwrap();
            if number < 2 {
                return;
            }
        }
    });
    let seen = run(address, 2, 200.0, 200, 60_000);
    assert_eq!((seen.sent, seen.delivered, seen.failed()), (40, 38, 2));
    assert_eq!((seen.errors()["closed"], seen.reopened), (2, 2));
}

#[test]
fn an_answer_that_ends_its_connection_counts() {
    let address = server(|_, mut stream| {
        if take(&mut stream) {
            stream.write_all(BUSY.as_bytes()).unwrap();
        }
    });
    let seen = run(address, 4, 200.0, 100, 60_000);
    assert_eq!((seen.sent, seen.delivered, seen.answers()["503"]), (20, 0, 20));
    assert_eq!((seen.errors().len(), seen.latency.len()), (0, 0));
}

#[test]
fn who_never_answers_fails_every_callback_and_ends_the_run() {
    let address = server(|_, mut stream| while take(&mut stream) {});
    let seen = run(address, 1, 100.0, 50, 100);
    assert_eq!((seen.delivered, seen.failed()), (0, 5));
    let errors = seen.errors();
    assert!(errors["timeout"] >= 1 && errors.values().sum::<u64>() == 5, "{errors:?}");
}

#[test]
fn at_full_speed_each_callback_is_sent_once_until_none_is_left() {
    let address = server(|_, mut stream| {
        while take(&mut stream) {
            stream.write_all(OK.as_bytes()).unwrap();
        }
    });
    let hour = Duration::from_secs(3600);
    let plan = Plan { pace: Pace::Closed, duration: hour, timeout: hour };
    let (batch, mut client) = (mint(1).batch(300), Client::connect(address, 8, MINUTE).unwrap());
    for _ in 0..2 {
        let seen = client.run(plan, &mut Once::of(&batch), |_| ControlFlow::Continue(())).unwrap();
        assert_eq!((seen.sent, seen.delivered, seen.failed(), seen.reopened), (300, 300, 0, 0));
    }
}

#[test]
fn who_watches_may_end_it_and_gets_what_it_has_seen() {
    let address = server(|_, mut stream| {
        while take(&mut stream) {
            stream.write_all(OK.as_bytes()).unwrap();
        }
    });
    let plan = Plan { pace: Pace::Closed, duration: 60 * MINUTE, timeout: 60 * MINUTE };
    let (batch, mut client) = (mint(1).batch(300), Client::connect(address, 2, MINUTE).unwrap());
    let watch =
        |seen: &Seen| if seen.delivered < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let seen = client.run(plan, &mut Repeated::of(&batch), watch).unwrap();
    assert!(seen.is_partial && seen.delivered >= 50);
    assert_eq!((seen.sent, seen.failed()), (seen.delivered, 0), "what is under way is waited for");
}

/// Beyond the few connections that wait to be taken it answers to none.
#[test]
fn a_server_that_takes_no_connection_is_given_up() {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::listen(&socket, 1).unwrap();
    let listener = TcpListener::from(socket);
    let error = Client::connect(listener.local_addr().unwrap(), 16, Duration::from_millis(50)).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}
