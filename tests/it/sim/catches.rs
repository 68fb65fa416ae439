//! What is wrong with a relay, or with what a consumer read, the checker calls by its name.

use std::fs;

use serde_json::{Value, json};

use super::run::{broken, by_path, send, sim, verify};
use crate::support::callback::ORIGIN;
use crate::support::config::Config;
use crate::support::relay::Home;

const BRANDS: &str = "plivo.10dlc.brand.jsonl";

/// A run that holds, and the lines of its brands' events to spoil.
struct Run {
    home: Home,
    lines: Vec<String>,
}

impl Run {
    fn new() -> Self {
        let home = Home::new(&Config::files().text());
        let relay = home.start();
        let more =
            ["--entities", "6", "--callbacks", "48", "--chaos", "forged=0.3,tampered=0.3,duplicated=0.3"];
        send(&home, relay.callbacks, &by_path(), "ledger", &more);
        relay.drained();
        relay.stop();
        let text = fs::read_to_string(home.events().join(BRANDS)).unwrap();
        let run = Run { home, lines: text.lines().map(str::to_owned).collect() };
        assert_eq!(run.lines.len(), 16);
        assert!(run.broken(&run.lines).is_empty());
        run
    }

    /// What the checker finds broken when the brands' events are these.
    fn broken(&self, lines: &[String]) -> Vec<&'static str> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.home.events().join(BRANDS), text).unwrap();
        let (code, report) = verify(&self.home, "ledger", "events", &[]);
        let broken = broken(&report);
        assert_eq!(code, Some(i32::from(!broken.is_empty())), "{report:#}");
        broken
    }

    /// The first delivery with this label about a brand.
    fn delivery(&self, label: &str) -> Value {
        let ledger = fs::read_to_string(self.home.path("ledger")).unwrap();
        let mut deliveries = ledger.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        deliveries.find(|one| one["label"] == label && one["endpoint"] == "brand").expect(label)
    }

    /// An event that says what this delivery said.
    fn event_of(&self, delivery: &Value) -> String {
        let mut event: Value = serde_json::from_str(&self.lines[0]).unwrap();
        event["id"] = json!("made-up");
        event["data"]["raw"] = json!({ "form": delivery["parameters"]["form"] });
        event.to_string()
    }
}

#[test]
fn a_spoiled_reading_is_called_by_its_name() {
    let run = Run::new();
    let lines = || run.lines.clone();

    let mut fewer = lines();
    fewer.remove(7);
    assert_eq!(run.broken(&fewer), ["lost"]);

    let mut twice = lines();
    twice.push(lines()[7].clone());
    assert_eq!(run.broken(&twice), ["duplicated"]);

    let subject = |line: &String| serde_json::from_str::<Value>(line).unwrap()["subject"].clone();
    let second = (1..).find(|place| subject(&run.lines[*place]) == subject(&run.lines[0])).unwrap();
    let mut swapped = lines();
    swapped.swap(0, second);
    assert_eq!(run.broken(&swapped), ["out_of_order"]);

    for label in ["forged_token", "forged_nonce", "tampered"] {
        let mut forged = lines();
        forged.push(run.event_of(&run.delivery(label)));
        assert_eq!(run.broken(&forged), ["forged_through"], "{label}");
    }

    let mut renamed = lines();
    for line in &mut renamed {
        *line = line.replace(r#""status":"rejected""#, r#""status":"registered""#);
        *line = line.replace("brand.rejected", "brand.registered");
    }
    assert_ne!(renamed, run.lines, "some are rejected");
    assert_eq!(run.broken(&renamed), ["misread"]);

    for (path, other) in [("subject", "brand/B0"), ("type", "com.plivo.10dlc.campaign.created")] {
        let mut misread = lines();
        let mut event: Value = serde_json::from_str(&misread[7]).unwrap();
        event[path] = json!(other);
        misread[7] = event.to_string();
        assert_eq!(run.broken(&misread), ["misread"], "{path}");
    }

    let mut unknown = lines();
    unknown.push(run.event_of(&json!({ "parameters": { "form": { "brand_id": ["B"] } } })));
    assert_eq!(run.broken(&unknown), ["unknown_event"]);
}

/// A relay whose path for one endpoint takes all callbacks for those of another.
#[test]
fn a_relay_that_takes_one_endpoint_for_another_misreads() {
    let route = "[ingress.routes.all]\npath = \"/tendlc_status/\"\nendpoint = \"number_unlinking\"";
    let home = Home::new(&Config::files().tables(route).text());
    let relay = home.start();
    let to = format!("{ORIGIN}/tendlc_status/");
    send(&home, relay.callbacks, &to, "ledger", &["--entities", "6", "--callbacks", "30"]);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["misread"]), "{report:#}");
    let why = &report["consumers"][0]["found"]["misread"]["examples"][0]["why"];
    assert!(why.as_str().unwrap().contains("its endpoint is \"number_unlinking\""), "{why}");
}

/// A relay that takes everything for genuine.
#[test]
fn a_relay_that_verifies_nothing_lets_forged_ones_through() {
    let home = Home::new(&Config::files().ingress("verification = \"off\"").text());
    let relay = home.start();
    let more = ["--entities", "6", "--callbacks", "30", "--chaos", "forged=0.3"];
    send(&home, relay.callbacks, &by_path(), "ledger", &more);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["forged_through"]), "{report:#}");
}

