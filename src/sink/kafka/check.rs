//! Asking a Kafka cluster whether it can take events, and making the topics that are missing.

use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::classify::{grant, missing_topic};
use super::client::Client;
use super::config::{CreateTopics, KafkaConfig};
use super::context::Context;
use super::look::{PATIENCE, Seen, Topic, look_up};
use crate::sink::error::{CheckError, Code, one_line};
use crate::sink::tls;

/// Whether the cluster answers, and which of the topics cannot be written.
pub(super) async fn cluster(
    client: Arc<Client>,
    topics: Vec<Arc<str>>,
    principal: String,
) -> Result<(), CheckError> {
    let states = tokio::task::spawn_blocking(move || look_up(&client, &topics))
        .await
        .map_err(|_| CheckError::blocking(Code::Other, "the check of kafka was interrupted"))?;
    let mut problems = states
        .map_err(|error| unreachable(&error))?
        .into_iter()
        .filter_map(|seen| problem(&seen, &principal));
    let Some((code, first)) = problems.next() else { return Ok(()) };
    let others = match problems.count() {
        0 => String::new(),
        others => format!("; {others} more are like it"),
    };
    Err(CheckError::advice(code, format!("{first}{others}")))
}

/// What keeps a topic from being written.
pub(super) fn problem(seen: &Seen, principal: &str) -> Option<(Code, String)> {
    let topic = &seen.topic;
    match seen.state {
        Topic::Ready => None,
        Topic::Missing => Some((Code::Missing, missing_topic(topic))),
        Topic::Forbidden => Some((
            Code::Authorization,
            format!("kafka does not show {principal} topic {topic}: {}", grant(topic, principal)),
        )),
    }
}

/// Makes topics; those that exist are left as they are.
pub(super) async fn create(
    config: &ClientConfig,
    context: Context,
    how: &CreateTopics,
    topics: &[Arc<str>],
) -> Result<(), CheckError> {
    let admin: AdminClient<Context> = config
        .create_with_context(context)
        .map_err(|error| CheckError::blocking(Code::Other, format!("kafka client: {error}")))?;
    let retention = how.retention.map(|span| span.as_millis().to_string());
    let in_sync = how.min_insync_replicas.map(|count| count.to_string());
    let wanted: Vec<NewTopic<'_>> =
        topics.iter().map(|topic| new_topic(topic, how, retention.as_deref(), in_sync.as_deref())).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let results = admin.create_topics(&wanted, &options).await.map_err(|error| unreachable(&error));
    // Ending an admin client waits for its thread.
    tokio::task::spawn_blocking(move || drop(admin));
    for (topic, code) in results?.into_iter().filter_map(Result::err) {
        if code != RDKafkaErrorCode::TopicAlreadyExists {
            let reason =
                format!("topic {topic} cannot be created: {code}: create it by hand, or correct `create`");
            return Err(CheckError::advice(Code::Missing, reason));
        }
    }
    Ok(())
}

/// What is known about why the cluster does not answer.
pub(super) async fn explain(error: CheckError, client: &Client, config: &KafkaConfig) -> CheckError {
    let servers = config.servers.join(", ");
    let (heard, said) = client.ear().last().unwrap_or_else(|| (error.kind(), error.to_string()));
    // A server that ends a handshake with an alert counts as a broken connection to librdkafka.
    let code = if config.tls.is_some() && said.contains("SSL") && heard == Code::Connection {
        Code::Tls
    } else {
        heard
    };
    let advice = match code {
        Code::Tls => tls_advice(config).await,
        Code::Authentication => {
            "the credentials are not accepted: correct user, password or token in `sasl`".to_owned()
        }
        Code::UnknownHost => "the host name does not resolve: correct `servers` or DNS".to_owned(),
        Code::Connection if said.contains("refused") => {
            "the connection is refused: is the broker running, and the port right?".to_owned()
        }
        Code::Fatal => "the client is built anew".to_owned(),
        Code::Authorization => grant("…", &config.principal()),
        _ => "is the broker running and reachable from here, and does this listener speak what `tls` and `sasl` say?"
            .to_owned(),
    };
    CheckError::blocking(code, format!("kafka at {servers}: {advice} ({said})"))
}

async fn tls_advice(config: &KafkaConfig) -> String {
    let (servers, tls) = (config.servers.clone(), config.tls.clone().unwrap_or_default());
    let found = tokio::task::spawn_blocking(move || {
        let identity = tls.cert_file.as_deref().zip(tls.key_file.as_deref());
        servers.iter().find_map(|server| tls::server_problem(server, tls.ca_file.as_deref(), identity))
    });
    found.await.ok().flatten().unwrap_or_else(|| {
        "the TLS handshake failed: compare `tls` with the broker's certificate and listener".to_owned()
    })
}

pub(super) fn unreachable(error: &KafkaError) -> CheckError {
    let code = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut) => Code::Timeout,
        _ => Code::Connection,
    };
    CheckError::blocking(code, one_line(&error.to_string()))
}

fn new_topic<'a>(
    topic: &'a str,
    how: &CreateTopics,
    retention: Option<&'a str>,
    in_sync: Option<&'a str>,
) -> NewTopic<'a> {
    // -1 asks for the cluster's default.
    let partitions = how.partitions.map_or(-1, i32::from);
    let replication = TopicReplication::Fixed(how.replication.map_or(-1, i32::from));
    let mut wanted = NewTopic::new(topic, partitions, replication);
    if let Some(retention) = retention {
        wanted = wanted.set("retention.ms", retention);
    }
    if let Some(in_sync) = in_sync {
        wanted = wanted.set("min.insync.replicas", in_sync);
    }
    wanted
}
