//! A simulated Plivo: the real binary, on a port of its own.

use std::net::SocketAddr;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use super::cli::program;
use super::http::{self, Request, Response};
use super::process::Process;
use super::wait::until;

/// `plivo-sim serve --json`, once it listens.
pub struct Sim {
    pub process: Process,
    /// The first line that it printed.
    pub opening: Value,
}

impl Sim {
    /// With these arguments, and nothing in its environment. It only says which callbacks it owes.
    pub fn start(arguments: &[&str]) -> Self {
        Sim::sending(&[arguments, &["--callbacks", "off"]].concat())
    }

    /// With these arguments, and nothing in its environment.
    pub fn sending(arguments: &[&str]) -> Self {
        let mut command = sim(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let mut process = Process::spawn_heard(command.args(arguments));
        let opening = until("the base URL", || {
            let ended = process.ended();
            assert!(ended.is_none(), "plivo-sim ended with {ended:?}:\n{}", process.log.tail());
            process.log.entries().into_iter().next()
        });
        Sim { process, opening }
    }

    /// As a customer's code is given it.
    pub fn base_url(&self) -> &str {
        self.opening["base_url"].as_str().unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.base_url().strip_prefix("http://").unwrap().parse().unwrap()
    }

    pub fn send(&self, request: &Request) -> Response {
        http::send(self.address(), request).unwrap_or_else(|error| panic!("{error}: {request:?}"))
    }

    /// Every callback that it has said it owes.
    pub fn owed(&self) -> Vec<Value> {
        self.said("owed")
    }

    /// Every callback that has ended, by being delivered or not.
    pub fn sent(&self) -> Vec<Value> {
        self.said("sent")
    }

    /// SIGTERM, and an end in good order; what it said last.
    pub fn end(&mut self) -> Value {
        self.process.signal(Signal::TERM);
        assert_eq!(self.process.wait().code(), Some(0));
        self.said("ended").pop().expect("the last line")
    }

    fn said(&self, word: &str) -> Vec<Value> {
        self.process.log.entries().into_iter().filter_map(|entry| entry.get(word).cloned()).collect()
    }
}

/// The binary with these arguments, with an environment of nothing.
pub fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(program(env!("CARGO_BIN_EXE_plivo-sim")));
    command.args(arguments).env_clear();
    command
}
