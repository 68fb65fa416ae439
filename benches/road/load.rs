//! The load: that of the simulator, held to the benchmark's rule that every callback is answered.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tendlc_relay::sim::load::{self, Batch, Once, Pace, Plan, Repeated, Seen, Source};

/// How long an answer may take: more than the relay's own deadline.
const PATIENCE: Duration = Duration::from_secs(15);

/// Open connections to one server.
pub struct Client(load::Client);

impl Client {
    pub fn connect(server: SocketAddr, count: usize) -> Result<Self> {
        let client = load::Client::connect(server, count, PATIENCE);
        Ok(Client(client.with_context(|| format!("connecting to {server}"))?))
    }

    /// Sends the callbacks of `batch` for `duration`, or until all are sent, and waits for the last answer.
    pub fn run(&mut self, pace: Pace, batch: &Batch, duration: Duration) -> Result<Seen> {
        self.answered(pace, &mut Once::of(batch), duration)
    }

    /// The same as fast as they are answered, and with the batch from its beginning when all are sent.
    pub fn run_again_and_again(&mut self, batch: &Batch, duration: Duration) -> Result<Seen> {
        self.answered(Pace::Closed, &mut Repeated::of(batch), duration)
    }

    fn answered(&mut self, pace: Pace, source: &mut impl Source, duration: Duration) -> Result<Seen> {
        let seen =
            self.0.run(Plan { pace, duration, timeout: PATIENCE }, source, |_| ControlFlow::Continue(()))?;
        ensure!(seen.errors().is_empty(), "callbacks without an answer: {:?}", seen.errors());
        Ok(seen)
    }
}

/// Callbacks of which the answer says that they were accepted.
pub fn accepted(seen: &Seen) -> u64 {
    seen.answered("accepted")
}

/// Those a second.
pub fn rate(seen: &Seen) -> f64 {
    accepted(seen) as f64 / seen.elapsed.as_secs_f64()
}
