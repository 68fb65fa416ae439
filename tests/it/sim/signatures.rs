//! Signatures between the relay, the simulator and Plivo's own SDKs.

use std::process::Command;

use serde_json::{Value, json};

use super::run::{send, sim};
use crate::support::brokers::variable;
use crate::support::callback::{AUTH_ID, MAIN_TOKEN, ORIGIN, TOKEN, next};
use crate::support::cli;
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::Request;
use crate::support::readers::manifest;
use crate::support::relay::{Home, Relay};

const SUB: &str = "SAEXAMPLE00000000001";

fn python() -> Option<Command> {
    let mut command = Command::new(variable("TENDLC_TEST_SDK_PYTHON")?);
    command.arg(manifest("tests/interop/signatures.py"));
    Some(command)
}

fn node() -> Option<Command> {
    let mut command = Command::new(variable("TENDLC_TEST_SDK_NODE")?);
    let modules = variable("TENDLC_TEST_SDK_NODE_PATH").expect("set together with it");
    command.arg(manifest("tests/interop/signatures.js")).env("NODE_PATH", modules);
    Some(command)
}

/// One JSON document out for each one in.
fn ask(mut script: Command, mode: &str, cases: &[Value]) -> Vec<Value> {
    let input: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let answers = cli::run_with_input(script.arg(mode), &input).json_lines();
    assert_eq!(answers.len(), cases.len());
    answers
}

/// The SDKs have no function that makes a V2 signature, and of V3 only the Python one has.
/// That one cannot read a query beyond ASCII.
#[test]
fn the_relay_takes_requests_that_the_python_sdks_functions_signed() {
    let Some(python) = python() else { return };
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let fields = |number: u64| json!({ "brand_id": format!("B{number}"), "status": "created", "reason": "Zürich & Söhne +1%", "a b": "" });
    let cases: Vec<Value> = [("POST", ""), ("POST", "?tenant=7&b=%2B1"), ("GET", "?tenant=7"), ("GET", "")]
        .into_iter()
        .map(|(method, query)| {
            let number = next();
            let url = format!("{ORIGIN}/tendlc_status/brand/{query}");
            json!({ "method": method, "url": url, "nonce": number.to_string(), "token": TOKEN, "params": fields(number) })
        })
        .collect();
    for (case, signed) in cases.iter().zip(ask(python, "sign", &cases)) {
        let signature = signed["v3"].as_str().unwrap();
        let answer = answered(&relay, case, signature, false);
        assert_eq!(answer, (200, "accepted".to_owned()), "{case}");
        assert_eq!(answered(&relay, case, signature, true).0, 403, "another content: {case}");
    }
    relay.drained();
    let events = files::events(&home.events());
    assert_eq!(events.len(), cases.len());
    for event in &events {
        let verification = &event["data"]["verification"];
        assert_eq!(
            (&verification["scheme"], &verification["covers"]),
            (&"v3".into(), &"url_and_params".into())
        );
    }
}

/// The code and the word of the relay's answer to a request with V3 headers alone.
fn answered(relay: &Relay, case: &Value, signature: &str, spoilt: bool) -> (u16, String) {
    let text = |name: &str| case[name].as_str().unwrap();
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in case["params"].as_object().unwrap() {
        form.append_pair(name, value.as_str().unwrap());
    }
    if spoilt {
        form.append_pair("more", "x");
    }
    let form = form.finish();
    let target = text("url").strip_prefix(ORIGIN).unwrap();
    let request = if text("method") == "GET" {
        let mark = if target.contains('?') { '&' } else { '?' };
        Request::new("GET", &format!("{target}{mark}{form}"))
    } else {
        Request::new("POST", target).header("Content-Type", "application/x-www-form-urlencoded").body(form)
    };
    let request =
        request.header("X-Plivo-Signature-V3", signature).header("X-Plivo-Signature-V3-Nonce", text("nonce"));
    let response = relay.request(&request);
    let word = if response.status == 200 { response.text("status") } else { String::new() };
    (response.status, word)
}

