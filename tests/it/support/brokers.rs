//! Real brokers: those that all tests share, and those of one test, to be stopped at will.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::Process;
use super::wait::until_true;

/// The value of a variable that `scripts/brokers` sets, or `None` where that broker is not to be had here. Where
/// `CI=true` it has to be.
pub fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "CI=true and {name} is empty: the real thing is missing"
        );
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not by a macro, whose output is not seen of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "######## {name} IS EMPTY: {test} DID NOT RUN (scripts/brokers with …) ########"
        );
    }
    value
}

/// The shared Kafka broker, without TLS.
pub fn kafka() -> Option<String> {
    variable("TENDLC_TEST_KAFKA")
}

/// The shared NATS server, without TLS.
pub fn nats() -> Option<String> {
    variable("TENDLC_TEST_NATS_URL")
}

/// Told apart from other runs against the same brokers.
pub fn run_id() -> String {
    format!(
        "{:x}",
        std::process::id() as u64 + SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    )
}

/// Which broker a test has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kafka,
    Nats,
}

/// A broker of one test's own, on a port it keeps.
pub struct Own {
    kind: Kind,
    dir: TempDir,
    port: u16,
    running: Option<Process>,
}

impl Own {
    /// A Kafka broker that does not run yet.
    pub fn kafka() -> Option<Self> {
        variable("TENDLC_TEST_KAFKA_JARS").map(|_| Own::new(Kind::Kafka))
    }

    /// A NATS server that does not run yet.
    pub fn nats() -> Option<Self> {
        variable("TENDLC_TEST_NATS_BIN").map(|_| Own::new(Kind::Nats))
    }

    fn new(kind: Kind) -> Self {
        Own { kind, dir: tempfile::tempdir().unwrap(), port: lasting_port(), running: None }
    }

    /// What clients call it.
    pub fn address(&self) -> String {
        match self.kind {
            Kind::Kafka => format!("127.0.0.1:{}", self.port),
            Kind::Nats => format!("nats://127.0.0.1:{}", self.port),
        }
    }

    /// Lines that a NATS server gets beside its usual configuration.
    pub fn configure(&self, lines: &str) {
        assert_eq!(self.kind, Kind::Nats);
        std::fs::write(self.dir.path().join("more.conf"), lines).unwrap();
    }

    /// Starts it, with the data it had, and waits until it answers.
    pub fn start(&mut self) {
        let what = match self.kind {
            Kind::Kafka => "run-kafka",
            Kind::Nats => "run-nats",
        };
        let script = variable("TENDLC_TEST_BROKERS").expect("set together with the brokers");
        let process =
            Process::spawn(Command::new(script).arg(what).arg(self.dir.path()).arg(self.port.to_string()));
        let process = self.running.insert(process);
        let (kind, address) = (self.kind, SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        until_true("the broker's first answer", || {
            let ended = process.ended();
            assert!(ended.is_none(), "{kind:?} ended with {ended:?}:\n{}", process.log.tail());
            match kind {
                Kind::Kafka => kafka_answers(address),
                Kind::Nats => nats_answers(address),
            }
            .unwrap_or(false)
        });
    }

    /// Stands still: connections stay, and nothing answers.
    pub fn freeze(&self) {
        self.running.as_ref().expect("a broker that runs").signal(Signal::STOP);
    }

    /// Goes on.
    pub fn thaw(&self) {
        self.running.as_ref().expect("a broker that runs").signal(Signal::CONT);
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.running.take().expect("a broker that runs").kill();
    }
}

/// A free port below the range that outgoing connections get: none of them takes it while its server is down. No other
/// test of this run gets it either.
pub fn lasting_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let number =
            std::process::id().wrapping_mul(7_919).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (number % 20_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn nats_answers(address: SocketAddr) -> std::io::Result<bool> {
    let mut head = [0; 4];
    connected(address)?.read_exact(&mut head)?;
    Ok(&head == b"INFO")
}

/// Whether it answers an ApiVersions request: it serves nobody before that.
fn kafka_answers(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = connected(address)?;
    // Length, API key 18, version 0, correlation 1, no client id.
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255])?;
    let mut head = [0; 10];
    stream.read_exact(&mut head)?;
    Ok(head[4..] == [0, 0, 0, 1, 0, 0])
}

fn connected(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(stream)
}