/// A relay without a window makes an event of each repeat that is signed anew.
#[test]
fn a_relay_without_a_window_duplicates() {
    let home = Home::new(&Config::files().spool("dedupe_window = \"0s\"").text());
    let relay = home.start();
    let more =
        ["--entities", "6", "--callbacks", "30", "--chaos", "cut=0.5,duplicated=0.5", "--retry-nonce", "new"];
    send(&home, relay.callbacks, &by_path(), "ledger", &more);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["duplicated"]), "{report:#}");
}

/// A relay that knows no signature from before takes a replayed one with other content.
#[test]
fn a_relay_without_a_ledger_lets_tampered_ones_through() {
    let home = Home::new(&Config::files().text());
    let relay = home.start_broken("ledger");
    assert!(relay.process.log.contains("breaks its promises"), "it says so");
    let more = ["--entities", "6", "--callbacks", "30", "--chaos", "tampered=0.5,duplicated=0.5"];
    send(&home, relay.callbacks, &by_path(), "ledger", &more);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["forged_through"]), "{report:#}");
}

/// Without ledger and window every repeat is an event of its own, even by the same signature.
#[test]
fn a_relay_without_a_ledger_and_a_window_duplicates() {
    let home = Home::new(&Config::files().spool("dedupe_window = \"0s\"").text());
    let relay = home.start_broken("ledger");
    let more = ["--entities", "6", "--callbacks", "30", "--chaos", "duplicated=0.5"];
    send(&home, relay.callbacks, &by_path(), "ledger", &more);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["duplicated"]), "{report:#}");
}

/// A relay that takes no content for a repeat, though it still knows signatures.
#[test]
fn a_relay_that_forgets_contents_duplicates() {
    let home = Home::new(&Config::files().text());
    let relay = home.start_broken("dedupe");
    let more =
        ["--entities", "6", "--callbacks", "30", "--chaos", "cut=0.5,duplicated=0.5", "--retry-nonce", "new"];
    send(&home, relay.callbacks, &by_path(), "ledger", &more);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["duplicated"]), "{report:#}");
}

/// A relay that answers 200 to what it has not written.
#[test]
fn a_relay_that_answers_what_it_has_not_written_loses() {
    let home = Home::new(&Config::files().text());
    let relay = home.start_broken("spool_ack=7");
    send(&home, relay.callbacks, &by_path(), "ledger", &["--entities", "6", "--callbacks", "30"]);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["lost"]), "{report:#}");
    assert_eq!(report["consumers"][0]["found"]["lost"]["count"], 4, "{report:#}");
}

/// Who believes a promise broken that is kept would trust a checker that found nothing.
#[test]
fn a_relay_that_does_not_know_what_to_break_does_not_start() {
    let home = Home::new(&Config::files().text());
    for slip in ["ledgers", "spool_ack", "publish=0", "dedupe,everything"] {
        let mut command = home.command(&["serve", "--config", "relay.toml"]);
        let finished = crate::support::cli::run(command.env("TENDLC_TEST_BREAK", slip));
        assert_eq!(finished.code, Some(2), "{slip}: {finished:?}");
        for word in ["TENDLC_TEST_BREAK", slip.rsplit(',').next().unwrap(), "spool_ack=N"] {
            assert!(finished.err.contains(word), "{word}: {}", finished.err);
        }
    }
}

/// A relay that answered 200 and says an event is published that is not.
#[test]
fn a_relay_that_skips_publishing_loses() {
    let home = Home::new(&Config::files().text());
    let relay = home.start_broken("publish=7");
    send(&home, relay.callbacks, &by_path(), "ledger", &["--entities", "6", "--callbacks", "30"]);
    relay.drained();
    let (code, report) = verify(&home, "ledger", "events", &[]);
    assert_eq!((code, broken(&report)), (Some(1), vec!["lost"]), "{report:#}");
    assert_eq!(report["consumers"][0]["found"]["lost"]["count"], 4, "{report:#}");
}

#[test]
fn what_cannot_be_compared_is_wrong_usage() {
    let home = Home::new("");
    home.write("events/t.jsonl", "{}\n");
    home.write("empty/none", "");
    home.write("ledger", "{\"plivo_sim_ledger\":2,\"started\":\"\",\"seed\":1}\n");
    home.write("older", "{\"plivo_sim_ledger\":1,\"started\":\"\",\"seed\":1}\n");
    home.write("newer", "{\"plivo_sim_ledger\":3,\"started\":\"\",\"seed\":1}\n");
    for (ledger, read, told) in [
        ("ledger", "files=events", "line 1"),
        ("ledger", "files=nowhere", "nowhere"),
        ("ledger", "files", "NAME=FILE"),
        ("ledger", "files=empty", "nothing was sent"),
        ("older", "files=empty", "version 1"),
        ("newer", "files=empty", "version 3"),
        ("events/t.jsonl", "files=empty", "no ledger"),
    ] {
        let mut command = sim(&home.path(""), &["verify-ledger", "--ledger", ledger, "--read", read]);
        let finished = crate::support::cli::run(&mut command);
        assert_eq!(finished.code, Some(2), "{ledger} {read}: {finished:?}");
        assert!(finished.err.contains(told), "{told}: {}", finished.err);
    }
    let taken = sim(&home.path(""), &["send", "--to", "http://127.0.0.1:1/", "--ledger", "ledger"]).output();
    assert_eq!(taken.unwrap().status.code(), Some(2), "a ledger is never overwritten");
}
