//! What a Kafka sink can be told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use super::properties::{self, Property};
use crate::sink::secret::{self, UnreadableFile};
use crate::units::{Secret, Span};

/// A Kafka sink's own keys.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Brokers to begin with, `host:port`.
    pub servers: Vec<String>,
    /// How long the client itself goes on trying to deliver an event, before the lane takes over.
    pub timeout: Span,
    /// TLS; absent means none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<KafkaTls>,
    /// Authentication; absent means none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl: Option<Sasl>,
    /// Whether and how missing topics are made.
    pub create: CreateTopics,
    /// Further librdkafka properties, by their own names.
    pub properties: BTreeMap<String, Property>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        KafkaConfig {
            servers: Vec::new(),
            timeout: Span::from_secs(300),
            tls: None,
            sasl: None,
            create: CreateTopics::default(),
            properties: BTreeMap::new(),
        }
    }
}

/// TLS towards Kafka. An empty table uses the system's certificate authorities.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaTls {
    /// Certificate authorities that are trusted, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Our certificate for mTLS, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The private key's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_password: Option<Secret>,
    /// A file with the private key's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_password_file: Option<PathBuf>,
}

/// Authentication towards Kafka.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// The user; with OAUTHBEARER the principal, where the token does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file with the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// OAUTHBEARER: a file with the token, read anew for each refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// OAUTHBEARER: a program and its arguments that prints the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_command: Option<Vec<String>>,
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub enum Mechanism {
    /// User and password in the clear: only sensible over TLS.
    #[serde(rename = "PLAIN")]
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// An OAuth 2 bearer token.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

impl Mechanism {
    const fn as_str(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::OauthBearer => "OAUTHBEARER",
        }
    }
}

/// How topics that do not exist are made.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CreateTopics {
    /// Whether they are made at all.
    pub enabled: bool,
    /// Partitions; absent takes the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u16>,
    /// Replicas of each partition; absent takes the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<u16>,
    /// How long events are kept; absent takes the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Span>,
    /// How many replicas have to have an event before it is acknowledged; absent takes the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_insync_replicas: Option<u16>,
}

impl KafkaConfig {
    /// The problem with a value, naming the key.
    pub(in crate::sink) fn validate(&self, window: usize) -> Result<(), String> {
        if self.servers.is_empty() {
            return Err(r#"servers: at least one broker is needed, such as ["localhost:9092"]"#.to_owned());
        }
        if let Some(server) = self.servers.iter().find(|server| !is_address(server)) {
            return Err(format!(r#"servers: {server:?} is not an address: accepted is "host:port""#));
        }
        if self.timeout < Span::from_secs(1) {
            return Err("timeout: accepted is 1s or longer".to_owned());
        }
        if [self.create.partitions, self.create.replication, self.create.min_insync_replicas]
            .contains(&Some(0))
        {
            return Err("create: partitions, replication and min_insync_replicas are 1 or more".to_owned());
        }
        self.tls.as_ref().map_or(Ok(()), KafkaTls::validate)?;
        self.sasl.as_ref().map_or(Ok(()), Sasl::validate)?;
        // rdkafka's admin client never polls the queue on which librdkafka asks for a token.
        let bearer = self.sasl.as_ref().is_some_and(|sasl| sasl.mechanism == Mechanism::OauthBearer);
        if self.create.enabled && bearer {
            return Err(
                "create.enabled: topics cannot be made with OAUTHBEARER, since the client library fetches \
                        no token for that: make them by hand"
                    .to_owned(),
            );
        }
        properties::validate(&self.properties, window)
    }

    /// The client's configuration with the secrets as their files hold them now.
    pub(super) fn client(&self, window: usize) -> Result<ClientConfig, UnreadableFile> {
        let mut client = ClientConfig::new();
        properties::base(&mut client, window);
        client.set("bootstrap.servers", self.servers.join(","));
        client.set("message.timeout.ms", self.timeout.as_millis().min(i32::MAX as u64).to_string());
        client.set("security.protocol", self.protocol());
        if let Some(tls) = &self.tls {
            tls.apply(&mut client)?;
        }
        if let Some(sasl) = &self.sasl {
            sasl.apply(&mut client)?;
        }
        for (name, value) in &self.properties {
            client.set(name, value.to_string());
        }
        Ok(client)
    }

    /// What the client calls itself to the brokers.
    pub fn client_id(&self) -> String {
        self.properties.get("client.id").map_or_else(|| properties::CLIENT_ID.to_owned(), Property::to_string)
    }

    /// The files whose contents a client is built from.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let tls = self.tls.iter().flat_map(|tls| {
            [&tls.ca_file, &tls.cert_file, &tls.key_file, &tls.key_password_file].into_iter().flatten()
        });
        tls.chain(self.sasl.iter().filter_map(|sasl| sasl.password_file.as_ref()))
    }

