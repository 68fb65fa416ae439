//! Chaos in the callbacks that requests to the API owe.

use super::away::{ask, deliveries, sim};
use super::run::{assert_holds, verify};
use crate::support::config::Config;
use crate::support::relay::Home;
use crate::support::wait::until_true;

#[test]
fn what_requests_owe_goes_wrong_too_and_every_promise_holds() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let chaos = "reordered=1,duplicated=0.5,forged=0.5,tampered=0.5,oversized=0.5";
    let mut sim =
        sim(&home, relay.callbacks, &["--time-scale", "0.001", "--chaos", chaos, "--slow", "0.2", "--v3"]);
    (0..8).for_each(|_| ask(&sim));
    until_true("every callback", || sim.sent().len() == 16);
    sim.end();
    relay.drained();
    let verdict = verify(&home, "ledger", "events", &[]);
    assert_holds(&verdict);
    assert_eq!(verdict.1["consumers"][0]["events"], 16);
    let of = |label: &str, status: &str| {
        let deliveries = deliveries(&home);
        deliveries.iter().filter(|one| one["label"] == label && one["status"] == status).count()
    };
    // Each `created` came after how its request ended.
    assert_eq!((of("reordered", "created"), of("genuine", "registered")), (8, 8));
    assert!(of("forged_token", "registered") > 0 && of("tampered", "registered") > 0);
}
