//! What the relay makes of everything that the simulator does holds.

use super::run::{assert_holds, by_path, count, send, verify};
use crate::support::callback::ORIGIN;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::Home;

const LABELS: [&str; 11] = [
    "genuine",
    "duplicate",
    "reordered",
    "delayed",
    "slow",
    "cut",
    "oversized",
    "forged_token",
    "forged_nonce",
    "tampered",
    "truncated",
];

#[test]
fn under_all_chaos_nothing_is_lost_forged_doubled_or_out_of_order() {
    for (seed, retry_nonce) in [("11", "keep"), ("12", "new")] {
        let home = Home::new(&Config::files().text());
        let relay = home.start();
        let run = ["--entities", "30", "--callbacks", "300", "--chaos", "0.15", "--seed", seed];
        let more = [run.as_slice(), &["--retry-nonce", retry_nonce]].concat();
        let summary = send(&home, relay.callbacks, &by_path(), "ledger", &more);
        for label in LABELS {
            assert!(summary["labels"][label]["deliveries"].as_u64() > Some(5), "{label}: {summary:#}");
        }
        relay.drained();
        let verdict = verify(&home, "ledger", "events", &[]);
        assert_holds(&verdict);
        assert_eq!(verdict.1["consumers"][0]["events"], 300);
        assert!(count(&verdict.1, "held_back_or_quarantined") > 0);
    }
}

#[test]
fn every_profile_and_body_is_understood_on_one_url_for_all() {
    for (number, more) in [
        &["--profile", "snake"][..],
        &["--profile", "pascal"],
        &["--profile", "nested"],
        &["--profile", "snake", "--body", "json"],
        &["--profile", "pascal", "--method", "get"],
        &["--profile", "nested", "--method", "get", "--v3"],
        &["--profile", "snake", "--v3"],
        &["--profile", "nested", "--v3"],
    ]
    .into_iter()
    .enumerate()
    {
        let home = Home::new(&Config::files().text());
        let relay = home.start();
        let to = format!("{ORIGIN}/tendlc_status/?tenant=7");
        let seed = number.to_string();
        let more =
            [&["--entities", "6", "--callbacks", "36", "--chaos", "0.2", "--seed", &seed], more].concat();
        send(&home, relay.callbacks, &to, "ledger", &more);
        relay.drained();
        assert_holds(&verify(&home, "ledger", "events", &[]));
        let events = files::events(&home.events());
        assert_eq!(events.len(), 36, "{more:?}");
        let covers = if more.contains(&"--v3") { "url_and_params" } else { "url" };
        for event in &events {
            let data = &event["data"];
            assert!(event["subject"].is_string() && data["status"] != "unknown", "{more:?}: {event:#}");
            assert_eq!(data["verification"]["covers"], covers, "{more:?}: {event:#}");
        }
    }
}

#[test]
fn what_a_captured_signature_came_with_first_wins_and_is_told() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let more = ["--entities", "5", "--callbacks", "20", "--chaos", "tampered=0.5,truncated=0.2,early=0.7"];
    send(&home, relay.callbacks, &by_path(), "ledger", &more);
    relay.drained();
    let verdict = verify(&home, "ledger", "events", &[]);
    assert_holds(&verdict);
    assert!(count(&verdict.1, "first_seen_wins") > 0, "{:#}", verdict.1);
}

/// A life that is lived once more after the window has events of its own, one within it has none.
#[test]
fn repeats_within_the_window_and_after_it() {
    let life = "[[entities]]\nkind = \"number\"\nsteps = [\"linking.created\", \"linking.success\"]\nrepeat_after = 1500\n";
    for (window, events) in [("1s", 4), ("8m", 2)] {
        let home = Home::new(&Config::files().spool(&format!("dedupe_window = \"{window}\"")).text());
        home.write("scenario.toml", life);
        let relay = home.start();
        send(&home, relay.callbacks, &by_path(), "ledger", &["--scenario", "scenario.toml"]);
        relay.drained();
        let seconds = if window == "1s" { "1" } else { "480" };
        let verdict = verify(&home, "ledger", "events", &["--window", seconds]);
        assert_holds(&verdict);
        assert_eq!(verdict.1["consumers"][0]["events"], events);
    }
}

/// Nobody is there for any attempt: the ledger says given up, and no promise was made.
#[test]
fn what_is_given_up_is_told_and_not_held_against_the_relay() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    // No server has this port.
    let nobody = "127.0.0.1:1".parse().unwrap();
    let summary = send(&home, nobody, &by_path(), "ledger", &["--entities", "3", "--callbacks", "6"]);
    let genuine = &summary["labels"]["genuine"];
    assert_eq!((&genuine["given_up"], &genuine["attempts"]), (&6.into(), &24.into()), "{summary:#}");
    relay.drained();
    let verdict = verify(&home, "ledger", "events", &[]);
    assert_holds(&verdict);
    assert_eq!(count(&verdict.1, "given_up"), 6);
}
