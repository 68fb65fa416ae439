//! The program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tendlc_relay::sim::cli::run()
}
