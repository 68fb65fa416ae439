//! Build, run, drain: the one file that knows every part.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{Admin, AdminState};
use crate::callback::Accounts;
use crate::config::{self, AccountsWatch, Config, Loaded};
use crate::control::{Control, Reach};
use crate::ingress::{Ingress, Readiness, Shutdown, State, Verification};
use crate::metrics::Metrics;
use crate::normalize::Normalizer;
use crate::relay::Relay;
use crate::sabotage;
use crate::sink::{Sink, SinkConfig};
use crate::spool::{LaneSpec, OpenError, Spool};

/// Why the relay cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// A part cannot be built as configured.
    #[error("{0:#}")]
    Configuration(anyhow::Error),
    /// A port is taken, or another thing of the system is missing.
    #[error("{0:#}")]
    System(anyhow::Error),
}

impl StartError {
    /// A short name.
    pub fn code(&self) -> &'static str {
        match self {
            StartError::Spool(error) => error.code(),
            StartError::Configuration(_) => "configuration",
            StartError::System(_) => "system",
        }
    }
}

/// The relay, running.
pub struct App {
    callback_addr: SocketAddr,
    admin_addr: SocketAddr,
    metrics: Metrics,
    accounts: Accounts,
    spool: Spool,
    relay: Arc<Relay>,
    grace: Duration,
    ingress: Part,
    admin: Part,
    /// What runs beside: the control socket, and reading the accounts again.
    beside: TaskTracker,
    stop_beside: CancellationToken,
}

/// A listener that serves until it is told to drain.
struct Part {
    drain: CancellationToken,
    task: JoinHandle<()>,
}

impl Part {
    fn spawn<F: Future<Output = ()> + Send + 'static>(
        grace: Duration,
        serve: impl FnOnce(Shutdown) -> F,
    ) -> Self {
        let drain = CancellationToken::new();
        let task = tokio::spawn(serve(Shutdown { draining: drain.clone(), grace }));
        Part { drain, task }
    }

    async fn drain(self) {
        self.drain.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a listener ended by itself");
        }
    }
}

impl App {
    /// Builds every part and starts it. The spool comes before the ports: what is answered is durable from the first
    /// callback on.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub async fn start(loaded: Loaded) -> Result<App, StartError> {
        let Loaded { config, keyring, accounts: watch, warnings } = loaded;
        sabotage::announce().map_err(|error| StartError::Configuration(anyhow::anyhow!(error)))?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        // First of all: without a handler SIGHUP ends the process.
        let hangup =
            signal(SignalKind::hangup()).context("cannot listen for SIGHUP").map_err(StartError::System)?;
        let metrics = new_metrics().map_err(StartError::System)?;
        let normalizer = Normalizer::new(&config.normalize)
            .map_err(|error| StartError::Configuration(anyhow::anyhow!("normalize.{error}")))?;
        let sinks = sinks(&config, &metrics)?;
        metrics.accounts.set(i64::try_from(keyring.len()).unwrap_or(i64::MAX));
        let accounts = Accounts::new(keyring);
        let spool = open_spool(&config, metrics.clone()).await?;
        let relay = Relay::start(&spool, sinks, &config.relay, &metrics)
            .map_err(|error| StartError::System(error.into()))?;
        let relay = Arc::new(relay);
        let parts = Parts { config, metrics, normalizer, accounts, spool, relay };
        parts.serve(watch, hangup).await
    }

    /// Where callbacks are taken.
    pub fn callback_addr(&self) -> SocketAddr {
        self.callback_addr
    }

    /// Where metrics and health are shown.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Every metric.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The accounts in force.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The spool.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Takes leave without losing anything: readiness fails, callbacks are taken for the drain delay, listening
    /// stops, what is in flight ends, the lanes flush, the spool is closed. The admin listener goes last, so that all
    /// of it can be watched.
    pub async fn shutdown(self) {
        tracing::info!("draining");
        self.ingress.drain().await;
        self.relay.drain(self.grace).await;
        self.stop_beside.cancel();
        self.beside.close();
        self.beside.wait().await;
        self.spool.close().await;
        self.admin.drain().await;
        tracing::info!("stopped");
    }
}

/// What is built before anything is bound.
struct Parts {
    config: Config,
    metrics: Metrics,
    normalizer: Normalizer,
    accounts: Accounts,
    spool: Spool,
    relay: Arc<Relay>,
}

impl Parts {
    async fn serve(self, watch: AccountsWatch, hangup: Signal) -> Result<App, StartError> {
        let readiness = self.readiness();
        let state = State {
            accounts: self.accounts.clone(),
            normalizer: self.normalizer,
            spool: self.spool.clone(),
            metrics: self.metrics.clone(),
            readiness: readiness.clone(),
        };
        let system = |error: anyhow::Error| StartError::System(error);
        let ingress = Ingress::bind(&self.config.ingress, Arc::new(state))
            .await
            .map_err(|error| system(error.into()))?;
        let admin_state = admin_state(&self.metrics, readiness.clone(), &self.spool, &self.relay);
        let admin =
            Admin::bind(&self.config.admin, admin_state).await.map_err(|error| system(error.into()))?;
        let control = Control::bind(&self.config.spool.path).map_err(|error| system(error.into()))?;

        let (callback_addr, admin_addr) = (ingress.local_addr(), admin.local_addr());
        let (beside, stop_beside) = (TaskTracker::new(), CancellationToken::new());
        let reach = Reach {
            lanes: Box::new(lanes_of(&self.relay)),
            drain: Box::new(move || readiness.begin_drain()),
        };
        beside.spawn(control.serve(self.spool.clone(), reach, stop_beside.clone()));
        beside.spawn(config::watch(
            watch,
            hangup,
            self.accounts.clone(),
            self.metrics.clone(),
            stop_beside.clone(),
        ));
        let grace = self.config.grace_period.get();
        let app = App {
            callback_addr,
            admin_addr,
            metrics: self.metrics,
            accounts: self.accounts,
            spool: self.spool,
            relay: self.relay,
            grace,
            ingress: Part::spawn(grace, |shutdown| ingress.serve(shutdown)),
            admin: Part::spawn(Duration::from_secs(1), |shutdown| admin.serve(shutdown)),
            beside,
            stop_beside,
        };
        tracing::info!(callbacks = %callback_addr, admin = %admin_addr, version = env!("CARGO_PKG_VERSION"), "listening");
        Ok(app)
    }

