//! `serve`: the relay until it is told to stop.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::app::{App, StartError};
use crate::config::Loaded;
use crate::telemetry;

/// Threads for what waits for a disk or a name server; tokio's default of 512 is for other programs.
const BLOCKING_THREADS: usize = 32;

/// Runs until SIGTERM or SIGINT, then drains; a second signal ends it at once.
///
/// # Errors
/// When it cannot start, or was ended before it had drained.
pub fn run(loaded: Loaded) -> Result<(), Failure> {
    telemetry::init(&loaded.config.log).map_err(|error| Failure::Usage(error.to_string()))?;
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("relay")
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let ended = runtime.block_on(serve(loaded));
    // A second signal does not wait for what is still running.
    runtime.shutdown_background();
    ended
}

async fn serve(loaded: Loaded) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let app = tokio::select! {
        started = App::start(loaded) => started.map_err(failure)?,
        // Nothing was taken yet, so there is nothing to drain.
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    let first = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = first, "asked to stop; a second signal ends the relay at once");
    tokio::select! {
        () = app.shutdown() => Ok(()),
        _ = terminate.recv() => Err(ended_at_once()),
        _ = interrupt.recv() => Err(ended_at_once()),
    }
}

fn ended_at_once() -> Failure {
    tracing::warn!(
        "ended by a second signal before the drain was over; nothing that was answered 200 is lost"
    );
    Failure::Said(1)
}

/// The log is where a service's failures are looked for; saying it once more would spoil lines of JSON.
fn failure(error: StartError) -> Failure {
    tracing::error!(%error, code = error.code(), "the relay cannot start");
    Failure::Said(match error {
        StartError::System(_) => 1,
        StartError::Configuration(_) => 2,
        StartError::Spool(_) => 3,
    })
}
