//! One sink: its kind, the keys that all kinds have, and the kind's own.

use super::problem::{Problem, Problems, accepted};
use super::read::read;
use super::tree::{Node, Value};
use crate::sink::{CommonConfig, SinkConfig, Target};

const KINDS: [&str; 3] = ["file", "kafka", "nats"];

/// Reads a sink by parts: each is a plain table, so that errors keep their keys and texts from the environment
/// become what is asked for.
pub(super) fn read_sink(mut node: Node, path: &[&str], problems: &mut Problems) -> Option<SinkConfig> {
    let kind = kind(&mut node, path, problems)?;
    let mut common = Node::table(node.origin.clone());
    for key in CommonConfig::KEYS {
        if let (Some(value), Some(entries)) = (node.take(key), common.entries_mut()) {
            entries.insert(key.to_owned(), value);
        }
    }
    let common = read(common, path, problems);
    let target = match kind.as_str() {
        "file" => read(node, path, problems).map(Target::File),
        "kafka" => read(node, path, problems).map(Target::Kafka),
        _ => read(node, path, problems).map(Target::Nats),
    };
    Some(SinkConfig { target: target?, common: common? })
}

fn kind(node: &mut Node, path: &[&str], problems: &mut Problems) -> Option<String> {
    let origin = node.origin.clone();
    let mut refuse = |origin, what: String| {
        problems.push(Problem::new(origin, format!("{}.type", path.join(".")), what));
        None
    };
    let Some(kind) = node.take("type") else {
        return refuse(origin, format!("the key `type` is missing: {}", accepted("", &KINDS)));
    };
    match kind.value {
        Value::Text(text) | Value::Leaf(toml::Value::String(text)) if KINDS.contains(&text.trim()) => {
            Some(text.trim().to_owned())
        }
        Value::Text(text) | Value::Leaf(toml::Value::String(text)) => {
            refuse(kind.origin, format!("{text:?} is not accepted: {}", accepted(&text, &KINDS)))
        }
        _ => refuse(kind.origin, format!("expected a string: {}", accepted("", &KINDS))),
    }
}

/// A sink's name owns its cursor and is a metric label.
pub(super) fn validate_name(name: &str) -> Result<(), String> {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&name.len()) && name.chars().all(known) {
        return Ok(());
    }
    Err("a sink's name is 1 to 64 letters, digits, dashes and underscores".to_owned())
}
