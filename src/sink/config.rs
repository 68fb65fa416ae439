//! One sink's table in the configuration: what all kinds have in common, and the kind's own keys beside it.

use std::path::PathBuf;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::file::FileConfig;
use super::kafka::KafkaConfig;
use super::nats::NatsConfig;
use super::raw::RawConfig;
use super::topics::TopicsConfig;
use crate::spool::Start;

/// One sink: `type` says which kind.
#[derive(Debug, Clone, Serialize)]
pub struct SinkConfig {
    /// The kind and its own keys.
    #[serde(flatten)]
    pub target: Target,
    /// The keys that all kinds have.
    #[serde(flatten)]
    pub common: CommonConfig,
}

/// The kind of a sink.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Target {
    /// Apache Kafka, or what speaks its protocol.
    Kafka(KafkaConfig),
    /// NATS JetStream.
    Nats(NatsConfig),
    /// JSON Lines, one file a topic.
    File(FileConfig),
}

/// What every sink can be told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommonConfig {
    /// Whether a full spool waits for this sink (`true`), or skips its oldest unpublished records.
    pub required: bool,
    /// Where a sink that the spool does not know yet begins.
    pub start: Start,
    /// Where events go.
    pub topics: TopicsConfig,
    /// How an event is laid out.
    pub content_mode: ContentMode,
    /// How much of what was received goes along.
    pub raw: RawConfig,
    /// The event's schema version.
    pub schema_version: u32,
    /// How many events may wait for their acknowledgement at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
}

impl CommonConfig {
    /// The keys, for whoever reads a sink's table by parts.
    pub const KEYS: [&str; 7] =
        ["required", "start", "topics", "content_mode", "raw", "schema_version", "window"];

    /// The largest window that is accepted.
    const WIDEST: usize = 16_384;
}

impl Default for CommonConfig {
    fn default() -> Self {
        CommonConfig {
            required: true,
            start: Start::Oldest,
            topics: TopicsConfig::default(),
            content_mode: ContentMode::Structured,
            raw: RawConfig::Full,
            schema_version: 1,
            window: None,
        }
    }
}

/// How a CloudEvent is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentMode {
    /// One JSON document with attributes and data.
    Structured,
    /// Attributes in headers, data alone in the payload.
    Binary,
}

impl SinkConfig {
    /// A sink of this kind with the defaults of what all have in common.
    pub fn new(target: Target) -> Self {
        SinkConfig { target, common: CommonConfig::default() }
    }

    /// The problem with a value, naming the key below the sink's table and what is accepted.
    pub fn validate(&self) -> Result<(), String> {
        self.common.topics.validate()?;
        self.common.raw.validate()?;
        if self.common.schema_version != 1 {
            return Err(format!(
                "schema_version: {} is not known: accepted is 1",
                self.common.schema_version
            ));
        }
        if !(1..=CommonConfig::WIDEST).contains(&self.window()) {
            return Err(format!("window: accepted are 1 to {}", CommonConfig::WIDEST));
        }
        match &self.target {
            Target::Kafka(kafka) => kafka.validate(self.window()),
            Target::Nats(nats) => nats.validate(),
            Target::File(file) => file.validate(self.common.content_mode),
        }
    }

    /// How many events may wait for their acknowledgement at once.
    pub fn window(&self) -> usize {
        self.common.window.unwrap_or(match &self.target {
            Target::Kafka(_) => 1_024,
            Target::Nats(_) => 256,
            Target::File(_) => 256,
        })
    }

    /// The files that hold secrets.
    pub fn secret_files(&self) -> Vec<&PathBuf> {
        match &self.target {
            Target::Kafka(kafka) => kafka.secret_files().collect(),
            Target::Nats(nats) => nats.secret_files().collect(),
            Target::File(_) => Vec::new(),
        }
    }

    /// The kind's name.
    pub const fn kind(&self) -> &'static str {
        match &self.target {
            Target::Kafka(_) => "kafka",
            Target::Nats(_) => "nats",
            Target::File(_) => "file",
        }
    }
}

