//! Plivo's own SDKs against the simulator, unchanged but for the base URL.

use std::process::Command;

use serde_json::Value;

use crate::support::brokers::variable;
use crate::support::cli;
use crate::support::readers::manifest;
use crate::support::sim::Sim;
use crate::support::wait::until_true;

const AUTH_ID: &str = "MAEXAMPLE00000000001";
/// The campaign that the scripts take over.
pub const IMPORTED: &str = "CNTQ0OD";
const URL: &str = "https://hooks.example.com/tendlc_status/?tenant=42";

#[test]
fn the_python_sdk_registers_links_and_unlinks() {
    let Some(python) = variable("TENDLC_TEST_SDK_PYTHON") else { return };
    let mut command = Command::new(python);
    command.arg(manifest("tests/interop/sdk.py"));
    registers_links_and_unlinks(command);
}

#[test]
fn the_node_sdk_registers_links_and_unlinks() {
    let Some(node) = variable("TENDLC_TEST_SDK_NODE") else { return };
    let modules = variable("TENDLC_TEST_SDK_NODE_PATH").expect("set together with it");
    let mut command = Command::new(node);
    command.arg(manifest("tests/interop/sdk.js")).env("NODE_PATH", modules);
    registers_links_and_unlinks(command);
}

/// Lets the script do its work, and holds what the SDK saw against what the simulator owes.
fn registers_links_and_unlinks(mut script: Command) {
    let sim = Sim::start(&["--account", &format!("{AUTH_ID}:t"), "--time-scale", "0.01"]);
    let out = cli::run(script.args([sim.base_url(), AUTH_ID, "t", URL])).ok();
    let seen: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));

    assert_eq!((&seen["company"], &seen["score"]), (&"acme".into(), &80.into()), "{seen}");
    assert_eq!(seen["brands"], serde_json::json!([seen["brand_id"]]));
    assert_eq!(seen["campaigns"], serde_json::json!([seen["campaign_id"]]));
    assert_eq!(
        (&seen["sub_usecase"], &seen["sample"]),
        (&"CUSTOMER_CARE,2FA".into(), &"Your code is 123456".into())
    );
    let usecases = seen["usecases"].as_array().unwrap();
    assert!(usecases.len() == 11 && usecases.contains(&"MIXED".into()), "{seen}");
    let left = ["14155550102", "14155550103"]
        .map(|number| serde_json::json!({ "number": number, "status": "COMPLETED" }));
    assert_eq!(seen["numbers"], serde_json::json!(left));
    let imported = serde_json::json!({
        "id": IMPORTED, "source": "shared",
        "message": "Request to import campaign was received and is being processed.",
    });
    assert_eq!((&seen["imported"], &seen["shared"]), (&imported, &serde_json::json!([IMPORTED])), "{seen}");
    for (case, word) in [
        ("unlinked", "not found"),
        ("imported_twice", "already"),
        ("refused", "must be"),
        ("stranger", "authentication failed"),
    ] {
        assert!(seen[case].as_str().unwrap().contains(word), "{case}: {seen}");
    }

    let mut expected = vec![
        owed(&seen, "brand", "created", None, "POST"),
        owed(&seen, "brand", "registered", None, "POST"),
        owed(&seen, "campaign", "created", None, "POST"),
        owed(&seen, "campaign", "registered", None, "POST"),
    ];
    for status in ["created", "success"] {
        for number in ["14155550101", "14155550102", "14155550103"] {
            expected.push(owed(&seen, "number_linking", status, Some(number), "GET"));
        }
    }
    for status in ["created", "success"] {
        expected.push(owed(&seen, "number_unlinking", status, Some("14155550101"), "POST"));
    }
    for status in ["created", "registered"] {
        // Its brand is somebody else's.
        let mut owed = owed(&seen, "campaign", status, None, "GET");
        (owed["campaign_id"], owed["brand_id"]) = (IMPORTED.into(), Value::Null);
        expected.push(owed);
    }
    until_true("the last callback owed", || sim.owed().len() >= expected.len());
    let told: Vec<Value> = sim
        .owed()
        .into_iter()
        .map(|mut owed| {
            owed.as_object_mut().unwrap().remove("number");
            owed
        })
        .collect();
    assert_eq!(told, expected);
}

/// A callback about what the SDK saw.
fn owed(seen: &Value, endpoint: &str, status: &str, number: Option<&str>, method: &str) -> Value {
    let campaign = if endpoint == "brand" { Value::Null } else { seen["campaign_id"].clone() };
    serde_json::json!({
        "auth_id": AUTH_ID, "endpoint": endpoint, "status": status, "brand_id": seen["brand_id"],
        "campaign_id": campaign, "phone_number": number, "reason": null, "url": URL, "method": method,
    })
}
