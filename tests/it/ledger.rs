//! The ledger of signatures: a captured one is good for its own content only, however it is presented again.

use crate::support::callback::{AUTH_ID, Callback, ORIGIN, TOKEN, fresh_nonce};
use crate::support::config::{Config, account};
use crate::support::files;
use crate::support::http::{Request, Response};
use crate::support::relay::{Home, Relay};
use crate::support::sign;

const V2: &str = "X-Plivo-Signature-V2";
const V2_NONCE: &str = "X-Plivo-Signature-V2-Nonce";
const MAIN: &str = "X-Plivo-Signature-Ma-V2";

/// A POST about another entity than the genuine one.
fn forged(path: &str) -> Request {
    Request::new("POST", path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("brand_id=BFORGED&status=registered")
}

fn status(answer: &Response) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text("status")
}

/// Of everything that was sent, one event came to be.
fn one_event(home: &Home, relay: &Relay) {
    relay.drained();
    let events = files::events(&home.events());
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_ne!(events[0]["data"]["brand_id"], "BFORGED");
}

#[test]
fn blanks_lists_and_headers_do_not_make_a_signature_new() {
    // An account without a main account signs both kinds of headers with its own token.
    let home = Home::new(&Config::files().accounts(&account("acme", AUTH_ID, TOKEN, None)).text());
    let relay = home.start();
    let genuine = Callback::new("brand", "rejected");
    relay.accept(&genuine);
    let signature = sign::v2(&format!("{ORIGIN}{}", genuine.path), &genuine.nonce, TOKEN);
    let junk = sign::v2("https://elsewhere.example.com/", "1", TOKEN);
    for (header, value) in [
        (V2, signature.clone()),
        (V2, format!("  {signature} ")),
        (V2, format!("{junk}, {signature}")),
        (V2, format!("{signature},{signature}")),
        (MAIN, signature.clone()),
    ] {
        let request = forged(&genuine.path).header(header, &value).header(V2_NONCE, &genuine.nonce);
        assert_eq!(status(&relay.request(&request)), "quarantined", "{header}: {value}");
    }
    one_event(&home, &relay);
}

#[test]
fn url_and_nonce_cannot_be_split_in_another_place() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let path = "/tendlc_status/acme/store";
    let nonce = fresh_nonce();
    let genuine = Callback::new("brand", "rejected").path(path).nonce(&nonce);
    relay.accept(&genuine);
    // The same bytes are signed when the nonce's first digit goes to the end of the path.
    let (first, rest) = nonce.split_at(1);
    let signature = sign::v2(&format!("{ORIGIN}{path}"), &nonce, TOKEN);
    assert_eq!(signature, sign::v2(&format!("{ORIGIN}{path}{first}"), rest, TOKEN));
    let request = forged(&format!("{path}{first}")).header(V2, &signature).header(V2_NONCE, rest);
    assert_eq!(status(&relay.request(&request)), "quarantined");
    one_event(&home, &relay);
}

#[test]
fn what_is_kept_in_quarantine_is_listed_and_bounded() {
    let home = Home::new(&Config::files().spool("quarantine_per_signature = 3").text());
    let relay = home.start();
    let genuine = Callback::new("brand", "rejected");
    let id = relay.accept(&genuine);
    for attempt in 0..5 {
        let tampered =
            Callback::about("brand", "registered", &format!("BTAMPERED{attempt}")).nonce(&genuine.nonce);
        assert_eq!(status(&relay.send(&tampered)), "quarantined");
    }
    let listed = home.run(&["quarantine", "list", "--json"]).json_lines();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|one| one.to_string().contains(&id)), "{listed:?}");
    let metrics = relay.metrics();
    assert_eq!(metrics.sum("tendlc_quarantine_rows", &[]), 3.0);
    assert_eq!(metrics.sum("tendlc_quarantine_overflow_total", &[]), 2.0);
    assert_eq!(metrics.sum("tendlc_callbacks_total", &[("outcome", "quarantined")]), 5.0);
    one_event(&home, &relay);
}

#[test]
fn what_is_in_quarantine_is_shown_and_released_or_discarded_on_the_operators_word() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let genuine = Callback::new("brand", "created");
    let id = relay.accept(&genuine);
    let other = |entity: &str| Callback::about("brand", "rejected", entity).nonce(&genuine.nonce);
    for entity in ["BREAL", "BFORGED"] {
        assert_eq!(status(&relay.send(&other(entity))), "quarantined");
    }
    let listed = home.run(&["quarantine", "list", "--json"]).json_lines();
    let number = |entity: &str| {
        let one = listed.iter().find(|one| one.to_string().contains(entity)).unwrap();
        one["number"].to_string()
    };
    let shown = home.run(&["quarantine", "show", "--json", &number("BREAL")]).json_lines().remove(0);
    assert!(shown["body"].as_str().is_some_and(|body| body.contains("BREAL")), "{shown}");
    assert_eq!((&shown["first"]["id"], &shown["method"]), (&id.as_str().into(), &"POST".into()));
    assert_eq!(home.run(&["quarantine", "show", "999"]).code, Some(1));
    assert_eq!(home.run(&["quarantine", "release", "--yes", "999"]).code, Some(2));

    let released = home.run(&["quarantine", "release", "--yes", &number("BREAL")]).json_lines().remove(0);
    relay.drained();
    relay.stop();
    // The rest while it is stopped.
    home.run(&["quarantine", "discard", "--yes", &number("BFORGED")]).ok();
    assert!(home.run(&["quarantine", "list", "--json"]).json_lines().is_empty());
    let events = files::topic_events(&home.events(), "plivo.10dlc.brand");
    assert_eq!(events.len(), 2, "{events:#?}");
    assert_eq!(
        (&events[1]["data"]["brand_id"], &events[1]["data"]["occurrence"]),
        (&"BREAL".into(), &0.into())
    );
    assert_eq!(events[1]["id"], released["released_quarantined"]["ids"][0]);
    assert_ne!(events[1]["id"], id.as_str());

    let relay = home.start();
    assert_eq!(status(&relay.send(&other("BREAL"))), "quarantined", "the signature is the first one's");
    assert_eq!(relay.send(&genuine).text("id"), id);
    assert_eq!(home.run(&["spool", "audit", "--json"]).json_lines().len(), 2);
    relay.stop();
}

#[test]
fn a_held_back_duplicate_can_be_released_as_an_event_of_its_own() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let callback = Callback::new("number_linking", "failed");
    let first = relay.accept(&callback);
    relay.send(&callback.clone().signed_again());
    let listed = home.run(&["held", "list", "--json"]).json_lines();
    assert_eq!(listed.len(), 1, "{listed:?}");
    home.run(&["held", "release", "--yes", &listed[0]["number"].to_string()]).ok();
    relay.drained();
    let events = files::topic_events(&home.events(), "plivo.10dlc.number_linking");
    let seen: Vec<_> = events.iter().map(|event| event["data"]["occurrence"].as_u64().unwrap()).collect();
    assert_eq!(seen, [0, 1]);
    assert!(events[0]["id"] == first.as_str() && events[1]["id"] != first.as_str());
    assert!(home.run(&["held", "list", "--json"]).json_lines().is_empty());
}