impl<'de> Deserialize<'de> for SinkConfig {
    /// By hand, since serde's own way of doing this (tag and flatten) cannot refuse unknown keys and loses the name of
    /// the key that has a wrong value.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Map::deserialize(deserializer)?;
        let kind = match table.remove("type") {
            Some(Value::String(kind)) => kind,
            _ => return Err(D::Error::custom(r#"type is missing: accepted are "kafka", "nats" and "file""#)),
        };
        let common: Map<String, Value> = CommonConfig::KEYS
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), table.remove(*key)?)))
            .collect();
        let common = keyed(common).map_err(D::Error::custom)?;
        let target = match kind.as_str() {
            "kafka" => keyed(table).map(Target::Kafka),
            "nats" => keyed(table).map(Target::Nats),
            "file" => keyed(table).map(Target::File),
            _ => Err(format!(r#"type: unknown kind {kind:?}: accepted are "kafka", "nats" and "file""#)),
        };
        Ok(SinkConfig { target: target.map_err(D::Error::custom)?, common })
    }
}

/// Reads a table, with the path of the key in its error.
fn keyed<T: serde::de::DeserializeOwned>(table: Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Object(table)).map_err(|error| {
        let path = error.path().to_string();
        if path == "." { error.inner().to_string() } else { format!("{path}: {}", error.inner()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SinkConfig, String> {
        toml::from_str::<SinkConfig>(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn each_kind_is_read_with_what_all_have_in_common() {
        let kafka = read("type = \"kafka\"\nservers = [\"k:9092\"]\nrequired = false\nwindow = 7").unwrap();
        assert!(matches!(&kafka.target, Target::Kafka(own) if own.servers == ["k:9092"]));
        assert!(!kafka.common.required && kafka.window() == 7);
        let nats = read("type = \"nats\"\nservers = [\"nats://n:4222\"]\nstart = \"now\"").unwrap();
        assert_eq!((nats.kind(), nats.common.start), ("nats", Start::Now));
        let file = read("type = \"file\"\ndir = \"/d\"\n[topics]\nbrand = \"b\"").unwrap();
        assert_eq!((file.kind(), file.common.topics.brand.as_str()), ("file", "b"));
        for config in [kafka, nats, file] {
            config.validate().unwrap();
        }
    }

    #[test]
    fn mistakes_name_the_key_and_what_is_accepted() {
        for (text, parts) in [
            ("", vec!["type", "\"file\""]),
            ("type = \"rabbit\"", vec!["type", "rabbit", "\"nats\""]),
            ("type = \"file\"\ndirr = \"/d\"", vec!["dirr", "`dir`"]),
            ("type = \"kafka\"\n[sasl]\nmechanism = \"GSSAPI\"", vec!["sasl.mechanism", "SCRAM-SHA-512"]),
            ("type = \"nats\"\nwindow = \"wide\"", vec!["window", "wide"]),
            ("type = \"nats\"\n[topics]\nbrands = \"x\"", vec!["topics", "brands", "unrecognized"]),
        ] {
            let problem = read(text).unwrap_err();
            for part in parts {
                assert!(problem.contains(part), "{part} is not in: {problem}");
            }
        }
    }

    #[test]
    fn what_is_printed_can_be_read_again_and_shows_no_secret() {
        let text = "type = \"kafka\"\nservers = [\"k:9092\"]\n[sasl]\nmechanism = \"PLAIN\"\nusername = \"u\"\n\
                    password = \"hunter2\"\n[properties]\n\"linger.ms\" = 3";
        let config = read(text).unwrap();
        let printed = toml::to_string(&config).unwrap();
        assert!(!printed.contains("hunter2") && printed.contains("***"), "{printed}");
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(read(&printed).unwrap().kind(), "kafka");
    }

    #[test]
    fn impossible_values_are_refused() {
        for (line, key) in
            [("window = 0", "window"), ("window = 99999", "window"), ("schema_version = 2", "schema_version")]
        {
            let config = read(&format!("type = \"file\"\ndir = \"/d\"\n{line}")).unwrap();
            assert!(config.validate().unwrap_err().starts_with(key));
        }
    }
}
