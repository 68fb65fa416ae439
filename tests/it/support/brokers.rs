//! Real brokers: those that all tests share, and those of one test, to be stopped at will.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
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
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Kafka,
    /// Clients come by a second listener, to which they are told to come by another port.
    KafkaBehind {
        clients: u16,
        advertised: u16,
    },
    /// Another broker of the cluster whose first one has its data there.
    KafkaSecond {
        first: PathBuf,
    },
    /// One of several that elect their controller and the leaders of their partitions among themselves.
    KafkaMember {
        number: usize,
        controllers: Vec<u16>,
    },
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

    /// A Kafka broker that does not run yet, with a second listener at this port. Clients have to use SCRAM there, and
    /// are told to come by the other port.
    pub fn kafka_behind(clients: SocketAddr, advertised: SocketAddr) -> Option<Self> {
        let kind = Kind::KafkaBehind { clients: clients.port(), advertised: advertised.port() };
        variable("TENDLC_TEST_KAFKA_JARS").map(|_| Own::new(kind))
    }

    /// Another broker, with number 2, of this broker's cluster. It does not run yet.
    pub fn second(&self) -> Self {
        Own::new(Kind::KafkaSecond { first: self.dir.path().to_owned() })
    }

    /// Three Kafka brokers that form a cluster, any of which may be killed.
    pub fn kafka_cluster() -> Option<Vec<Self>> {
        variable("TENDLC_TEST_KAFKA_JARS")?;
        let controllers: Vec<u16> = (0..3).map(|_| lasting_port()).collect();
        let member = |number| Own::new(Kind::KafkaMember { number, controllers: controllers.clone() });
        let mut brokers: Vec<_> = (1..=3).map(member).collect();
        // None of them answers before most of them run.
        brokers.iter_mut().for_each(Own::spawn);
        brokers.iter_mut().for_each(Own::answers);
        Some(brokers)
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
            Kind::Nats => format!("nats://{}", self.socket()),
            _ => self.socket().to_string(),
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What NATS's configuration includes: from the next start on, or the next `reload`.
    pub fn configure(&self, more: &str) {
        std::fs::write(self.dir.path().join("more.conf"), more).unwrap();
    }

    /// Has NATS read its configuration again.
    pub fn reload(&self) {
        self.process().signal(Signal::HUP);
    }

    /// Starts it, with the data it had, and waits until it answers.
    pub fn start(&mut self) {
        self.spawn();
        self.answers();
    }

    fn answers(&mut self) {
        let (kind, address) = (&self.kind, self.socket());
        let process = self.running.as_mut().expect("it was spawned");
        until_true("the broker's first answer", || {
            let ended = process.ended();
            assert!(ended.is_none(), "{kind:?} ended with {ended:?}:\n{}", process.log.tail());
            match kind {
                Kind::Nats => nats_answers(address),
                _ => kafka_answers(address),
            }
            .unwrap_or(false)
        });
    }

    /// Starts it and does not wait.
    pub fn spawn(&mut self) {
        let script = variable("TENDLC_TEST_BROKERS").expect("set together with the brokers");
        let mut command = Command::new(script);
        command.arg(match self.kind {
            Kind::Nats => "run-nats",
            Kind::Kafka | Kind::KafkaBehind { .. } => "run-kafka",
            Kind::KafkaSecond { .. } => "run-kafka-second",
            Kind::KafkaMember { .. } => "run-kafka-member",
        });
        command.arg(self.dir.path()).arg(self.port.to_string());
        match &self.kind {
            Kind::KafkaBehind { clients, advertised } => {
                command.args([clients.to_string(), advertised.to_string()]);
            }
            Kind::KafkaSecond { first } => {
                command.arg(first);
            }
            Kind::KafkaMember { number, controllers } => {
                command.arg(number.to_string()).args(controllers.iter().map(u16::to_string));
            }
            Kind::Kafka | Kind::Nats => {}
        }
        self.running = Some(Process::spawn(&mut command));
    }

    /// Stands still: connections stay, and nothing answers.
    pub fn freeze(&self) {
        self.process().signal(Signal::STOP);
    }

    /// Goes on.
    pub fn thaw(&self) {
        self.process().signal(Signal::CONT);
    }

    pub fn process(&self) -> &Process {
        self.running.as_ref().expect("a broker that runs")
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