    /// The files that hold secrets.
    pub(in crate::sink) fn secret_files(&self) -> impl Iterator<Item = &PathBuf> {
        let tls = self.tls.iter().flat_map(|tls| [&tls.key_file, &tls.key_password_file]);
        let sasl = self.sasl.iter().flat_map(|sasl| [&sasl.password_file, &sasl.token_file]);
        tls.chain(sasl).flatten()
    }

    /// Who we are to the broker, as far as the configuration says it.
    pub(super) fn principal(&self) -> String {
        let name = self.sasl.as_ref().and_then(|sasl| sasl.username.as_deref());
        match (name, self.tls.as_ref().and_then(|tls| tls.cert_file.as_ref())) {
            (Some(name), _) => format!("User:{name}"),
            (None, Some(_)) => "User:<subject of tls.cert_file>".to_owned(),
            (None, None) if self.sasl.is_some() => "User:<subject of the token>".to_owned(),
            (None, None) => "User:ANONYMOUS".to_owned(),
        }
    }

    fn protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }
}

impl KafkaTls {
    fn validate(&self) -> Result<(), String> {
        if self.cert_file.is_some() != self.key_file.is_some() {
            return Err("tls: cert_file and key_file belong together: set both or neither".to_owned());
        }
        secret::only_one("tls.key_password", self.key_password.is_some(), self.key_password_file.is_some())
    }

    fn apply(&self, client: &mut ClientConfig) -> Result<(), UnreadableFile> {
        let files = [
            ("tls.ca_file", "ssl.ca.location", &self.ca_file),
            ("tls.cert_file", "ssl.certificate.location", &self.cert_file),
            ("tls.key_file", "ssl.key.location", &self.key_file),
        ];
        for (key, property, file) in files {
            if let Some(path) = file {
                // Read here too, since librdkafka's own complaint names neither the key nor a next step.
                secret::read(path, key)?;
                client.set(property, path.to_string_lossy());
            }
        }
        let password = secret::reveal(
            self.key_password.as_ref(),
            self.key_password_file.as_ref(),
            "tls.key_password_file",
        )?;
        if let Some(password) = password {
            client.set("ssl.key.password", password.expose());
        }
        Ok(())
    }
}

impl Sasl {
    fn validate(&self) -> Result<(), String> {
        secret::only_one("sasl.password", self.password.is_some(), self.password_file.is_some())?;
        let has_password = self.password.is_some() || self.password_file.is_some();
        let sources = usize::from(self.token_file.is_some()) + usize::from(self.token_command.is_some());
        let name = self.mechanism.as_str();
        match self.mechanism {
            Mechanism::OauthBearer if sources != 1 => {
                Err(format!("sasl: {name} needs one of token_file and token_command"))
            }
            Mechanism::OauthBearer if has_password => Err(format!("sasl: {name} takes no password")),
            Mechanism::OauthBearer if self.token_command.as_ref().is_some_and(Vec::is_empty) => {
                Err("sasl.token_command: the program's name is missing".to_owned())
            }
            Mechanism::OauthBearer => Ok(()),
            _ if sources != 0 => Err(format!("sasl: {name} takes no token: use OAUTHBEARER")),
            _ if self.username.is_none() || !has_password => {
                Err(format!("sasl: {name} needs username and one of password and password_file"))
            }
            _ => Ok(()),
        }
    }

