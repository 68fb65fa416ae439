//! What the File sink wrote.

use std::path::Path;

use serde_json::Value;

/// Every event of every topic, each file in its order.
pub fn events(dir: &Path) -> Vec<Value> {
    topics(dir).into_iter().flat_map(|topic| topic_events(dir, &topic)).collect()
}

/// The events of one topic. A last line without its end is one that a kill cut off.
pub fn topic_events(dir: &Path, topic: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join(format!("{topic}.jsonl"))).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn topics(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".jsonl").map(str::to_owned))
        .collect();
    names.sort();
    names
}
