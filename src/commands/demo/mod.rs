//! `demo`: the whole road in one process and one temporary directory, with no broker and no Plivo account.

mod screen;
mod story;
mod topics;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::Failure;
use crate::app::App;
use crate::config::{Config, Environment, Loaded, Sources};
use crate::sim::courier::{self, Courier, Origin, Pen, RetryNonce, Settings};
use crate::sim::ledger::{Attempt, Clock};
use screen::Screen;
use story::{ACCOUNT, AUTH_ID, AUTH_TOKEN, ORIGIN, Step};
use topics::Topics;

/// How long an event may take from its answer to its topic before the demo calls it missing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the relay, tells it the story, and shows what came of it.
///
/// # Errors
/// When the relay cannot start, or does not do what the story says.
pub fn run() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(tell())
}

async fn tell() -> Result<(), Failure> {
    let dir = tempfile::Builder::new().prefix("tendlc-demo-").tempdir().context("cannot make a directory")?;
    let app = App::start(configuration(dir.path())?).await.map_err(anyhow::Error::from)?;
    let screen = Screen::new();
    screen.opening(dir.path(), app.callback_addr())?;
    let mut topics = Topics::new(dir.path().join("events"));
    let courier = courier(app.callback_addr())?;
    let mut surprises = 0;
    for (index, step) in story::story(&courier)?.iter().enumerate() {
        surprises += usize::from(!play(index + 1, step, &courier, &screen, &mut topics).await?);
    }
    screen.counts(&app.metrics().encode())?;
    app.shutdown().await;
    if surprises > 0 {
        return Err(Failure::Failed(anyhow::anyhow!(
            "{surprises} steps did not end as they should; see above"
        )));
    }
    screen.closing()
}

/// Plays one step; whether it ended as the story says.
async fn play(
    number: usize,
    step: &Step,
    courier: &Courier,
    screen: &Screen,
    topics: &mut Topics,
) -> Result<bool, Failure> {
    let answer = send(courier, step).await?;
    let as_told = (answer.code, answer.status.as_str()) == step.expected;
    screen.step(number, step, &answer, as_told)?;
    if as_told && step.publishes() {
        let id = answer.id.as_deref().unwrap_or_default();
        let (topic, event) = topics.wait_for(id, PATIENCE).await?;
        screen.event(&topic, &event)?;
    }
    Ok(as_told)
}

/// What the relay answered.
struct Answer {
    code: u16,
    /// `status` of the answer's JSON, `-` where there is none.
    status: String,
    /// The event's id, where there is one.
    id: Option<String>,
}

async fn send(courier: &Courier, step: &Step) -> anyhow::Result<Answer> {
    let attempt = courier.deliver(&step.errand).await.attempts.pop().unwrap_or_default();
    let Attempt { code, answer_status, answer_id, error, .. } = attempt;
    let code = code.with_context(|| format!("the relay did not answer: {}", error.unwrap_or_default()))?;
    Ok(Answer { code, status: answer_status.unwrap_or_else(|| "-".to_owned()), id: answer_id })
}

/// The simulator's courier on its way to the relay, as if a proxy stood at the public URL.
fn courier(relay: SocketAddr) -> anyhow::Result<Courier> {
    let via = Origin { tls: false, host: relay.ip().to_string(), port: relay.port() };
    let settings = Settings {
        pen: Pen { seed: 1, retry_nonce: RetryNonce::Keep, v3: false },
        time_scale: 1.0,
        timeout: courier::TIMEOUT,
        concurrency: 1,
        via: Some(via),
        ca_file: None,
    };
    Courier::new(settings, Clock::start()).context("cannot set up what sends")
}

/// The embedded default, moved into `dir` and onto ports that the system chooses.
fn configuration(dir: &Path) -> Result<Loaded, Failure> {
    let path = |name: &str| toml::Value::from(dir.join(name).display().to_string());
    let text = format!(
        r#"
        [ingress]
        listen = "127.0.0.1:0"
        public_urls = ["{ORIGIN}"]
        drain_delay = "0s"

        [admin]
        listen = "127.0.0.1:0"

        [accounts.{ACCOUNT}]
        auth_id = "{AUTH_ID}"
        tokens = ["{AUTH_TOKEN}"]

        [spool]
        path = {spool}

        [sinks.files]
        type = "file"
        dir = {events}
        "#,
        spool = path("spool"),
        events = path("events"),
    );
    let file = dir.join("relay.toml");
    std::fs::write(&file, text).context("cannot write the demo's configuration")?;
    Config::load(Sources::new(Some(file), Environment::default())).map_err(Failure::Configuration)
}
