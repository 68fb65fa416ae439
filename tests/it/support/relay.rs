//! The real binary in a directory of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::callback::Callback;
use super::cli::{self, Finished};
use super::http::{self, Request, Response};
use super::log::field;
use super::metrics::Metrics;
use super::process::Process;
use super::wait::{until, until_true};

/// A directory with a configuration, in which a relay is started, ended and started again.
pub struct Home {
    dir: TempDir,
}

impl Home {
    pub fn new(config: &str) -> Self {
        Home::within(&std::env::temp_dir(), config)
    }

    /// Somewhere in this directory.
    pub fn within(parent: &Path, config: &str) -> Self {
        let home = Home { dir: tempfile::Builder::new().prefix("tendlc-it-").tempdir_in(parent).unwrap() };
        home.write("relay.toml", config);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A command of the binary, in this directory and with nothing of the tests' own environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        cli::command(self.dir.path(), arguments)
    }

    /// Runs a command with this home's configuration to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        let config = self.path("relay.toml");
        cli::run(self.command(arguments).arg("--config").arg(config))
    }

    /// The same with another version's binary.
    pub fn run_program(&self, program: &Path, arguments: &[&str]) -> Finished {
        let config = self.path("relay.toml");
        cli::run(cli::command_of(program, self.dir.path(), arguments).arg("--config").arg(config))
    }

    /// Starts another version's binary and waits until it listens.
    pub fn start_program(&self, program: &Path) -> Relay {
        let serve = ["serve", "--config", "relay.toml"];
        Relay::listening(Process::spawn(&mut cli::command_of(program, self.dir.path(), &serve)))
    }

    /// Starts the relay and waits until it listens.
    pub fn start(&self) -> Relay {
        self.start_with(|command| {
            command.env("RUST_BACKTRACE", "1");
        })
    }

    /// Starts the relay at this address, whatever the configuration says.
    pub fn start_at(&self, address: SocketAddr) -> Relay {
        self.start_with(|command| {
            command.env("TENDLC_INGRESS__LISTEN", address.to_string());
        })
    }

    /// Starts the relay by a command that was prepared by this.
    pub fn start_with(&self, prepare: impl FnOnce(&mut Command)) -> Relay {
        let mut command = self.command(&["serve", "--config", "relay.toml"]);
        prepare(&mut command);
        Relay::listening(Process::spawn(&mut command))
    }

    /// Starts the relay at this address and kills it after this time, wherever it is by then.
    pub fn start_and_kill(&self, address: SocketAddr, after: Duration) {
        let mut command = self.command(&["serve", "--config", "relay.toml"]);
        let mut relay = Process::spawn(command.env("TENDLC_INGRESS__LISTEN", address.to_string()));
        std::thread::sleep(after);
        relay.kill();
    }

    /// Starts the relay, or answers what it said before it ended by itself.
    pub fn try_start(&self) -> Result<Relay, String> {
        Relay::try_listening(Process::spawn(&mut self.command(&["serve", "--config", "relay.toml"])))
    }

    /// Starts a relay that breaks its promises as `TENDLC_TEST_BREAK` says.
    pub fn start_broken(&self, how: &str) -> Relay {
        self.start_with(|command| {
            command.env("TENDLC_TEST_BREAK", how);
        })
    }

    /// The same at this address.
    pub fn start_broken_at(&self, address: SocketAddr, how: &str) -> Relay {
        self.start_with(|command| {
            command.env("TENDLC_INGRESS__LISTEN", address.to_string()).env("TENDLC_TEST_BREAK", how);
        })
    }

    /// The directory of the File sink.
    pub fn events(&self) -> PathBuf {
        self.path("events")
    }
}

/// A relay that runs.
pub struct Relay {
    pub process: Process,
    pub callbacks: SocketAddr,
    pub admin: SocketAddr,
}

impl Relay {
    fn listening(process: Process) -> Self {
        Relay::try_listening(process).unwrap_or_else(|said| panic!("the relay ended:\n{said}"))
    }

    fn try_listening(mut process: Process) -> Result<Self, String> {
        let line = until("the relay listening", || {
            let line = process.log.find("listening");
            let ended = if line.is_none() { process.ended() } else { None };
            match ended {
                Some(_) => {
                    // All that it said.
                    let status = process.wait();
                    Some(Err(format!("{status}:\n{}", process.log.tail())))
                }
                None => line.map(Ok),
            }
        })?;
        let address = |name| field(&line, name).and_then(|text| text.parse().ok());
        let (callbacks, admin) = (address("callbacks"), address("admin"));
        let (Some(callbacks), Some(admin)) = (callbacks, admin) else { panic!("no addresses in {line}") };
        Ok(Relay { process, callbacks, admin })
    }

    pub fn send(&self, callback: &Callback) -> Response {
        self.request(&callback.request())
    }

    pub fn request(&self, request: &Request) -> Response {
        http::send(self.callbacks, request)
            .unwrap_or_else(|error| panic!("no answer to {request:?}: {error}"))
    }

    /// Sends what must be taken for new, and answers its id.
    pub fn accept(&self, callback: &Callback) -> String {
        let answer = self.send(callback);
        assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"), "{answer:?}");
        answer.text("id")
    }

    pub fn admin(&self, path: &str) -> Response {
        http::send(self.admin, &Request::new("GET", path)).unwrap()
    }

    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.admin("/metrics").body)
    }

    /// What `/readyz` says of a sink.
    pub fn sink(&self, name: &str) -> Value {
        let ready = self.admin("/readyz").json();
        let sinks = ready["sinks"].as_array().unwrap_or_else(|| panic!("no sinks in {ready}"));
        sinks
            .iter()
            .find(|sink| sink["sink"] == name)
            .cloned()
            .unwrap_or_else(|| panic!("no {name} in {ready}"))
    }

    /// How many callbacks it has answered 200.
    pub fn taken(&self) -> f64 {
        self.metrics().sum("tendlc_callbacks_total", &[])
    }

    /// How many of them were new.
    pub fn accepted(&self) -> f64 {
        self.metrics().sum("tendlc_callbacks_total", &[("outcome", "accepted")])
    }

    /// Waits until it has taken some more.
    pub fn takes_more(&self) {
        self.accepts_more(50);
    }

    /// Waits until it has taken as many more that are new.
    pub fn accepts_more(&self, count: u32) {
        let wanted = self.accepted() + f64::from(count);
        until_true("more callbacks", || self.accepted() >= wanted);
    }

    /// Waits until nothing is left to publish on any sink.
    pub fn drained(&self) {
        until_true("an empty backlog on every sink", || self.metrics().sum("tendlc_depth", &[]) == 0.0);
    }

    pub fn kill(mut self) {
        self.process.kill();
    }

    /// SIGTERM, and an end in good order.
    pub fn stop(mut self) {
        self.process.signal(Signal::TERM);
        let status = self.process.wait();
        assert!(status.success(), "{status}:\n{}", self.process.log.tail());
        assert!(self.process.left_nothing(), "it left a process behind");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if self.process.ended().is_none() {
            self.process.kill();
        }
        if std::thread::panicking() {
            eprintln!("--- the relay's last lines\n{}", self.process.log.tail());
        } else {
            self.process.log.assert_discreet();
        }
    }
}
