//! What a NATS sink can be told.

use std::path::PathBuf;

use async_nats::ServerAddr;
use serde::{Deserialize, Serialize};

use crate::sink::secret;
use crate::units::{Secret, Size, Span};

/// A NATS JetStream sink's own keys.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsConfig {
    /// Servers to begin with, `nats://host:port` or `tls://host:port`.
    pub servers: Vec<String>,
    /// The stream that keeps the events.
    pub stream: String,
    /// How long to wait for an acknowledgement.
    pub timeout: Span,
    /// Publish even to a stream that would lose events: in memory, `discard: old`, a short duplicate window.
    pub accept_unsafe_stream: bool,
    /// A credentials file (JWT and seed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creds_file: Option<PathBuf>,
    /// The seed of an nkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nkey: Option<Secret>,
    /// A file with the seed of an nkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nkey_file: Option<PathBuf>,
    /// A token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// A user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file with the user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// TLS; absent leaves it to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<NatsTls>,
    /// Whether and how the stream is made when it is missing.
    pub create: CreateStream,
}

impl Default for NatsConfig {
    fn default() -> Self {
        NatsConfig {
            servers: Vec::new(),
            stream: "PLIVO_10DLC".to_owned(),
            timeout: Span::from_secs(5),
            accept_unsafe_stream: false,
            creds_file: None,
            nkey: None,
            nkey_file: None,
            token: None,
            token_file: None,
            user: None,
            password: None,
            password_file: None,
            tls: None,
            create: CreateStream::default(),
        }
    }
}

/// TLS towards NATS. An empty table demands it and uses the system's certificate authorities.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsTls {
    /// Certificate authorities that are trusted, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Our certificate for mTLS, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Shake hands before the server says anything (`handshake_first` on the server).
    pub first: bool,
}

/// How a stream that does not exist is made: in files, `discard: new`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CreateStream {
    /// Whether it is made at all.
    pub enabled: bool,
    /// How many servers keep it.
    pub replicas: u8,
    /// How long events are kept; absent means for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// How much it may hold; absent means without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Size>,
    /// How long JetStream remembers idempotency keys.
    pub duplicate_window: Span,
    /// Its subjects; absent takes those that the sink's topics need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Vec<String>>,
}

impl Default for CreateStream {
    fn default() -> Self {
        CreateStream {
            enabled: false,
            replicas: 1,
            max_age: None,
            max_bytes: None,
            duplicate_window: NatsConfig::SHORTEST_WINDOW,
            subjects: None,
        }
    }
}

impl NatsConfig {
    /// A relay that restarts or a broker that comes back may publish once more what was sent minutes ago.
    pub(super) const SHORTEST_WINDOW: Span = Span::from_secs(600);

    /// The problem with a value, naming the key.
    pub(in crate::sink) fn validate(&self) -> Result<(), String> {
        self.addresses().map(|_| ())?;
        if self.stream.is_empty() || self.stream.contains(['.', '*', '>', '/', '\\', ' ']) {
            return Err(format!(
                "stream: {:?} is not a stream's name: no '.', '*', '>', '/' or blank",
                self.stream
            ));
        }
        if self.timeout < Span::from_secs(1) {
            return Err("timeout: accepted is 1s or longer".to_owned());
        }
        secret::only_one("nkey", self.nkey.is_some(), self.nkey_file.is_some())?;
        secret::only_one("token", self.token.is_some(), self.token_file.is_some())?;
        secret::only_one("password", self.password.is_some(), self.password_file.is_some())?;
        self.validate_one_identity()?;
        self.tls.as_ref().map_or(Ok(()), NatsTls::validate)?;
        self.create.validate()
    }

