//! Sinks that have to be let in.

use std::path::PathBuf;

use super::brokers::variable;
use super::relay::{Home, Relay};
use super::wait::until;

/// A file of the brokers' certificate authority.
pub fn certificate(name: &str) -> PathBuf {
    PathBuf::from(variable("TENDLC_TEST_CERTS").expect("set together with the brokers")).join(name)
}

/// Puts a certificate or key where the relay reads it.
pub fn use_certificate(home: &Home, name: &str, place: &str) {
    let text = std::fs::read_to_string(certificate(name)).unwrap();
    home.write(place, &text);
}

/// Waits until `/readyz` tells an error of this sink that has all of these words, and the log tells it too.
pub fn last_error(relay: &Relay, sink: &str, words: &[&str]) -> String {
    let has_words = |text: &str| words.iter().all(|word| text.to_lowercase().contains(&word.to_lowercase()));
    let error = until(&format!("an error with {words:?} on {sink}"), || {
        let error = relay.sink(sink)["last_error"].as_str().map(str::to_owned);
        error.filter(|error| has_words(error))
    });
    until("the same in the log", || {
        let told = |entry: &serde_json::Value| {
            ["WARN", "ERROR"].iter().any(|level| entry["level"] == *level) && has_words(&entry.to_string())
        };
        relay.process.log.entries().iter().any(told).then_some(())
    });
    error
}
