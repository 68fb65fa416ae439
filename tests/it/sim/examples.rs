//! The example files of the simulator, as they stand.

use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::Home;

use super::run::{assert_holds, by_path, send, verify};

#[test]
fn the_example_of_a_scenario_and_that_of_a_profile_are_sent_and_understood() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let example = |name: &str| format!("{}/config/plivo-sim/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let more = ["--scenario", &example("scenario"), "--profile", &example("profile")];
    let summary = send(&home, relay.callbacks, &by_path(), "ledger", &more);
    // 10 brands of 4 steps, 20 campaigns of 2, and 30 numbers of 6, which all come twice.
    let genuine = &summary["labels"]["genuine"];
    assert_eq!((&genuine["deliveries"], &genuine["delivered"]), (&440.into(), &440.into()), "{summary:#}");
    assert_eq!(genuine["answers"], serde_json::json!({ "accepted": 260, "duplicate": 180 }));
    relay.drained();
    assert_holds(&verify(&home, "ledger", "events", &[]));
    let events = files::events(&home.events());
    assert_eq!(events.len(), 260);
    for event in &events {
        assert!(event["subject"].is_string() && event["data"]["status"] != "unknown", "{event:#}");
    }
}
