//! librdkafka's own properties: what the sink sets, and what it refuses to have changed.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

/// The value of a property, written as librdkafka wants it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Property {
    /// `true` or `false`.
    Switch(bool),
    /// A whole number.
    Number(i64),
    /// A fraction.
    Fraction(f64),
    /// Any text.
    Text(String),
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Property::Switch(switch) => switch.fmt(f),
            Property::Number(number) => number.fmt(f),
            Property::Fraction(number) => number.fmt(f),
            Property::Text(text) => text.fmt(f),
        }
    }
}

/// What clients call themselves to the brokers.
pub(super) const CLIENT_ID: &str = "tendlc-relay";

/// What every client gets; configured properties come after and win.
pub(super) fn base(client: &mut ClientConfig, window: usize) {
    for (name, value) in [
        ("client.id", CLIENT_ID),
        ("enable.idempotence", "true"),
        ("acks", "all"),
        // Java's, so that other producers agree on a key's partition.
        ("partitioner", "murmur2_random"),
        ("linger.ms", "5"),
        ("queue.buffering.max.kbytes", "131072"),
        ("reconnect.backoff.max.ms", "2000"),
        ("topic.metadata.propagation.max.ms", "10000"),
        ("socket.keepalive.enable", "true"),
        ("log.connection.close", "false"),
    ] {
        client.set(name, value);
    }
    client.set("queue.buffering.max.messages", (window.max(512) * 2).to_string());
}

/// Properties that would break a promise, or that have a key of their own.
const REFUSED: [(&str, &str); 27] = [
    ("enable.idempotence", "it is always true, or a client's own retry would be a second event"),
    ("acks", "it is always all, or an acknowledged event could be lost"),
    ("request.required.acks", "it is always all, or an acknowledged event could be lost"),
    ("transactional.id", "events are not published in transactions"),
    ("retries", "the client tries again until `timeout`"),
    ("message.send.max.retries", "the client tries again until `timeout`"),
    ("message.timeout.ms", "set `timeout` instead"),
    ("delivery.timeout.ms", "set `timeout` instead"),
    ("delivery.report.only.error", "an event counts as published only when its delivery is reported"),
    ("queuing.strategy", "lifo would turn an entity's order around"),
    ("bootstrap.servers", "set `servers` instead"),
    ("metadata.broker.list", "set `servers` instead"),
    ("security.protocol", "it follows from the tables `tls` and `sasl`"),
    ("ssl.ca.location", "set `tls.ca_file` instead"),
    ("ssl.certificate.location", "set `tls.cert_file` instead"),
    ("ssl.key.location", "set `tls.key_file` instead"),
    ("ssl.key.password", "it is a secret: set `tls.key_password` or `tls.key_password_file` instead"),
    ("ssl.key.pem", "it is a secret: set `tls.key_file` instead"),
    ("ssl.keystore.password", "it is a secret: set `tls.cert_file` and `tls.key_file` instead"),
    ("sasl.mechanism", "set `sasl.mechanism` (the key of the table) instead"),
    ("sasl.mechanisms", "set `sasl.mechanism` (the key of the table) instead"),
    ("sasl.username", "set `sasl.username` (the key of the table) instead"),
    (
        "sasl.password",
        "it is a secret: set `sasl.password` (the key of the table) or `sasl.password_file` instead",
    ),
    (
        "sasl.oauthbearer.client.secret",
        "it is a secret: set `sasl.token_file` or `sasl.token_command` instead",
    ),
    ("sasl.oauthbearer.config", "set `sasl.token_file` or `sasl.token_command` instead"),
    ("sasl.oauthbearer.method", "set `sasl.token_file` or `sasl.token_command` instead"),
    ("enable.sasl.oauthbearer.unsecure.jwt", "an unsigned token proves nothing"),
];

/// The partitioners that send one key always to one partition.
const BY_KEY: [&str; 6] =
    ["consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"];

/// The problem with a property, where there is one.
pub(super) fn validate(properties: &BTreeMap<String, Property>, window: usize) -> Result<(), String> {
    let mut client = ClientConfig::new();
    for (name, value) in properties {
        refusal(name, value, window)
            .map_or(Ok(()), |reason| Err(format!("properties.{name}: refused: {reason}")))?;
        client.set(name, value.to_string());
    }
    client.create_native_config().map(|_| ()).map_err(|error| format!("properties: {error}"))
}

fn refusal(name: &str, value: &Property, window: usize) -> Option<String> {
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Some((*reason).to_owned());
    }
    let text = value.to_string();
    let number = text.parse::<usize>().ok();
    match name {
        _ if name.starts_with("test.") => Some("a mock broker keeps nothing".to_owned()),
        "partitioner" if !BY_KEY.contains(&text.as_str()) => {
            Some(format!("an entity's order needs one partition a key: accepted are {}", BY_KEY.join(", ")))
        }
        "queue.buffering.max.messages" if number.is_none_or(|number| number < window.max(1)) => {
            Some(format!("the queue is bounded and holds the window: accepted is {window} or more"))
        }
        "max.in.flight" | "max.in.flight.requests.per.connection"
            if !number.is_some_and(|n| (1..=5).contains(&n)) =>
        {
            Some("order and idempotence hold for 1 to 5 requests in flight".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: Property) -> Result<(), String> {
        validate(&BTreeMap::from([(name.to_owned(), value)]), 256)
    }

    #[test]
    fn what_would_break_a_promise_is_refused_with_the_reason() {
        for (name, reason) in REFUSED {
            let problem = check(name, Property::Text("x".to_owned())).unwrap_err();
            assert!(problem.contains(name) && problem.ends_with(reason), "{problem}");
        }
        for (name, value) in [
            ("partitioner", Property::Text("random".to_owned())),
            ("queue.buffering.max.messages", Property::Number(0)),
            ("queue.buffering.max.messages", Property::Number(255)),
            ("max.in.flight", Property::Number(6)),
            ("test.mock.num.brokers", Property::Number(1)),
        ] {
            assert!(check(name, value).unwrap_err().contains("refused"), "{name}");
        }
    }

    #[test]
    fn anything_else_is_librdkafkas_own_judgement() {
        check("linger.ms", Property::Number(0)).unwrap();
        check("partitioner", Property::Text("consistent".to_owned())).unwrap();
        check("max.in.flight", Property::Number(1)).unwrap();
        check("socket.keepalive.enable", Property::Switch(false)).unwrap();
        let unknown = check("linger.msec", Property::Number(1)).unwrap_err();
        assert!(unknown.contains("linger.msec"), "{unknown}");
        let wrong = check("compression.type", Property::Text("rar".to_owned())).unwrap_err();
        assert!(wrong.contains("compression.type"), "{wrong}");
    }

    #[test]
    fn every_refused_property_exists() {
        // A name that librdkafka does not know would be refused anyway: then the entry would be a slip.
        for (name, _) in REFUSED {
            let mut client = ClientConfig::new();
            client.set(name, "0");
            let text = client.create_native_config().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!text.contains("No such configuration property"), "{name}: {text}");
        }
    }
}
