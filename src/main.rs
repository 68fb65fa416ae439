//! The program; everything is in the library.

use std::process::ExitCode;

/// Events are laid out on one thread and let go of on another: an allocator that is made for that drains faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tendlc_relay::cli::run()
}
