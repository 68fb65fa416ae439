//! The relay is not there when Plivo calls.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::{Value, json};

use super::run::{assert_holds, count, verify};
use crate::support::brokers::lasting_port;
use crate::support::callback::{AUTH_ID, ORIGIN, TOKEN};
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::Request;
use crate::support::relay::Home;
use crate::support::sim::Sim;
use crate::support::wait::until_true;

pub fn sim(home: &Home, relay: SocketAddr, more: &[&str]) -> Sim {
    let (account, via, ledger) =
        (format!("{AUTH_ID}:{TOKEN}"), format!("http://{relay}"), home.path("ledger"));
    let fixed =
        ["--account", &account, "--via", &via, "--ledger", ledger.to_str().unwrap(), "--created-after", "0"];
    Sim::sending(&[&fixed, more].concat())
}

/// Asks for a brand, whose callbacks go to the relay; its id.
pub fn ask(sim: &Sim) -> String {
    let answer = sim.send(&for_a_brand());
    assert_eq!(answer.status, 202);
    answer.text("brand_id")
}

/// The request for a brand, whose callbacks go to the relay.
pub fn for_a_brand() -> Request {
    let body = json!({
        "brand_alias": "acme", "profile_uuid": "p",
        "url": format!("{ORIGIN}/tendlc_status/brand/"), "method": "POST",
    });
    request("POST", "Brand/").body(body.to_string())
}

/// A request of the account.
pub fn request(method: &str, path: &str) -> Request {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{AUTH_ID}:{TOKEN}"));
    Request::new(method, &format!("/v1/Account/{AUTH_ID}/10dlc/{path}"))
        .header("Authorization", &format!("Basic {credentials}"))
}

/// The deliveries of a ledger.
pub fn deliveries(home: &Home) -> Vec<Value> {
    let text = std::fs::read_to_string(home.path("ledger")).unwrap();
    text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, lasting_port()).into()
}

/// A minute is three seconds here: time to start a relay.
#[test]
fn away_for_the_first_attempt_the_retry_makes_one_event() {
    let (home, address) = (Home::new(&Config::files().text()), address());
    let dying = TcpListener::bind(address).unwrap();
    let mut sim = sim(&home, address, &["--time-scale", "0.05", "--brand-after", "1000000"]);
    ask(&sim);
    // What takes the first attempt dies of it.
    drop(dying.accept().unwrap());
    drop(dying);
    let relay = home.start_at(address);
    until_true("the retry", || sim.sent().len() == 1);
    sim.end();
    relay.drained();
    assert_holds(&verify(&home, "ledger", "events", &[]));
    assert_eq!(files::events(&home.events()).len(), 1);
    let delivery = deliveries(&home).remove(0);
    let attempts = delivery["attempts"].as_array().unwrap();
    assert_eq!(delivery["outcome"], "delivered");
    assert!(attempts[0]["error"].is_string() && attempts.len() > 1, "{delivery:#}");
    let at = |attempt: usize, name: &str| attempts[attempt][name].as_u64().unwrap();
    assert!(at(1, "started_ns") - at(0, "ended_ns") >= 3_000_000_000, "{delivery:#}");
    assert_eq!(attempts.last().unwrap()["code"], 200);
}

/// This is what a reconciler, which asks Plivo's API for what was missed, would be for.
#[test]
fn away_for_all_four_the_ledger_says_given_up_and_there_is_no_event() {
    let (home, address) = (Home::new(&Config::files().text()), address());
    let mut sim = sim(&home, address, &["--time-scale", "0.0001"]);
    ask(&sim);
    until_true("both callbacks given up", || sim.sent().len() == 2);
    let relay = home.start_at(address);
    sim.end();
    relay.drained();
    let verdict = verify(&home, "ledger", "events", &[]);
    assert_holds(&verdict);
    assert_eq!((count(&verdict.1, "given_up"), &verdict.1["consumers"][0]["events"]), (2, &0.into()));
    for delivery in deliveries(&home) {
        assert_eq!(delivery["outcome"], "given_up");
        assert_eq!(delivery["attempts"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn what_is_under_way_at_the_end_is_written_down_as_unfinished() {
    let (home, address) = (Home::new(&Config::files().text()), address());
    home.write("events/none.jsonl", "");
    let dying = TcpListener::bind(address).unwrap();
    let mut sim = sim(&home, address, &["--time-scale", "1", "--brand-after", "1000000"]);
    ask(&sim);
    drop(dying.accept().unwrap());
    let ended = sim.end();
    assert_eq!(ended["callbacks"]["labels"]["genuine"]["unfinished"], 1, "{ended:#}");
    let delivery = deliveries(&home).remove(0);
    assert_eq!(
        (&delivery["outcome"], delivery["attempts"].as_array().unwrap().len()),
        (&"unfinished".into(), 1)
    );
    let verdict = verify(&home, "ledger", "events", &[]);
    assert_holds(&verdict);
    assert_eq!(count(&verdict.1, "unfinished"), 1);
}
