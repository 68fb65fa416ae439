//! The simulator; everything is in the library.

use std::process::ExitCode;

use clap::Parser;
use tendlc_relay::sim::send::{self, Failure, SendArgs};

/// A Plivo for 10DLC that anybody can run.
#[derive(Debug, Parser)]
#[command(name = "plivo-sim", version)]
enum Command {
    /// Send callbacks for entities that go through their lives.
    Send(Box<SendArgs>),
}

fn main() -> ExitCode {
    let Command::Send(args) = Command::parse();
    match send::run(*args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => told(&error, 2),
        Err(Failure::Other(error)) => told(&error, 1),
    }
}

fn told(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(code)
}
