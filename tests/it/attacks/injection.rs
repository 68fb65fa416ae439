//! Injection: what is sent reaches log, metrics, events and terminals as text and nothing else.

use serde_json::Value;

use super::wire::{IMPATIENT, exchange_all};
use crate::faults::dice::dice;
use crate::faults::report::size;
use crate::support::callback::{ACCOUNT, Callback, ORIGIN, Shape, TOKEN, fresh_nonce};
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::{Connection, Request};
use crate::support::relay::Home;
use crate::support::sign;
use crate::support::terminal;

/// Texts that do harm where they are taken for more than texts.
const EVIL: [&str; 16] = [
    "EVIL\n2026-01-01T00:00:00Z ERROR forged",
    "EVIL\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}",
    "EVIL\",\"level\":\"ERROR\"}",
    "EVIL\u{1b}[31;1m\u{1b}[2J",
    "EVIL\u{1b}]0;title\u{7}\u{1b}]52;c;eA==\u{7}",
    "EVIL\u{9b}2J\u{90}x\u{9c}",
    "EVIL\u{202e}gnp.exe\u{202c}",
    "EVIL\u{2066}a\u{2069}\u{200f}\u{61c}",
    "EVIL\u{2028}b\u{2029}c\u{85}d",
    "EVIL\u{0}\u{8}\u{8}\u{c}\u{b}\u{7f}",
    "EVIL\u{feff}\u{fffe}\u{fdd0}",
    "EVIL{label=\"x\"} 1\n# TYPE evil counter",
    "EVIL${jndi:ldap://evil.example/x}",
    "EVIL%n%s%p{}{{}}",
    "../../EVIL/../x",
    "EVIL'; DROP TABLE records; --",
];

/// Whether a character can steer a terminal or a reader.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A genuine callback with this wherever the sender writes the text.
fn everywhere(evil: &str) -> Vec<Callback> {
    let fields = ["brand_id", "status", "reason", "event", "note"];
    let mut callbacks = Vec::new();
    for shape in Shape::ALL {
        for field in fields {
            // An entity of its own, so that no content comes twice.
            let own = Callback::new("brand", "rejected").shape(shape);
            callbacks.push(own.clone().param(field, evil));
            callbacks.push(own.clone().param(&format!("{field}{evil}"), "x"));
            let pairs: Vec<(&str, &str)> = if field == "brand_id" {
                vec![("brand_id", evil), ("status", "rejected")]
            } else {
                vec![("brand_id", own.entity()), (field, evil)]
            };
            callbacks.push(Callback::with_params(&own.path, &pairs).shape(shape));
        }
    }
    callbacks
}

#[test]
fn every_line_of_log_and_events_stays_one_and_says_nothing_of_the_senders() {
    let home = Home::new(&Config::files().level("debug").ingress(IMPATIENT).text());
    let relay = home.start();
    let mut connection = Connection::open(relay.callbacks).unwrap();
    let mut accepted = 0;
    let mut entities = Vec::new();
    for evil in EVIL {
        for callback in everywhere(evil) {
            let answer = connection.send(&callback.request()).unwrap();
            assert_eq!(answer.status, 200, "{callback:?}: {answer:?}");
            accepted += usize::from(answer.text("status") == "accepted");
        }
        entities.push(evil.trim());
    }
    // And where only HTTP's own bytes get through, or nothing does.
    let mut requests = Vec::new();
    for evil in EVIL {
        for text in [evil.to_owned(), escaped(evil)] {
            requests.push(format!("GET /{text} HTTP/1.1\r\nHost: {text}\r\n\r\n"));
            requests.push(format!("GET /tendlc_status/{text}/{text}/ HTTP/1.1\r\n\r\n"));
            requests.push(format!("GET /tendlc_status/{ACCOUNT}/{text}/ HTTP/1.1\r\n\r\n"));
            requests.push(format!("{text} /tendlc_status/ HTTP/1.1\r\n\r\n"));
            requests.push(format!("GET /tendlc_status/?{text} HTTP/1.1\r\nX-Plivo-Signature-V2: {text}\r\nX-Plivo-Signature-V2-Nonce: {text}\r\n\r\n"));
            requests.push(format!("GET /tendlc_status/ HTTP/1.1\r\nUser-Agent: {text}\r\nX-Forwarded-For: {text}\r\n{text}: x\r\n\r\n"));
        }
    }
    let answers = exchange_all(relay.callbacks, requests.into_iter().map(String::into_bytes).collect());
    for answer in answers.iter().flatten() {
        assert!([400, 403, 404, 405].contains(&answer.status), "{answer:?}");
        assert!(!answer.body.contains("EVIL"), "an answer that repeats what it was sent: {answer:?}");
    }
    relay.drained();

    // That each line is JSON is asserted when the relay ends; this is what is in it.
    for line in relay.process.log.lines() {
        assert!(!line.chars().any(steers), "{line:?}");
        let entry: Value = serde_json::from_str(&line).unwrap();
        let path = entry["path"].as_str().unwrap_or_default();
        assert!(path.len() < 1_000 && !path.chars().any(steers), "{line:?}");
        assert!(!line.replace(&*entry["path"].to_string(), "").contains("EVIL"), "{line:?}");
    }
    let events = files::events(&home.events());
    assert_eq!(events.len(), accepted, "an event on two lines, or two on one");
    for entity in entities {
        let found = events.iter().any(|event| event["data"]["brand_id"] == entity);
        assert!(found, "{entity:?} was received and is not in any event");
    }
    let names: Vec<_> =
        std::fs::read_dir(home.events()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_str().unwrap().starts_with("plivo.10dlc.")), "{names:?}");
}

