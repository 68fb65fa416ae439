//! The servers of a sink, and how a client shows there who it is.

use serde_json::{Value, json};

use super::{Parts, reference, without_nulls};
use crate::sink::{FileConfig, KafkaConfig, Mechanism, NatsConfig, SinkConfig, Target};

/// Adds the servers of a sink, and answers their keys.
pub(super) fn add(parts: &mut Parts, sink: &str, config: &SinkConfig) -> Result<Vec<String>, String> {
    let security = security(&config.target).map(|scheme| {
        parts.security.insert(sink.to_owned(), scheme);
        json!([reference(&format!("components/securitySchemes/{sink}"))])
    });
    let servers = match &config.target {
        Target::Kafka(kafka) => of_kafka(kafka),
        Target::Nats(nats) => of_nats(nats)?,
        Target::File(file) => vec![of_files(file)],
    };
    let several = servers.len() > 1;
    let mut keys = Vec::new();
    for (place, mut server) in servers.into_iter().enumerate() {
        let mut key = if several { format!("{sink}-{}", place + 1) } else { sink.to_owned() };
        while parts.servers.contains_key(&key) {
            key.push('_');
        }
        if let Some(security) = &security {
            server["security"] = security.clone();
        }
        parts.servers.insert(key.clone(), server);
        keys.push(key);
    }
    Ok(keys)
}

fn of_kafka(kafka: &KafkaConfig) -> Vec<Value> {
    let protocol = if kafka.tls.is_some() { "kafka-secure" } else { "kafka" };
    let server = |host: &String| json!({ "host": host, "protocol": protocol, "title": "Apache Kafka" });
    kafka.servers.iter().map(server).collect()
}

fn of_nats(nats: &NatsConfig) -> Result<Vec<Value>, String> {
    let server = |(host, tls): (String, bool)| {
        without_nulls(json!({
            "host": host,
            "protocol": "nats",
            "title": "NATS JetStream",
            "description": tls.then_some("By TLS."),
        }))
    };
    Ok(nats.hosts()?.into_iter().map(server).collect())
}

fn of_files(file: &FileConfig) -> Value {
    let rotated = file.rotate_size.map(|size| {
        format!(" At {size} a file is put aside under its name with the time in it, and a new one begun.")
    });
    json!({
        "host": "localhost",
        "pathname": file.dir.to_string_lossy(),
        "protocol": "file",
        "title": "JSON Lines",
        "description": format!(
            "A directory on the relay's own machine: one file a topic, one event a line.{}",
            rotated.unwrap_or_default()
        ),
    })
}

/// How the relay shows who it is: the mechanism alone. `None` where it does not.
fn security(target: &Target) -> Option<Value> {
    match target {
        Target::Kafka(kafka) => of_kafka_clients(kafka),
        Target::Nats(nats) => of_nats_clients(nats),
        Target::File(_) => None,
    }
}

fn of_kafka_clients(kafka: &KafkaConfig) -> Option<Value> {
    let has_certificate = kafka.tls.as_ref().is_some_and(|tls| tls.cert_file.is_some());
    match kafka.sasl.as_ref().map(|sasl| sasl.mechanism) {
        Some(Mechanism::Plain) => Some(json!({ "type": "plain" })),
        Some(Mechanism::ScramSha256) => Some(json!({ "type": "scramSha256" })),
        Some(Mechanism::ScramSha512) => Some(json!({ "type": "scramSha512" })),
        // AsyncAPI's oauth2 wants URLs of the authorization server, which the relay does not know.
        Some(Mechanism::OauthBearer) => {
            Some(json!({ "type": "http", "scheme": "bearer", "description": "SASL OAUTHBEARER." }))
        }
        None => has_certificate.then(certificate),
    }
}

fn of_nats_clients(nats: &NatsConfig) -> Option<Value> {
    if nats.creds_file.is_some() || nats.nkey.is_some() || nats.nkey_file.is_some() {
        return Some(json!({ "type": "asymmetricEncryption", "description": "An nkey, or credentials." }));
    }
    if nats.token.is_some() || nats.token_file.is_some() {
        return Some(json!({ "type": "apiKey", "in": "password", "description": "A token." }));
    }
    if nats.user.is_some() {
        return Some(json!({ "type": "userPassword" }));
    }
    nats.tls.as_ref().is_some_and(|tls| tls.cert_file.is_some()).then(certificate)
}

fn certificate() -> Value {
    json!({ "type": "X509" })
}
