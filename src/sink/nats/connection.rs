//! One connection to NATS, and what is known about its end.
//!
//! The client's own way of reconnecting hides why it fails and keeps the secrets that it began with. So a connection
//! that breaks is not mended but replaced, by the one that tends the sink.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, Event};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::config::NatsConfig;
use crate::sink::error::{CheckError, Code, one_line};
use crate::sink::secret::{self, UnreadableFile};
use crate::sink::tls;
use crate::units::Secret;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that once was good.
pub(super) struct Connection {
    pub(super) context: Context,
    state: Arc<State>,
}

/// What the client's events say.
struct State {
    broken: CancellationToken,
    /// What the server complained about last, such as a missing permission.
    complaint: Mutex<Option<String>>,
    trouble: Arc<Notify>,
}

impl Connection {
    /// Connects, with the secrets as their files hold them now.
    pub(super) async fn open(
        sink: &str,
        config: &NatsConfig,
        window: usize,
        trouble: Arc<Notify>,
    ) -> Result<Self, CheckError> {
        let addresses =
            config.addresses().map_err(|problem| CheckError::blocking(Code::Credentials, problem))?;
        let state =
            Arc::new(State { broken: CancellationToken::new(), complaint: Mutex::default(), trouble });
        let options = options(sink, config, addresses.len())
            .map_err(|problem| CheckError::blocking(Code::Credentials, problem))?
            .event_callback({
                let state = Arc::clone(&state);
                move |event| {
                    state.hear(&event);
                    std::future::ready(())
                }
            });
        let client = options.connect(addresses).await.map_err(|error| explained(&error, config))?;
        let context = ContextBuilder::new()
            .timeout(config.timeout.get())
            .max_ack_inflight(window.saturating_mul(2).max(16))
            .build(client);
        Ok(Connection { context, state })
    }

    /// Whether the connection broke.
    pub(super) fn is_broken(&self) -> bool {
        self.state.broken.is_cancelled()
    }

    /// Resolves when the connection breaks.
    pub(super) async fn broken(&self) {
        self.state.broken.cancelled().await;
    }

    /// What the server complained about last.
    pub(super) fn complaint(&self) -> Option<String> {
        self.state.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    fn hear(&self, event: &Event) {
        match event {
            Event::Disconnected | Event::Closed => {
                self.broken.cancel();
                self.trouble.notify_one();
            }
            Event::ServerError(error) => {
                let complaint = one_line(&error.to_string());
                *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(complaint);
            }
            _ => {}
        }
    }
}

fn options(sink: &str, config: &NatsConfig, servers: usize) -> Result<ConnectOptions, String> {
    let mut options = ConnectOptions::new()
        .name(format!("tendlc-relay {sink}"))
        .connection_timeout(PATIENCE)
        .request_timeout(Some(PATIENCE))
        .ping_interval(Duration::from_secs(10))
        // As many attempts as servers, so that the client ends instead of reconnecting behind our back.
        .max_reconnects(servers)
        .no_echo();
    if let Some(tls) = &config.tls {
        options = options.require_tls(true);
        if let Some(file) = &tls.ca_file {
            readable(file, "tls.ca_file")?;
            options = options.add_root_certificates(file.clone());
        }
        if let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) {
            readable(cert, "tls.cert_file")?;
            readable(key, "tls.key_file")?;
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        if tls.first {
            options = options.tls_first();
        }
    }
    identified(options, config)
}

fn identified(options: ConnectOptions, config: &NatsConfig) -> Result<ConnectOptions, String> {
    if let Some(path) = &config.creds_file {
        let creds = secret::read(path, "creds_file").map_err(|error| error.to_string())?;
        return options.credentials(creds.expose()).map_err(|_| {
            format!("creds_file {path:?} holds no credentials: make them with `nsc generate creds`")
        });
    }
    if let Some(seed) = revealed(config.nkey.as_ref(), config.nkey_file.as_ref(), "nkey_file")? {
        return Ok(options.nkey(seed.expose().to_owned()));
    }
    if let Some(token) = revealed(config.token.as_ref(), config.token_file.as_ref(), "token_file")? {
        return Ok(options.token(token.expose().to_owned()));
    }
    let password = revealed(config.password.as_ref(), config.password_file.as_ref(), "password_file")?;
    Ok(match (&config.user, password) {
        (Some(user), Some(password)) => options.user_and_password(user.clone(), password.expose().to_owned()),
        _ => options,
    })
}

fn revealed(
    inline: Option<&Secret>,
    file: Option<&std::path::PathBuf>,
    key: &'static str,
) -> Result<Option<Secret>, String> {
    secret::reveal(inline, file, key).map_err(|error| error.to_string())
}

fn readable(path: &std::path::Path, key: &'static str) -> Result<(), String> {
    secret::read(path, key).map(|_| ()).map_err(|error: UnreadableFile| error.to_string())
}

/// Why no connection came about, and what to do.
fn explained(error: &ConnectError, config: &NatsConfig) -> CheckError {
    let said = said(error);
    let (code, advice) = match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => refused_identity(),
        ConnectErrorKind::Dns => {
            (Code::UnknownHost, "the host name does not resolve: correct `servers` or DNS".to_owned())
        }
        ConnectErrorKind::TimedOut => {
            (Code::Timeout, "the server does not answer: is this the address of a NATS server?".to_owned())
        }
        _ => match tls::described(error) {
            Some(words) => (Code::Tls, words),
            None if error.kind() == ConnectErrorKind::Tls => {
                (Code::Tls, "the TLS handshake failed: compare `tls` with the server's".to_owned())
            }
            None if said.to_ascii_lowercase().contains("authentication") => refused_identity(),
            None if said.contains("refused") => (
                Code::Connection,
                "the connection is refused: is the server running, and the port right?".to_owned(),
            ),
            None => (Code::Connection, "the connection broke".to_owned()),
        },
    };
    CheckError::blocking(code, format!("nats at {}: {advice} ({said})", config.servers.join(", ")))
}

fn refused_identity() -> (Code, String) {
    let advice = "the credentials are not accepted: correct user, password, token, nkey or creds_file";
    (Code::Authentication, advice.to_owned())
}

/// An error with all its causes.
fn said(error: &ConnectError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    one_line(&text)
}
