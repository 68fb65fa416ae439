//! What a process writes to standard error, kept line by line while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::callback::{BODY_MARK, NUMBER_MARK, TOKEN_MARK};

/// The lines so far. Clones see the same.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Reads until the other end is closed.
    pub fn follow(source: impl Read + Send + 'static) -> (Self, JoinHandle<()>) {
        let log = Log::default();
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                kept.0.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        (log, reader)
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The first line that has this message, as the JSON it is.
    pub fn find(&self, message: &str) -> Option<Value> {
        self.entries().into_iter().find(|entry| field(entry, "message") == Some(message))
    }

    /// Whether any line holds this text.
    pub fn contains(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }

    pub fn entries(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Panics when a line at info or above shows what must stay secret, or when a line is not JSON.
    pub fn assert_discreet(&self) {
        for line in self.lines() {
            let entry: Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a line of JSON: {line}"));
            let level = entry["level"].as_str().unwrap_or_else(|| panic!("no level: {line}"));
            if ["TRACE", "DEBUG"].contains(&level.to_uppercase().as_str()) {
                continue;
            }
            for mark in [TOKEN_MARK, NUMBER_MARK, BODY_MARK] {
                assert!(!line.contains(mark), "a secret in a log line: {line}");
            }
        }
    }

    /// The last lines, to show beside a failure.
    pub fn tail(&self) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// A field of a log entry, wherever the format puts fields.
pub fn field<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    entry["fields"][name].as_str().or_else(|| entry[name].as_str())
}
