//! The JSON Schemas of the events, version 1, generated from their types.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::meanings::meaning;
use crate::event::{Endpoint, Event, Status, event_type, schema_uri};

/// Every kind of event: the endpoints, and `None` for what could not be placed.
pub const KINDS: [Option<Endpoint>; 5] = [
    Some(Endpoint::Brand),
    Some(Endpoint::Campaign),
    Some(Endpoint::NumberLinking),
    Some(Endpoint::NumberUnlinking),
    None,
];

/// The JSON Schema (2020-12) of one kind of event in its structured form. `None` is `unrecognized`.
pub fn schema(kind: Option<Endpoint>) -> Value {
    let settings =
        SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Event>().to_value();
    present_means_a_value(&mut schema);
    head(&mut schema, kind);
    if let Some(attributes) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
        constrain_attributes(attributes, kind);
    }
    if let Some(data) = schema.pointer_mut("/properties/data") {
        match kind {
            Some(endpoint) => constrain_data(data, endpoint),
            None => constrain_unrecognized(data),
        }
    }
    schema
}

/// A field without a value is left out, never null: `null` goes from every type and enum.
fn present_means_a_value(schema: &mut Value) {
    let Value::Object(members) = schema else {
        if let Value::Array(items) = schema {
            items.iter_mut().for_each(present_means_a_value);
        }
        return;
    };
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
            members.remove("anyOf");
            only.into_iter().for_each(|(key, value)| {
                members.entry(key).or_insert(value);
            });
        }
    }
    members.values_mut().for_each(present_means_a_value);
}

fn head(schema: &mut Value, kind: Option<Endpoint>) {
    let Some(members) = schema.as_object_mut() else { return };
    let name = kind.map_or("unrecognized", Endpoint::as_str);
    members.insert("$id".into(), schema_uri(kind).into());
    members.insert("title".into(), format!("plivo.10dlc.{name}").into());
    members.insert("description".into(), description(kind).into());
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
        "{what}, from a callback of Plivo: a CloudEvents 1.0 event, schema version 1. Readers ignore fields that they do not know."
    )
}

fn constrain_attributes(attributes: &mut Map<String, Value>, kind: Option<Endpoint>) {
    let types: Vec<String> = match kind {
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
    let status_texts = texts(endpoint);
    set(properties, "endpoint", "const", json!(endpoint));
    replace_enum(properties, "status", &statuses(endpoint), &status_texts);
    replace_enum(properties, "previous_status", &statuses(endpoint), "");
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
    if let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) {
        let said = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = if more.is_empty() { said.to_owned() } else { format!("{said}\n\n{more}") };
        property.insert("description".to_owned(), text.into());
    }
}

fn replace_enum(properties: &mut Map<String, Value>, name: &str, accepted: &[Status], more: &str) {
    describe(properties, name, more);
    if let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) {
        property.shift_remove("oneOf");
        property.insert("type".to_owned(), json!("string"));
        property.insert("enum".to_owned(), json!(accepted));
    }
}

fn require(schema: &mut Value, names: &[&str]) {
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.splice(0..0, names.iter().map(|name| json!(name)));
    }
}