    /// The files that hold secrets.
    pub(in crate::sink) fn secret_files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = [&self.creds_file, &self.nkey_file, &self.token_file, &self.password_file];
        own.into_iter().chain(self.tls.iter().map(|tls| &tls.key_file)).flatten()
    }

    /// The servers as `host:port`, and whether they are talked to by TLS.
    ///
    /// # Errors
    /// The first that is no address.
    pub fn hosts(&self) -> Result<Vec<(String, bool)>, String> {
        let host = |server: &ServerAddr| {
            let (host, port) = (server.host(), server.port());
            let host = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            (host, self.tls.is_some() || server.tls_required())
        };
        Ok(self.addresses()?.iter().map(host).collect())
    }

    /// The servers, parsed.
    pub(super) fn addresses(&self) -> Result<Vec<ServerAddr>, String> {
        if self.servers.is_empty() {
            return Err(r#"servers: at least one is needed, such as ["nats://localhost:4222"]"#.to_owned());
        }
        self.servers.iter().map(|server| address(server)).collect()
    }

    fn validate_one_identity(&self) -> Result<(), String> {
        let has_password = self.password.is_some() || self.password_file.is_some();
        if self.user.is_some() != has_password {
            return Err(
                "user and password (or password_file) belong together: set both or neither".to_owned()
            );
        }
        let given = [
            self.creds_file.is_some(),
            self.nkey.is_some() || self.nkey_file.is_some(),
            self.token.is_some() || self.token_file.is_some(),
            self.user.is_some(),
        ];
        if given.into_iter().filter(|is_given| *is_given).count() > 1 {
            return Err("creds_file, nkey, token and user exclude each other: keep one".to_owned());
        }
        Ok(())
    }
}

impl NatsTls {
    fn validate(&self) -> Result<(), String> {
        if self.cert_file.is_some() != self.key_file.is_some() {
            return Err("tls: cert_file and key_file belong together: set both or neither".to_owned());
        }
        Ok(())
    }
}

impl CreateStream {
    fn validate(&self) -> Result<(), String> {
        if !(1..=5).contains(&self.replicas) {
            return Err("create.replicas: accepted are 1 to 5".to_owned());
        }
        if self.duplicate_window < NatsConfig::SHORTEST_WINDOW {
            return Err(format!(
                "create.duplicate_window: accepted is {} or longer",
                NatsConfig::SHORTEST_WINDOW
            ));
        }
        if self.max_age.is_some_and(|age| age < self.duplicate_window) {
            return Err("create.max_age: accepted is create.duplicate_window or longer".to_owned());
        }
        if self.subjects.as_ref().is_some_and(Vec::is_empty) {
            return Err("create.subjects: leave it out, or name at least one".to_owned());
        }
        Ok(())
    }
}

fn address(server: &str) -> Result<ServerAddr, String> {
    if server.contains('@') {
        return Err(
            "servers: no user or password in an address: use the keys user and password_file".to_owned()
        );
    }
    let parsed = server.parse::<ServerAddr>().map_err(|error| format!("servers: {server:?}: {error}"))?;
    if parsed.is_websocket() {
        return Err(format!(r#"servers: {server:?}: accepted are "nats://host:port" and "tls://host:port""#));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(text: &str) -> Result<(), String> {
        toml::from_str::<NatsConfig>(text).unwrap().validate()
    }

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let server = "servers = [\"nats://n:4222\"]\n";
        validated(server).unwrap();
        for (text, key) in [
            ("stream = \"a.b\"", "stream"),
            ("timeout = \"5ms\"", "timeout"),
            ("user = \"u\"", "user"),
            ("user = \"u\"\npassword = \"p\"\ntoken = \"t\"", "creds_file, nkey, token"),
            ("token = \"t\"\ntoken_file = \"f\"", "token"),
            ("[tls]\nkey_file = \"k\"", "tls"),
            ("[create]\nreplicas = 0", "create.replicas"),
            ("[create]\nduplicate_window = \"2m\"", "create.duplicate_window"),
            ("[create]\nmax_age = \"2m\"", "create.max_age"),
            ("[create]\nsubjects = []", "create.subjects"),
        ] {
            let problem = validated(&format!("{server}{text}")).unwrap_err();
            assert!(problem.starts_with(key), "{problem}");
        }
        for text in
            ["", "servers = [\"ws://n\"]", "servers = [\"http://n\"]", "servers = [\"nats://u:hunter2@n\"]"]
        {
            let problem = validated(text).unwrap_err();
            assert!(problem.starts_with("servers") && !problem.contains("hunter2"), "{problem}");
        }
    }
}
