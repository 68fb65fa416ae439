//! The simulator; everything is in the library.

use std::process::ExitCode;

use clap::Parser;
use tendlc_relay::sim::failure::Failure;
use tendlc_relay::sim::send::{self, SendArgs};
use tendlc_relay::sim::verify::{self, VerifyArgs};

/// A Plivo for 10DLC that anybody can run.
#[derive(Debug, Parser)]
#[command(name = "plivo-sim", version)]
enum Command {
    /// Send callbacks for entities that go through their lives.
    Send(Box<SendArgs>),
    /// Compare a ledger with what consumers read; exit code 1 when a promise is broken.
    VerifyLedger(VerifyArgs),
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {:#}", failure.error());
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(command: Command) -> Result<bool, Failure> {
    match command {
        Command::Send(args) => send::run(*args).map(|()| true),
        Command::VerifyLedger(args) => verify::run(&args),
    }
}
