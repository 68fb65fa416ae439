//! Five thousand connections that say little, or listen to nothing, while callbacks pass.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::faults::report::{say, size};
use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

const CROWD: usize = 5_000;

/// What a connection is worth at most by the default limits: 4,096 of them, with 64 KiB of body and 16 KiB of header. A
/// debug build and what the relay needs for itself come on top.
const MEMORY: u64 = 4_096 * (80 << 10) + (128 << 20);

/// Plivo's patience is 8 s, the relay's own deadline 5 s.
const PATIENCE: Duration = Duration::from_secs(5);

fn allow_open_files() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
}

/// How a connection begins and what it goes on to say, a little at a time.
#[derive(Clone, Copy)]
struct Manner {
    beginning: &'static [u8],
    more: &'static [u8],
}

const MANNERS: [Manner; 4] = [
    // A header that never ends.
    Manner { beginning: b"POST /tendlc_status/brand/ HTTP/1.1\r\nHost: h\r\nX-", more: b"x" },
    // Headers without end, each whole.
    Manner { beginning: b"GET /tendlc_status/ HTTP/1.1\r\n", more: b"a: b\r\n" },
    // A body that comes byte by byte.
    Manner {
        beginning: b"POST /tendlc_status/ HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n",
        more: b"a",
    },
    // Chunks of one byte.
    Manner {
        beginning: b"POST /tendlc_status/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        more: b"1\r\na\r\n",
    },
];

/// Connections that are opened again when the relay closes them, until this is dropped.
struct Crowd {
    end: Arc<AtomicBool>,
    opened: Arc<AtomicUsize>,
    task: Option<JoinHandle<()>>,
}

impl Crowd {
    fn start(address: SocketAddr, count: usize) -> Self {
        let (end, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stop, counted) = (Arc::clone(&end), Arc::clone(&opened));
        let task = std::thread::spawn(move || {
            let mut crowd: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
            while !stop.load(Ordering::Relaxed) {
                for (number, place) in crowd.iter_mut().enumerate() {
                    let manner = MANNERS[number % MANNERS.len()];
                    let spoke = place.as_mut().is_some_and(|stream| stream.write_all(manner.more).is_ok());
                    if !spoke {
                        *place = TcpStream::connect(address).ok();
                        counted.fetch_add(1, Ordering::Relaxed);
                        if let Some(stream) = place {
                            let _ = stream.write_all(manner.beginning);
                        }
                    }
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
        });
        Crowd { end, opened, task: Some(task) }
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(task) = self.task.take() {
            let _ = task.join();
        }
    }
}

/// Sends so many callbacks, each on a connection of its own, and answers how long the slowest took.
fn pass(relay: &Relay, count: usize) -> Duration {
    let took = (0..count).map(|_| {
        let asked = Instant::now();
        relay.accept(&Callback::new("brand", "created"));
        asked.elapsed()
    });
    took.max().unwrap()
}

#[test]
fn callbacks_pass_five_thousand_connections_that_say_little() {
    allow_open_files();
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let crowd = Crowd::start(relay.callbacks, CROWD);
    until_true("a crowd", || crowd.opened() >= CROWD);
    let passed = size(100, 2_000);
    let slowest = pass(&relay, passed);
    assert!(slowest < PATIENCE, "Plivo would have given up: {slowest:?}");
    let opened = crowd.opened();
    let (_, peak) = relay.process.memory();
    assert!(peak < MEMORY, "{} MB", peak >> 20);
    assert!(relay.metrics().sum("tendlc_connections", &[]) <= 4_096.0);
    drop(crowd);
    until_true("the crowd gone", || relay.metrics().sum("tendlc_connections", &[]) < 10.0);
    say(&format!(
        "crowd: {CROWD} slow connections ({opened} opened), {passed} callbacks passed, the slowest in {slowest:?}; {} MB at most",
        peak >> 20
    ));
}

#[test]
fn bodies_kept_half_sent_cost_no_more_than_the_limits_say() {
    allow_open_files();
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let head = b"POST /tendlc_status/ HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n";
    let most_of_it = [head.as_slice(), &[b'a'; 60_000]].concat();
    let held: Vec<TcpStream> = (0..size(2_000, 4_000))
        .map(|_| {
            let mut stream = TcpStream::connect(relay.callbacks).unwrap();
            // The relay may have lost patience already.
            let _ = stream.write_all(&most_of_it);
            stream
        })
        .collect();
    let slowest = pass(&relay, 20);
    assert!(slowest < PATIENCE, "Plivo would have given up: {slowest:?}");
    let (_, peak) = relay.process.memory();
    assert!(peak < MEMORY, "{} MB", peak >> 20);
    drop(held);
    say(&format!("crowd: bodies half sent, {} MB at most, the slowest callback in {slowest:?}", peak >> 20));
}

#[test]
fn senders_that_never_read_an_answer_are_not_written_for_without_end() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let requests = b"GET /nothing/here HTTP/1.1\r\nHost: h\r\n\r\n".repeat(500);
    let mut deaf: Vec<TcpStream> = (0..size(20, 200))
        .map(|_| {
            let stream = TcpStream::connect(relay.callbacks).unwrap();
            stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            stream
        })
        .collect();
    let mut written = 0;
    for stream in &mut deaf {
        // Until the relay takes no more of it: it waits for its answers to be read.
        let full = (0..2_000).any(|_| {
            let full = stream.write_all(&requests).is_err();
            written += usize::from(!full) * requests.len();
            full
        });
        assert!(full, "the relay reads on, and keeps every answer");
    }
    pass(&relay, 10);
    let (_, peak) = relay.process.memory();
    assert!(peak < 256 << 20, "{} MB", peak >> 20);
    // One that begins to read gets what it is owed.
    let mut answers = [0; 4096];
    deaf[0].set_read_timeout(Some(PATIENCE)).unwrap();
    let read = loop {
        match deaf[0].read(&mut answers) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read.unwrap(),
        }
    };
    assert!(answers[..read].starts_with(b"HTTP/1.1 404"));
    say(&format!(
        "crowd: {} MB of requests whose answers nobody reads, {} MB of memory",
        written >> 20,
        peak >> 20
    ));
}
