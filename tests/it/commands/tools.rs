//! Commands that need no relay: `signature verify`, `schema`, `completions`; and `healthcheck`, which asks one.

use std::path::Path;

use serde_json::Value;

use crate::support::cli::{self, Finished};
use crate::support::config::Config;
use crate::support::readers::manifest;
use crate::support::relay::Home;

fn run(arguments: &[&str]) -> Finished {
    cli::run(&mut cli::command(Path::new("/"), arguments))
}

fn vectors(name: &str) -> Vec<Value> {
    let path = manifest(&format!("tests/vectors/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn verify(scheme: &str, vectors: &[Value]) -> Finished {
    let input: String = vectors.iter().map(|vector| format!("{vector}\n")).collect();
    let mut command = cli::command(Path::new("/"), &["signature", "verify", "--scheme", scheme]);
    cli::run_with_input(&mut command, &input)
}

/// Holds the answers against what every official SDK says, or what we say on purpose instead.
fn assert_answers(scheme: &str, vectors: &[Value], expected: impl Fn(&Value) -> bool) {
    let finished = verify(scheme, vectors);
    let all_valid = vectors.iter().all(&expected);
    assert_eq!(finished.code, Some(i32::from(!all_valid)), "{}", finished.err);
    let answers: Vec<Value> = finished.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), vectors.len());
    for (answer, vector) in answers.iter().zip(vectors) {
        assert_eq!(answer["name"], vector["name"]);
        assert_eq!(answer["valid"], expected(vector), "{vector}\n{answer}");
    }
}

#[test]
fn every_vector_of_the_official_sdks_gets_its_answer() {
    for (scheme, file) in [("v2", "signature_v2"), ("v3", "signature_v3")] {
        let vectors = vectors(file);
        let is_valid = |vector: &Value| vector["expected"].as_bool().unwrap();
        assert_answers(scheme, &vectors, is_valid);
        let valid: Vec<Value> = vectors.into_iter().filter(is_valid).collect();
        assert!(!valid.is_empty());
        assert_answers(scheme, &valid, is_valid);
    }
}

#[test]
fn where_we_differ_on_purpose_we_do() {
    let deviations = vectors("signature_deviations");
    for scheme in ["v2", "v3"] {
        let of_scheme = |vector: &Value| vector["name"].as_str().unwrap().starts_with(scheme);
        let ours: Vec<Value> = deviations.iter().filter(|vector| of_scheme(vector)).cloned().collect();
        assert!(!ours.is_empty());
        assert_answers(scheme, &ours, |vector| vector["our_answer"].as_bool().unwrap());
    }
}

#[test]
fn the_schemas_are_printed_as_they_are_kept() {
    for kind in ["brand", "campaign", "number_linking", "number_unlinking", "unrecognized"] {
        let printed: Value = serde_json::from_str(&run(&["schema", kind]).ok()).unwrap();
        let path = manifest(&format!("config/schemas/{kind}.v1.json"));
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(printed, kept, "{kind}");
        assert!(run(&["schema"]).ok().contains(printed["$id"].as_str().unwrap()));
    }
    assert_eq!(run(&["schema", "brands"]).code, Some(2));
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).ok().contains("check-config"), "{shell}");
    }
}

#[test]
fn a_health_check_follows_readiness() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let admin = relay.admin.to_string();
    let check = || {
        let mut command = home.command(&["healthcheck", "--config", "relay.toml"]);
        cli::run(command.env("TENDLC_ADMIN__LISTEN", &admin))
    };
    check().ok();
    relay.kill();
    let finished = check();
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.err.contains(&admin), "{}", finished.err);
}
