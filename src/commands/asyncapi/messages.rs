//! A kind of event as one sink publishes it: headers, key, payload and examples.

use serde_json::{Map, Value, json};

use super::channels::Of;
use super::examples::{ACCOUNT, Example, Examples};
use super::{Parts, reference, without_nulls};
use crate::normalize::schema::{Kind, schema};
use crate::sink::{ContentMode, Header, RawConfig, Says, Target};

/// The version of AsyncAPI's bindings for Kafka.
pub(super) const KAFKA_BINDING: &str = "0.5.0";

/// Our schemas say that they are of 2020-12, which AsyncAPI has no name for. Every keyword in them is one of draft 7, too,
/// and means the same there.
const SCHEMA_FORMAT: &str = "application/schema+json;version=draft-07";
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// Adds the message of a kind of event on a sink, and the schema of its payload.
pub(super) fn add(parts: &mut Parts, sink: &Of<'_>, kind: Kind, examples: &Examples) {
    let event = schema(kind.0);
    let payload = match sink.config.common.content_mode {
        ContentMode::Structured => kind.to_string(),
        ContentMode::Binary => format!("{kind}.data"),
    };
    let message = message(sink, kind, &event, &payload, examples);
    parts.messages.insert(format!("{}.{kind}", sink.name), message);
    let document = match sink.config.common.content_mode {
        ContentMode::Structured => event,
        ContentMode::Binary => event["properties"]["data"].clone(),
    };
    parts.schemas.entry(payload).or_insert_with(|| in_draft_7(document));
}

fn in_draft_7(mut schema: Value) -> Value {
    if let Some(dialect) = schema.get_mut("$schema") {
        *dialect = DIALECT.into();
    }
    json!({ "schemaFormat": SCHEMA_FORMAT, "schema": schema })
}

fn message(sink: &Of<'_>, kind: Kind, event: &Value, payload: &str, examples: &Examples) -> Value {
    let headers = headers(sink, event);
    let examples: Vec<Value> = examples.of(kind).map(|example| shown(sink, example)).collect();
    let key = json!({ "kafka": {
        "key": text(&event["properties"]["partitionkey"], "The event's `partitionkey`."),
        "bindingVersion": KAFKA_BINDING,
    } });
    without_nulls(json!({
        "name": event["title"],
        "title": kind.as_str(),
        "summary": event["description"],
        "description": of_raw(&sink.config.common.raw),
        "contentType": sink.layout.content_type(),
        "headers": headers,
        "payload": reference(&format!("components/schemas/{payload}")),
        "bindings": matches!(sink.config.target, Target::Kafka(_)).then_some(key),
        "examples": Some(examples).filter(|examples| !examples.is_empty()),
    }))
}

fn of_raw(raw: &RawConfig) -> Option<String> {
    match raw {
        RawConfig::Full => None,
        RawConfig::None => {
            Some("This sink gets nothing of what was received: `data.raw` is empty.".to_owned())
        }
        RawConfig::Only(names) => Some(format!(
            "This sink gets these parameters of what was received in `data.raw`: {}.",
            names.join(", ")
        )),
    }
}

/// The headers of a sink's events; `None` where there are none.
fn headers(sink: &Of<'_>, event: &Value) -> Option<Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, what) in sink.layout.headers() {
        let Some(property) = header(sink, event, &what) else { continue };
        if is_always_there(event, &what) {
            required.push(name.clone());
        }
        properties.insert(name, property);
    }
    let is_empty = properties.is_empty();
    (!is_empty).then(|| json!({ "type": "object", "required": required, "properties": properties }))
}

/// The schema of a header; `None` for an attribute that events of this kind never have.
fn header(sink: &Of<'_>, event: &Value, what: &Header) -> Option<Value> {
    let attributes = &event["properties"];
    Some(match what {
        Header::Of(Says::Id) => text(&attributes["id"], "The event's id: deduplicate by it."),
        Header::Of(Says::ContentType) => json!({ "type": "string", "const": sink.layout.content_type() }),
        Header::Of(Says::Replay) => {
            json!({ "type": "string", "pattern": "^[0-9]+$", "description": "On what a replay publishes again: its number." })
        }
        Header::Of(Says::Attribute(name)) => {
            let attribute = attributes.get(name)?;
            match sink.config.target {
                Target::Nats(_) => {
                    text(attribute, "Percent-encoded: blanks, quotes, percent signs, and all beyond ASCII.")
                }
                _ => attribute.clone(),
            }
        }
        Header::DeduplicationId => {
            let id = attributes["id"]["pattern"].as_str().unwrap_or_default().trim_end_matches('$');
            json!({
                "type": "string",
                "pattern": format!("{id}(:[0-9]+)?$"),
                "description": "By it JetStream drops what it has already: the id, and on what a replay publishes again its number.",
            })
        }
        Header::Stream(stream) => json!({ "type": "string", "const": stream }),
    })
}

/// A schema with another text.
fn text(schema: &Value, description: &str) -> Value {
    let mut schema = schema.clone();
    schema["description"] = description.into();
    schema
}

fn is_always_there(event: &Value, what: &Header) -> bool {
    match what {
        Header::Of(Says::Replay) => false,
        Header::Of(Says::Attribute(name)) => {
            event["required"].as_array().is_some_and(|required| required.iter().any(|one| one == name))
        }
        _ => true,
    }
}

fn shown(sink: &Of<'_>, example: &Example) -> Value {
    let laid_out = sink.layout.lay_out(example.event(), ACCOUNT);
    let headers: Map<String, Value> =
        laid_out.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    let payload: Value = serde_json::from_slice(&laid_out.payload).unwrap_or_default();
    without_nulls(json!({
        "name": example.name(),
        "summary": example.meaning(),
        "headers": Some(headers).filter(|headers| !headers.is_empty()),
        "payload": payload,
    }))
}
