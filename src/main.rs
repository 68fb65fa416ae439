//! The program; everything is in the library.

use std::process::ExitCode;

/// Events are laid out on one thread and let go of on another: an allocator that is made for that drains faster. It is
/// malloc, too (by its feature `override`), since librdkafka does the same with its messages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    refuse_huge_pages();
    tendlc_relay::cli::run()
}

/// The allocator asks the kernel for huge pages. One is cleared as a whole by whoever touches it first: for 4 to 8 ms on a
/// virtual machine whose memory has still to be found, in the midst of a commit that others wait for. Without them the p99
/// at half load is a third of what it was, and less memory is in use.
fn refuse_huge_pages() {
    // Where the kernel knows no such thing, there is nothing to refuse. Programs that are started from here inherit it.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