/// Attempts of a sub-account's callbacks as the ledger has them, each as a case of its token and one of its main's.
fn cases_of_the_simulator() -> Vec<Value> {
    let home = Home::new("");
    // No server has this port: the ledger has every attempt all the same.
    let nobody = "127.0.0.1:1".parse().unwrap();
    let mut cases = Vec::new();
    for method in ["post", "get"] {
        for (name, to) in [("plain", "/tendlc_status/brand/"), ("query", "/tendlc_status/?tenant=7&a=%20b")] {
            let (account, sub) = (format!("{AUTH_ID}:{MAIN_TOKEN}"), format!("{SUB}:{TOKEN}@{AUTH_ID}"));
            let more = ["--entities", "6", "--callbacks", "24", "--v3", "--retry-nonce", "new"];
            let who = ["--account", &account, "--subaccount", &sub, "--method", method];
            let ledger = format!("{name}-{method}");
            send(&home, nobody, &format!("{ORIGIN}{to}"), &ledger, &[more.as_slice(), &who].concat());
            let text = std::fs::read_to_string(home.path(&ledger)).unwrap();
            for line in text.lines().skip(1) {
                cases.extend(cases_of(&serde_json::from_str(line).unwrap()));
            }
        }
    }
    assert_eq!(cases.len(), 4 * 24 * 4 * 2);
    cases
}

fn cases_of(delivery: &Value) -> Vec<Value> {
    assert_eq!(delivery["account"], SUB);
    let form = delivery["parameters"]["form"].as_object();
    let params: serde_json::Map<String, Value> =
        form.into_iter().flatten().map(|(name, values)| (name.clone(), values[0].clone())).collect();
    let attempts = delivery["attempts"].as_array().unwrap();
    let case = |attempt: &Value, token: &str, v2: &str, v3: &str| {
        json!({
            "method": delivery["method"], "url": delivery["url"], "params": params, "token": token,
            "nonce": attempt["nonce"], "v2": attempt[v2], "v3": attempt[v3],
        })
    };
    let both = |attempt| [case(attempt, TOKEN, "v2", "v3"), case(attempt, MAIN_TOKEN, "ma_v2", "ma_v3")];
    attempts.iter().flat_map(both).collect()
}

fn confirms(script: impl Fn() -> Option<Command>) {
    let Some(command) = script() else { return };
    let cases = cases_of_the_simulator();
    for (case, answer) in cases.iter().zip(ask(command, "validate", &cases)) {
        assert_eq!(answer, json!({ "v2": true, "v3": true }), "{case:#}");
    }
    // A validator that takes everything confirms nothing.
    let mut others = cases[..8].to_vec();
    others.iter_mut().for_each(|case| case["token"] = json!("other"));
    for answer in ask(script().unwrap(), "validate", &others) {
        assert_eq!(answer, json!({ "v2": false, "v3": false }));
    }
}

#[test]
fn the_python_sdks_validators_confirm_the_simulators_signatures() {
    confirms(python);
}

#[test]
fn the_node_sdks_validators_confirm_the_simulators_signatures() {
    confirms(node);
}

/// A sub-account's callbacks as the relay sees them: its own token, its main account's in the `Ma-` headers.
#[test]
fn the_relay_takes_a_sub_accounts_callbacks_by_either_token() {
    for (tokens, main, key) in [(TOKEN, None, "account"), ("t0ken-old", Some(MAIN_TOKEN), "main")] {
        let accounts = crate::support::config::account("acme", SUB, tokens, main);
        let home = Home::new(&Config::files().accounts(&accounts).text());
        let relay = home.start();
        let (account, sub) = (format!("{AUTH_ID}:{MAIN_TOKEN}"), format!("{SUB}:{TOKEN}@{AUTH_ID}"));
        let more = ["--entities", "3", "--callbacks", "9", "--account", &account, "--subaccount", &sub];
        send(&home, relay.callbacks, &format!("{ORIGIN}/tendlc_status/"), "ledger", &more);
        relay.drained();
        let events = files::events(&home.events());
        assert_eq!(events.len(), 9);
        assert!(events.iter().all(|event| event["data"]["verification"]["key"] == key), "{events:#?}");
        super::run::assert_holds(&super::run::verify(&home, "ledger", "events", &[]));
    }
}

/// Half an account, and none at all.
#[test]
fn whose_callbacks_they_are_has_to_be_said() {
    let home = Home::new("");
    for (variables, said) in [(&["PLIVO_AUTH_ID"][..], "together"), (&[], "--world")] {
        let mut command = sim(&home.path(""), &["send", "--to", "http://127.0.0.1:1/"]);
        for name in ["PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN"].iter().filter(|name| !variables.contains(name)) {
            command.env_remove(name);
        }
        let finished = cli::run(&mut command);
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert!(finished.err.contains(said), "{finished:?}");
    }
}