    fn readiness(&self) -> Readiness {
        let spool = self.spool.clone();
        let unverified = self.config.ingress.verification == Verification::Off;
        Readiness::new(self.accounts.clone(), unverified, move || {
            let health = spool.health();
            if health.writable {
                Ok(())
            } else {
                Err(health.reason.unwrap_or_else(|| "not writable".to_owned()))
            }
        })
    }
}

fn admin_state(metrics: &Metrics, readiness: Readiness, spool: &Spool, relay: &Arc<Relay>) -> AdminState {
    let spool = spool.clone();
    AdminState::new(metrics.clone(), readiness, move || spool.observe(), lanes_of(relay))
}

/// Tells the state of every lane as JSON.
fn lanes_of(relay: &Arc<Relay>) -> impl Fn() -> serde_json::Value + Send + Sync + 'static {
    let relay = Arc::clone(relay);
    move || serde_json::to_value(relay.status()).unwrap_or_default()
}

fn new_metrics() -> anyhow::Result<Metrics> {
    let metrics = Metrics::new()?;
    metrics.set_build_info(env!("CARGO_PKG_VERSION"), option_env!("TENDLC_COMMIT").unwrap_or("unknown"))?;
    // A clock before 1970 says nothing.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    metrics.start_time.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    Ok(metrics)
}

fn sinks(config: &Config, metrics: &Metrics) -> Result<Vec<Sink>, StartError> {
    let sink = |(name, sink): (&String, &SinkConfig)| Sink::new(name, sink, metrics);
    config
        .sinks
        .iter()
        .map(sink)
        .collect::<Result<_, _>>()
        .map_err(|error| StartError::Configuration(error.into()))
}

/// What the spool has to know of the configured sinks.
pub fn lanes(config: &Config) -> Vec<LaneSpec> {
    let lane = |(name, sink): (&String, &SinkConfig)| LaneSpec {
        name: name.clone(),
        required: sink.common.required,
        start: sink.common.start,
    };
    config.sinks.iter().map(lane).collect()
}

/// Opens the spool on a thread that may wait: recovery after a crash reads the log.
async fn open_spool(config: &Config, metrics: Metrics) -> Result<Spool, StartError> {
    let (spool, lanes) = (config.spool.clone(), lanes(config));
    let open = tokio::task::spawn_blocking(move || Spool::open(&spool, &lanes, metrics));
    Ok(open.await.context("opening the spool was broken off").map_err(StartError::System)??)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::config::Sources;
    use crate::spool::SpoolReader;

    fn loaded(dir: &std::path::Path) -> Loaded {
        let at = |name: &str| dir.join(name).display().to_string();
        let variables = [
            ("PLIVO_AUTH_ID", "MA1".to_owned()),
            ("PLIVO_AUTH_TOKEN", "token".to_owned()),
            ("TENDLC_INGRESS__LISTEN", "127.0.0.1:0".to_owned()),
            ("TENDLC_INGRESS__PUBLIC_URLS", "https://relay.example.com".to_owned()),
            ("TENDLC_INGRESS__DRAIN_DELAY", "0s".to_owned()),
            ("TENDLC_ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
            ("TENDLC_SPOOL__PATH", at("spool")),
            ("TENDLC_SPOOL__RESERVE", "0".to_owned()),
            ("TENDLC_SINKS__FILES__DIR", at("events")),
        ];
        Config::load(Sources::new(None, variables.into_iter().collect())).unwrap()
    }

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_starts_refuses_what_is_not_signed_and_takes_leave() {
        let dir = tempfile::tempdir().unwrap();
        let app = App::start(loaded(dir.path())).await.unwrap();
        let (callbacks, admin) = (app.callback_addr(), app.admin_addr());
        let asked = tokio::task::spawn_blocking(move || {
            (get(admin, "/readyz"), get(callbacks, "/tendlc_status/?status=created"))
        });
        let (ready, refused) = asked.await.unwrap();
        assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        let second = App::start(loaded(dir.path())).await.err().map(|error| error.code());
        assert_eq!(second, Some("locked"), "one relay a spool");
        app.shutdown().await;
        assert!(TcpStream::connect(callbacks).is_err() && TcpStream::connect(admin).is_err());
        assert_eq!(SpoolReader::open(&dir.path().join("spool")).unwrap().tip().unwrap(), 0);
        App::start(loaded(dir.path())).await.unwrap().shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_port_that_is_taken_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut loaded = loaded(dir.path());
        loaded.config.ingress.listen = taken.local_addr().unwrap();
        let error = App::start(loaded).await.err().unwrap();
        assert!(error.code() == "system" && error.to_string().contains("ingress.listen"), "{error}");
    }
}