    fn apply(&self, client: &mut ClientConfig) -> Result<(), UnreadableFile> {
        client.set("sasl.mechanism", self.mechanism.as_str());
        if self.mechanism == Mechanism::OauthBearer {
            return Ok(());
        }
        if let Some(username) = &self.username {
            client.set("sasl.username", username);
        }
        let password =
            secret::reveal(self.password.as_ref(), self.password_file.as_ref(), "sasl.password_file")?;
        if let Some(password) = password {
            client.set("sasl.password", password.expose());
        }
        Ok(())
    }
}

fn is_address(server: &str) -> bool {
    let Some((host, port)) = server.rsplit_once(':') else { return false };
    !host.is_empty()
        && !host.contains(['/', ',', '@', ' '])
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> KafkaConfig {
        toml::from_str(&format!("servers = [\"localhost:9092\"]\n{text}")).unwrap()
    }

    fn problem(text: &str) -> String {
        config(text).validate(256).unwrap_err()
    }

    #[test]
    fn the_protocol_follows_from_tls_and_sasl() {
        let sasl = "[sasl]\nmechanism = \"SCRAM-SHA-512\"\nusername = \"u\"\npassword = \"p\"\n";
        for (text, protocol) in [
            (String::new(), "plaintext"),
            ("[tls]".to_owned(), "ssl"),
            (sasl.to_owned(), "sasl_plaintext"),
            (format!("{sasl}[tls]"), "sasl_ssl"),
        ] {
            let config = config(&text);
            config.validate(256).unwrap();
            assert_eq!(config.client(256).unwrap().get("security.protocol"), Some(protocol));
        }
    }

    #[test]
    fn librdkafka_accepts_what_is_made() {
        let config = config("[properties]\n\"linger.ms\" = 20\n\"compression.type\" = \"zstd\"");
        config.validate(256).unwrap();
        let client = config.client(256).unwrap();
        client.create_native_config().unwrap();
        assert_eq!(client.get("linger.ms"), Some("20"));
        assert_eq!(client.get("enable.idempotence"), Some("true"));
    }

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        for (text, key) in [
            ("timeout = \"1ms\"", "timeout"),
            ("[create]\npartitions = 0", "create"),
            ("[tls]\ncert_file = \"c\"", "tls"),
            ("[sasl]\nmechanism = \"PLAIN\"\nusername = \"u\"", "sasl"),
            (
                "[sasl]\nmechanism = \"PLAIN\"\nusername = \"u\"\npassword = \"p\"\npassword_file = \"f\"",
                "sasl.password",
            ),
            ("[sasl]\nmechanism = \"OAUTHBEARER\"", "sasl"),
            (
                "[sasl]\nmechanism = \"OAUTHBEARER\"\ntoken_file = \"t\"\n[create]\nenabled = true",
                "create.enabled",
            ),
            ("[sasl]\nmechanism = \"OAUTHBEARER\"\ntoken_command = []", "sasl.token_command"),
        ] {
            assert!(problem(text).starts_with(key), "{}", problem(text));
        }
        for servers in ["", "k", "k:0", "http://k:1", "a:1,b:2", ":1"] {
            let config = KafkaConfig { servers: vec![servers.to_owned()], ..KafkaConfig::default() };
            assert!(config.validate(1).unwrap_err().starts_with("servers"), "{servers}");
        }
        assert!(KafkaConfig::default().validate(1).unwrap_err().starts_with("servers"));
    }

    #[test]
    fn a_missing_file_is_named_by_its_key() {
        let config = config("[tls]\nca_file = \"/nowhere/ca.pem\"");
        let error = config.client(1).unwrap_err().to_string();
        assert!(error.contains("tls.ca_file") && error.contains("/nowhere/ca.pem"), "{error}");
    }
}
