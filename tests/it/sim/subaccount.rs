//! What a sub-account asks the API for, told by JSON callbacks that its own token and its main account's sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::away::deliveries;
use super::run::{assert_holds, verify};
use crate::support::callback::{AUTH_ID, MAIN_TOKEN, ORIGIN, TOKEN};
use crate::support::config::{Config, account};
use crate::support::files;
use crate::support::http::Request;
use crate::support::relay::Home;
use crate::support::sign;
use crate::support::sim::Sim;
use crate::support::wait::until_true;

const SUB: &str = "SAEXAMPLE00000000001";
/// Nothing in it says what a callback is about.
const PATH: &str = "/tendlc_status/?tenant=7";

#[test]
fn nested_documents_reach_the_consumer() {
    for (tokens, main, key) in [(TOKEN, None, "account"), ("t0ken-old", Some(MAIN_TOKEN), "main")] {
        let raw = json!({
            "event": { "type": "brand", "status": "rejected", "reason": REASON }, "brand": { "id": "ID" },
        });
        reaches_the_consumer(&["--profile", "nested"], &account("acme", SUB, tokens, main), key, &raw);
    }
}

#[test]
fn flat_documents_reach_the_consumer() {
    for (profile, raw) in [
        ("snake", json!({ "event": "brand", "status": "rejected", "reason": REASON, "brand_id": "ID" })),
        (
            "pascal",
            json!({ "Event": "brand", "Status": "rejected", "RejectionReason": REASON, "BrandID": "ID" }),
        ),
    ] {
        let accounts = account("acme", SUB, TOKEN, Some(MAIN_TOKEN));
        reaches_the_consumer(&["--profile", profile, "--body", "json"], &accounts, "account", &raw);
    }
}

/// Stands for whatever the simulator says: it is the same in both places where it stands.
const REASON: &str = "REASON";

fn reaches_the_consumer(look: &[&str], accounts: &str, key: &str, raw: &Value) {
    let home = Home::new(&Config::files().accounts(accounts).text());
    let relay = home.start();
    let (main, sub) = (format!("{AUTH_ID}:{MAIN_TOKEN}"), format!("{SUB}:{TOKEN}@{AUTH_ID}"));
    let (via, ledger) = (format!("http://{}", relay.callbacks), home.path("ledger"));
    let fixed = [
        "--account",
        &main,
        "--subaccount",
        &sub,
        "--via",
        &via,
        "--ledger",
        ledger.to_str().unwrap(),
        "--created-after",
        "0",
        "--brand-after",
        "0.5",
    ];
    let mut sim = Sim::sending(&[fixed.as_slice(), look].concat());
    let body = json!({
        "brand_alias": "please reject", "profile_uuid": "p", "url": format!("{ORIGIN}{PATH}"), "method": "POST",
    });
    let request = Request::new("POST", &format!("/v1/Account/{SUB}/10dlc/Brand/"))
        .header("Authorization", &format!("Basic {}", STANDARD.encode(format!("{SUB}:{TOKEN}"))))
        .body(body.to_string());
    let brand = sim.send(&request).text("brand_id");
    until_true("both callbacks", || sim.sent().len() == 2);
    sim.end();
    relay.drained();
    assert_holds(&verify(&home, "ledger", "events", &[]));
    deliveries(&home).iter().for_each(is_signed_by_both);
    let events = files::events(&home.events());
    let of = |status: &str| events.iter().find(|event| event["data"]["status"] == status).unwrap();
    assert_eq!((events.len(), &of("created")["subject"]), (2, &format!("brand/{brand}").into()));
    let event = of("rejected");
    let data = &event["data"];
    assert_eq!(event["source"], format!("/plivo/{SUB}/10dlc"));
    assert_eq!(event["subject"], format!("brand/{brand}"));
    assert_eq!(data["verification"]["key"], key);
    let reason = data["reason"].as_str().unwrap();
    let told = raw.to_string().replace("\"ID\"", &json!(brand).to_string());
    let told: Value = serde_json::from_str(&told.replace("\"REASON\"", &json!(reason).to_string())).unwrap();
    assert_eq!(data["raw"], json!({ "query": { "tenant": ["7"] }, "json": told }));
    assert!(!reason.is_empty() && reason != REASON, "{reason}");
}

/// By what Plivo's page says, written for the tests alone.
fn is_signed_by_both(delivery: &Value) {
    assert_eq!((&delivery["account"], &delivery["method"]), (&SUB.into(), &"POST".into()));
    for attempt in delivery["attempts"].as_array().unwrap() {
        let (url, nonce) = (delivery["url"].as_str().unwrap(), attempt["nonce"].as_str().unwrap());
        assert_eq!(attempt["v2"], sign::v2(url, nonce, TOKEN), "its own token: {attempt:#}");
        assert_eq!(attempt["ma_v2"], sign::v2(url, nonce, MAIN_TOKEN), "its main account's: {attempt:#}");
    }
}
