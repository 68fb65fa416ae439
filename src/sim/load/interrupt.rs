//! SIGINT and SIGTERM during a run: the first one ends it with what it has seen, the second one at once.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::sim::failure::Verdict;

/// Whether a run is to end before its time.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on, on a thread of its own.
    ///
    /// # Errors
    /// When this machine fails.
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        drop(entered);
        let is_told = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&is_told);
        let wait = async move {
            for is_second in [false, true] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                tell.store(true, Ordering::Relaxed);
                if is_second {
                    std::process::exit(i32::from(Verdict::Interrupted.exit_code()));
                }
            }
        };
        std::thread::spawn(move || runtime.block_on(wait));
        Ok(Interrupt(is_told))
    }

    /// Whether to go on.
    pub fn told(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
