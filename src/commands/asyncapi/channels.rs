//! The channels of a sink: each topic once, with every kind of event that goes there; and that the relay sends to it.

use serde_json::{Map, Value, json};

use super::examples::{ACCOUNT, Examples};
use super::{Parts, messages, reference, without_nulls};
use crate::normalize::schema::{KINDS, Kind};
use crate::sink::{KafkaConfig, Layout, NatsConfig, SinkConfig, Target};

/// A sink, with the keys of its servers.
pub(super) struct Of<'a> {
    pub(super) name: &'a str,
    pub(super) config: &'a SinkConfig,
    pub(super) layout: &'a Layout,
    pub(super) servers: &'a [String],
}

/// Adds the channels of a sink, with their operations and messages.
pub(super) fn add(parts: &mut Parts, sink: &Of<'_>, examples: &Examples) {
    for kinds in shared(sink.layout) {
        let key = format!("{}.{}", sink.name, joined(&kinds, "-"));
        let mut on_channel = Map::new();
        let mut sent = Vec::new();
        for kind in &kinds {
            messages::add(parts, sink, *kind, examples);
            on_channel
                .insert(kind.to_string(), reference(&format!("components/messages/{}.{kind}", sink.name)));
            sent.push(reference(&format!("channels/{key}/messages/{kind}")));
        }
        let operation = operation(sink, &key, &kinds, sent);
        parts.channels.insert(key.clone(), channel(sink, &kinds, on_channel));
        parts.operations.insert(format!("publish.{key}"), operation);
    }
}

/// The kinds of event by topic, in their order.
fn shared(layout: &Layout) -> Vec<Vec<Kind>> {
    let mut shared: Vec<Vec<Kind>> = Vec::new();
    for kind in KINDS {
        match shared.iter_mut().find(|kinds| layout.topic(kinds[0].0) == layout.topic(kind.0)) {
            Some(kinds) => kinds.push(kind),
            None => shared.push(vec![kind]),
        }
    }
    shared
}

fn channel(sink: &Of<'_>, kinds: &[Kind], messages: Map<String, Value>) -> Value {
    let topic = sink.layout.topic(kinds[0].0);
    let servers: Vec<Value> = sink.servers.iter().map(|key| reference(&format!("servers/{key}"))).collect();
    let (address, own) = match &sink.config.target {
        Target::Kafka(kafka) => (topic.to_string(), ("bindings", json!({ "kafka": kafka_topic(kafka) }))),
        // AsyncAPI's binding for NATS has no place for streams.
        Target::Nats(nats) => (topic.to_string(), ("x-jetstream", stream(nats, sink.layout, kinds[0]))),
        Target::File(_) => (format!("{topic}.jsonl"), ("bindings", Value::Null)),
    };
    let account = topic.contains("{account}").then(|| {
        json!({ "account": {
            "description": "The account's name in the relay's configuration; what is neither letter, digit, '-' nor '_' \
                            in it is '_'.",
            "examples": [ACCOUNT],
        } })
    });
    let skipped = (!sink.config.common.required).then_some(
        "A side sink: when the relay's spool is full, its oldest unpublished events are skipped and never come.",
    );
    without_nulls(json!({
        "address": address,
        "title": joined(kinds, ", "),
        "description": skipped,
        "servers": servers,
        "parameters": account,
        "messages": messages,
        own.0: own.1,
    }))
}

/// What the relay asks for where it makes a topic itself; a topic that somebody else made is as they made it.
fn kafka_topic(kafka: &KafkaConfig) -> Value {
    let create = Some(&kafka.create).filter(|create| create.enabled);
    let settings = without_nulls(json!({
        "retention.ms": create.and_then(|create| create.retention).map(|retention| retention.as_millis()),
        "min.insync.replicas": create.and_then(|create| create.min_insync_replicas),
    }));
    without_nulls(json!({
        "partitions": create.and_then(|create| create.partitions),
        "replicas": create.and_then(|create| create.replication),
        "topicConfiguration": Some(settings).filter(|settings| settings != &json!({})),
        "bindingVersion": messages::KAFKA_BINDING,
    }))
}

fn stream(nats: &NatsConfig, layout: &Layout, kind: Kind) -> Value {
    json!({ "stream": nats.stream, "filterSubject": &*layout.subject(kind.0) })
}

fn operation(sink: &Of<'_>, key: &str, kinds: &[Kind], messages: Vec<Value>) -> Value {
    let bindings = match &sink.config.target {
        Target::Kafka(kafka) => json!({ "kafka": {
            "clientId": { "type": "string", "const": kafka.client_id() },
            "bindingVersion": messages::KAFKA_BINDING,
        } }),
        Target::Nats(_) | Target::File(_) => Value::Null,
    };
    without_nulls(json!({
        "action": "send",
        "channel": reference(&format!("channels/{key}")),
        "summary": format!("Publishes events of {} on the sink {}.", joined(kinds, ", "), sink.name),
        "messages": messages,
        "bindings": bindings,
    }))
}

fn joined(kinds: &[Kind], between: &str) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(between)
}