#[test]
fn no_label_comes_from_a_sender_however_many_they_try() {
    let home = Home::new(&Config::files().ingress("limits = { headers = 100 }").text());
    let relay = home.start();
    let series = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    let before = relay.admin("/metrics").body;
    let mut dice = dice("label explosion");
    let mut connection = Connection::open(relay.callbacks).unwrap();
    for _ in 0..size(1_000, 20_000) {
        let mut word = |length: usize| -> String { (0..length).map(|_| dice.alphanumeric()).collect() };
        let (one, two) = (word(12), word(12));
        let request = match dice.u8(..7) {
            0 => Request::new("GET", &format!("/{one}/{two}")),
            1 => Request::new(&one, "/tendlc_status/"),
            2 => Request::new("GET", &format!("/tendlc_status/{one}/{two}/")).header("Host", &two),
            3 => Callback::new("brand", &one).request(),
            4 => Callback::with_params("/tendlc_status/", &[("event", &one), (&two, "x"), ("status", &one)])
                .request(),
            5 => {
                Callback::new("brand", "created").path(&format!("/tendlc_status/{ACCOUNT}/{one}/")).request()
            }
            _ => Callback::new("brand", "created").request().header("X-Plivo-Signature-V3", &one),
        };
        if connection.send(&request).is_ok_and(|answer| answer.header("connection") != Some("close")) {
            continue;
        }
        connection = Connection::open(relay.callbacks).unwrap();
    }
    relay.drained();
    let after = relay.admin("/metrics").body;
    assert_eq!(series(&before), series(&after));
    assert!(after.len() < before.len() + before.len() / 4, "{} bytes, then {}", before.len(), after.len());
}

#[test]
fn what_callbacks_say_steers_no_terminal_of_an_operator() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    for evil in EVIL {
        let callback = Callback::with_params(
            "/tendlc_status/brand/",
            &[("brand_id", evil), ("status", "rejected"), ("reason", evil), (evil, evil)],
        );
        relay.accept(&callback);
        relay.send(&callback.clone().signed_again());
        let tampered = callback.clone().param("more", evil);
        assert_eq!(relay.send(&tampered).text("status"), "quarantined");
        let url = format!("{ORIGIN}/tendlc_status/");
        let nonce = fresh_nonce();
        let unrecognized = Request::new("POST", &format!("/tendlc_status/?{}", escaped(evil)))
            .header("X-Plivo-Signature-V2", &sign::v2(&url, &nonce, TOKEN))
            .header("X-Plivo-Signature-V2-Nonce", &nonce)
            .body(evil);
        assert_eq!(relay.request(&unrecognized).status, 200);
    }
    relay.drained();
    let config = home.path("relay.toml");
    for words in [
        "events --limit 1000",
        "held list",
        "quarantine list",
        "quarantine show 1",
        "quarantine show 16",
        "spool status",
        "sinks list",
        "dead list",
    ] {
        let arguments: Vec<&str> = words.split(' ').collect();
        let screen = terminal::shown(home.command(&arguments).arg("--config").arg(&config));
        let bad = screen.chars().find(|c| steers(*c) && !['\r', '\n'].contains(c));
        assert!(bad.is_none(), "{words}: {bad:?} in {screen}");
        if ["events --limit 1000", "held list", "quarantine list"].contains(&words) {
            assert!(screen.contains("EVIL"), "{words} shows nothing of them: {screen}");
        }
    }
}
