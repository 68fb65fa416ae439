//! Chaos in the callbacks that requests to the API owe.

use super::away::{ask, deliveries, request, sim};
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
    (0..8).for_each(|_| drop(ask(&sim)));
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

/// What was held back for its successor goes out when none comes any more.
#[test]
fn the_callback_of_a_brand_that_is_deleted_meanwhile_is_not_held_for_ever() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let mut sim = sim(&home, relay.callbacks, &["--chaos", "reordered=1", "--brand-after", "10"]);
    // Deleted between its two callbacks: before the first it would be owed none, after the second both.
    let brand = ask(&sim);
    until_true("the first callback of the brand", || sim.owed().len() == 1);
    assert_eq!(sim.send(&request("DELETE", &format!("Brand/{brand}/"))).status, 200);
    let late = ask(&sim);
    until_true("what both brands are owed", || sim.sent().len() == 3);
    sim.end();
    relay.drained();
    assert_holds(&verify(&home, "ledger", "events", &[]));
    let mut told: Vec<(String, String, String)> = deliveries(&home)
        .iter()
        .map(|one| ["entity", "status", "label"].map(|name| one[name].as_str().unwrap().to_owned()).into())
        .collect();
    told.sort();
    let mut expected = [
        (brand, "created".to_owned(), "genuine".to_owned()),
        (late.clone(), "created".to_owned(), "reordered".to_owned()),
        (late, "registered".to_owned(), "genuine".to_owned()),
    ];
    expected.sort();
    assert_eq!(told, expected);
}
