//! `serve`: the simulator until it is told to stop.

mod args;
mod dispatch;
mod screen;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

pub use args::ServeArgs;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::accounts::Accounts;
use super::clock;
use super::given::GivenError;
use super::ledger::Ledger;
use super::life::OutcomesError;
use super::plivo::{Behaviour, Due, Plivo};
use super::rest::{self, Canned, CannedError, Limits, Server};
use super::state::State;
use super::world::{Seed, SeedError};
use screen::Screen;

/// Everything that a simulator is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// Who may call.
    pub accounts: Accounts,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// What is there from the start.
    pub seed: Seed,
    /// Answers given whatever is there.
    pub canned: Vec<Canned>,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Accounts and their file.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// The rates.
    #[error(transparent)]
    Outcomes(#[from] OutcomesError),
    /// What is to be there from the start.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// An answer of the file.
    #[error(transparent)]
    Canned(#[from] CannedError),
    /// What callbacks are sent with.
    #[error("{0:#}")]
    Sending(anyhow::Error),
    /// The ledger could not be written.
    #[error("writing the ledger: {0}")]
    Ledger(io::Error),
    /// The address.
    #[error("cannot listen on {0}: {1}; give another with --listen")]
    Listen(SocketAddr, io::Error),
    /// The system.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl ServeError {
    /// 2 for what the caller can mend, 1 for what the system refuses.
    pub fn exit_code(&self) -> u8 {
        match self {
            ServeError::Listen(..) | ServeError::System(_) | ServeError::Ledger(_) => 1,
            _ => 2,
        }
    }
}

/// A simulator that runs.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    state: Arc<State>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    clock: JoinHandle<()>,
}

impl Simulator {
    /// Starts one. Whoever takes the steps owes their callbacks to the customers.
    ///
    /// # Errors
    /// When its entities do not fit, or the address cannot be had.
    pub async fn start(settings: Settings) -> Result<(Self, mpsc::Receiver<Due>), ServeError> {
        let Settings { listen, accounts, behaviour, seed, canned } = settings;
        behaviour.outcomes.check()?;
        canned.iter().try_for_each(Canned::check)?;
        let mut plivo = Plivo::new(behaviour);
        let first = accounts.first().map(|account| account.auth_id.clone()).unwrap_or_default();
        plivo.plant(&seed, &first, |auth_id| accounts.get(auth_id).is_some())?;
        let server = Server::bind(listen, Limits::default())
            .await
            .map_err(|error| ServeError::Listen(listen, error))?;
        let address = server.local_addr()?;
        let state = Arc::new(State::new(accounts, plivo));
        let stop = CancellationToken::new();
        let (sender, steps) = mpsc::channel(clock::STEPS);
        let serving = tokio::spawn(server.serve(rest::router(Arc::clone(&state), canned), stop.clone()));
        let clock = tokio::spawn(clock::turn(Arc::clone(&state), sender, stop.clone()));
        Ok((Simulator { address, state, stop, serving, clock }, steps))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: requests in flight are answered, time stands still. How many steps were still to come.
    pub async fn shutdown(self) -> usize {
        self.stop.cancel();
        let _ = tokio::join!(self.serving, self.clock);
        self.state.with(|plivo, _| plivo.waiting())
    }
}

/// Runs until SIGTERM or SIGINT, and then until what is under way has ended or been written down as unfinished. A second
/// signal ends it at once.
///
/// # Errors
/// When it cannot start, or the ledger could not be written.
pub async fn run(args: &ServeArgs) -> Result<(), ServeError> {
    let mut signals = Signals::new()?;
    let (settings, made) = args.settings(|name| std::env::var(name).ok())?;
    let screen = Screen { json: args.json };
    let (seed, accounts) = (settings.behaviour.seed, settings.accounts.clone());
    let mut dispatch = args.dispatch(seed, screen).map_err(ServeError::Sending)?;
    let (simulator, mut steps) = Simulator::start(settings).await?;
    screen.opening(simulator.address(), &accounts, made, seed)?;
    loop {
        tokio::select! {
            taken = dispatch.take(&mut steps) => if !taken? { break },
            () = signals.any() => break,
        }
    }
    let waiting = simulator.shutdown().await;
    let ledger = dispatch.ledger();
    let summary = tokio::select! {
        summary = dispatch.finish(steps) => summary?,
        () = signals.any() => return ledger.map_or(Ok(()), |ledger| written(&ledger)),
    };
    screen.closing(waiting, summary.as_ref())?;
    Ok(())
}

/// Whether the ledger has all that it was given.
fn written(ledger: &Ledger) -> Result<(), ServeError> {
    ledger.finish().map(drop).map_err(ServeError::Ledger)
}

/// What ends a program.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Signals { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
