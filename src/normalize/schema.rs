//! The JSON Schemas of the events, version 1, generated from their types.

use std::fmt;
use std::str::FromStr;

use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::meanings::meaning;
use crate::event::{Endpoint, Event, Status, event_type, schema_uri};

/// A kind of event: one of an endpoint, or what could not be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&str", try_from = "String")]
pub struct Kind(pub Option<Endpoint>);

/// Every kind of event.
pub const KINDS: [Kind; 5] = [
    Kind(Some(Endpoint::Brand)),
    Kind(Some(Endpoint::Campaign)),
    Kind(Some(Endpoint::NumberLinking)),
    Kind(Some(Endpoint::NumberUnlinking)),
    Kind(None),
];

impl Kind {
    /// The endpoint's name, or `unrecognized`.
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            Some(endpoint) => endpoint.as_str(),
            None => "unrecognized",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Kind> for &str {
    fn from(kind: Kind) -> Self {
        kind.as_str()
    }
}

impl TryFrom<String> for Kind {
    type Error = UnknownKind;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        KINDS
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| UnknownKind(word.chars().take(64).collect()))
    }
}

/// A word that names no kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown kind of event {0:?}: accepted are brand, campaign, number_linking, number_unlinking, unrecognized"
)]
pub struct UnknownKind(String);

/// The JSON Schema (2020-12) of one kind of event in its structured form. `None` is `unrecognized`.
pub fn schema(kind: Option<Endpoint>) -> Value {
    let settings =
        SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Event<'_>>().to_value();
    tidy(&mut schema);
    if let Some(attributes) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
        constrain_attributes(attributes, kind);
    }
    if let Some(data) = schema.pointer_mut("/properties/data") {
        match kind {
            Some(endpoint) => constrain_data(data, endpoint),
            None => constrain_unrecognized(data),
        }
    }
    under(head(kind), schema)
}

/// `head`'s members first, then those of `schema` that it does not have.
fn under(mut head: Value, schema: Value) -> Value {
    if let (Value::Object(head), Value::Object(members)) = (&mut head, schema) {
        for (key, value) in members {
            head.entry(key).or_insert(value);
        }
    }
    head
}

/// What schemars says in its own way: a field without a value is left out, never null; Rust's integer formats
/// mean nothing to readers; the lines of a doc comment are one paragraph.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(members) => {
            never_null(members);
            if members.get("format").is_some_and(|format| format == "uint32") {
                members.shift_remove("format");
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            members.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn never_null(members: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(options)) = members.get_mut("anyOf") {
        options.retain(|option| option != &json!({"type": "null"}));
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            members.shift_remove("anyOf");
            only.into_iter().for_each(|(key, value)| {
                members.entry(key).or_insert(value);
            });
        }
    }
}

fn head(kind: Option<Endpoint>) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_uri(kind),
        "title": format!("plivo.10dlc.{}", Kind(kind)),
        "description": description(kind),
    })
}

fn description(kind: Option<Endpoint>) -> String {
    let what = match kind {
        Some(Endpoint::Brand) => "A status of a 10DLC brand",
        Some(Endpoint::Campaign) => "A status of a 10DLC campaign",
        Some(Endpoint::NumberLinking) => "A status of the linking of a number to a 10DLC campaign",
        Some(Endpoint::NumberUnlinking) => "A status of the unlinking of a number from a 10DLC campaign",
        None => "A genuine callback that could not be placed",
    };
    format!(
        "{what}, from a callback of Plivo: a CloudEvents 1.0 event, schema version 1. \
         Readers ignore fields that they do not know."
    )
}

fn constrain_attributes(attributes: &mut Map<String, Value>, kind: Option<Endpoint>) {
    let types: Vec<&'static str> = match kind {
        Some(endpoint) => statuses(endpoint).iter().map(|status| event_type(kind, Some(*status))).collect(),
        None => vec![event_type(None, None)],
    };
    set(attributes, "type", "enum", json!(types));
    set(attributes, "dataschema", "const", json!(schema_uri(kind)));
    match kind {
        Some(endpoint) => set(attributes, "subject", "pattern", json!(format!("^{endpoint}/."))),
        None => drop(attributes.shift_remove("subject")),
    }
}

fn constrain_data(data: &mut Value, endpoint: Endpoint) {
    let Some(properties) = properties(data) else { return };
    properties.shift_remove("unrecognized");
    replace(properties, "endpoint", "const", json!(endpoint));
    describe(properties, "status", &texts(endpoint));
    for name in ["status", "previous_status"] {
        replace(properties, name, "enum", json!(statuses(endpoint)));
    }
    require(data, &["endpoint", "status"]);
}

fn constrain_unrecognized(data: &mut Value) {
    let Some(properties) = properties(data) else { return };
    for absent in ["endpoint", "status", "previous_status", "transition"] {
        properties.shift_remove(absent);
    }
    let text = sentence(None, Status::Unknown);
    describe(properties, "unrecognized", &text);
    require(data, &["unrecognized"]);
}

/// The documented statuses of an endpoint, and `unknown` for what is outside.
fn statuses(endpoint: Endpoint) -> Vec<Status> {
    endpoint.statuses().into_iter().chain([Status::Unknown]).collect()
}

fn texts(endpoint: Endpoint) -> String {
    let lines: Vec<String> = statuses(endpoint)
        .into_iter()
        .map(|status| format!("- `{status}`: {}", sentence(Some(endpoint), status)))
        .collect();
    lines.join("\n")
}

fn sentence(kind: Option<Endpoint>, status: Status) -> String {
    let found = meaning(kind, status);
    found.next_step.map_or_else(|| found.meaning.to_owned(), |next| format!("{} {next}", found.meaning))
}

fn properties(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties")?.as_object_mut()
}

fn set(properties: &mut Map<String, Value>, name: &str, key: &str, value: Value) {
    if let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) {
        property.insert(key.to_owned(), value);
    }
}

fn describe(properties: &mut Map<String, Value>, name: &str, more: &str) {
    let said = properties.get(name).and_then(|property| property["description"].as_str()).unwrap_or_default();
    let text = format!("{said}\n\n{more}");
    set(properties, name, "description", text.into());
}

/// In place of the variants that the type lists.
fn replace(properties: &mut Map<String, Value>, name: &str, key: &str, value: Value) {
    if let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) {
        property.shift_remove("oneOf");
        property.insert("type".to_owned(), json!("string"));
        property.insert(key.to_owned(), value);
    }
}

fn require(schema: &mut Value, names: &[&str]) {
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.splice(0..0, names.iter().map(|name| json!(name)));
    }
}
