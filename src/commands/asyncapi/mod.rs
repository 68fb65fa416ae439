//! `asyncapi`: what the configured sinks publish, as an AsyncAPI 3.0 document.
//!
//! Made from what the relay itself works with: topics, headers and payloads are those that the sinks' own encoder makes,
//! schemas those of `schema`, and the examples are callbacks that went the relay's whole road. Of the configuration it
//! shows hosts, topics, streams and mechanisms; no secret, user, certificate or account.
//!
//! ```text
//! servers   ◀── channels ◀── operations      one operation a channel: the relay sends
//!                  │
//!               messages ──▶ schemas          one message for each kind of event on each sink
//! ```

mod channels;
mod examples;
mod messages;
mod servers;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use serde_json::{Map, Value, json};

use self::examples::Examples;
use super::Failure;
use super::output::line_out;
use crate::config::Config;
use crate::normalize::NormalizeConfig;
use crate::sink::{Layout, SinkConfig};

const DESCRIPTION: &str = "\
What this relay publishes of Plivo's 10DLC callbacks, as its configuration says.

- **At least once.** An event may come again, after a crash, a retry towards the broker, or a `replay`: deduplicate by its \
`id`, which is the header `idempotency-key` as well.
- **Order** holds for each key (`partitionkey`) within a topic, replays and requeued dead letters aside.
- **What could not be placed** is published with `type` `com.plivo.10dlc.unrecognized`. Once it is understood, a revision \
comes that names the event it `supersedes`.
- **Dead letters** are on no topic: an event that a sink refuses for good (too large) stays in the relay, \
`tendlc-relay dead list`. So do callbacks that were held back or put in quarantine.
- **Version 1 only grows**: ignore fields that you do not know.";

/// Prints the document.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(config: &Config) -> Result<(), Failure> {
    let document = document(&config.sinks, &config.normalize)?;
    let text = serde_json::to_string_pretty(&document).context("cannot write the document")?;
    line_out(&text)
}

/// The document of these sinks.
fn document(sinks: &BTreeMap<String, SinkConfig>, normalize: &NormalizeConfig) -> anyhow::Result<Value> {
    let examples = Examples::new(normalize)?;
    let mut parts = Parts::default();
    for (name, config) in sinks {
        let problem = |problem: String| anyhow!("sinks.{name}.{problem}");
        let layout = Layout::new(config).map_err(problem)?;
        let servers = servers::add(&mut parts, name, config).map_err(problem)?;
        channels::add(
            &mut parts,
            &channels::Of { name, config, layout: &layout, servers: &servers },
            &examples,
        );
    }
    Ok(parts.document())
}

/// The document in the making.
#[derive(Default)]
struct Parts {
    servers: Map<String, Value>,
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
    schemas: Map<String, Value>,
    security: Map<String, Value>,
}

impl Parts {
    fn document(self) -> Value {
        json!({
            "asyncapi": "3.0.0",
            "info": {
                "title": "tendlc-relay",
                "version": env!("CARGO_PKG_VERSION"),
                "description": DESCRIPTION,
                "license": { "name": env!("CARGO_PKG_LICENSE") },
            },
            "servers": self.servers,
            "channels": self.channels,
            "operations": self.operations,
            "components": {
                "messages": self.messages,
                "schemas": self.schemas,
                "securitySchemes": self.security,
            },
        })
    }
}

/// A reference into the document. No key that is referred to has a character that a pointer would escape.
fn reference(place: &str) -> Value {
    json!({ "$ref": format!("#/{place}") })
}

/// An object of the members that have a value.
fn without_nulls(object: Value) -> Value {
    match object {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}
