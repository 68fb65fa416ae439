//! A captured callback sent again, as it was and changed. V2 signs URL and nonce alone, so its signature stays good: the
//! ledger then says what becomes of it. V3 signs the parameters as well.

mod content;
mod parameters;

use fastrand::Rng;

use crate::faults::dice::dice;
use crate::faults::report::{say, size};
use crate::support::callback::{Callback, ORIGIN, Scheme, Shape, TOKEN};
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::{Request, Response};
use crate::support::relay::{Home, Relay};
use crate::support::sign;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const V2: &str = "X-Plivo-Signature-V2";
const V2_NONCE: &str = "X-Plivo-Signature-V2-Nonce";
const V3: &str = "X-Plivo-Signature-V3";
const V3_NONCE: &str = "X-Plivo-Signature-V3-Nonce";

/// What becomes of a captured request that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The same content: the sender is told its id.
    Duplicate,
    /// A good signature with other content.
    Quarantined,
    /// The signature does not fit any more.
    Refused,
    /// No route.
    Unknown,
}

use Fate::{Duplicate, Quarantined, Refused, Unknown};

impl Fate {
    fn of(answer: &Response) -> Self {
        match (answer.status, answer.status == 200 && answer.text("status") == "duplicate") {
            (200, true) => Duplicate,
            (200, false) => {
                // Never "accepted".
                assert_eq!(answer.text("status"), "quarantined", "{answer:?}");
                Quarantined
            }
            (403, _) => Refused,
            (404, _) => Unknown,
            _ => panic!("{answer:?}"),
        }
    }
}

type Variant = (&'static str, Request, Fate);

/// Takes `captured` for new, and then each variant as its fate says; before and after a kill.
fn assert_fates(captured: &Request, variants: &[Variant]) {
    let home = Home::new(&Config::files().spool("quarantine_per_signature = 1000").text());
    let relay = home.start();
    let answer = relay.request(captured);
    assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"), "{answer:?}");
    let id = answer.text("id");
    let assert_all = |relay: &Relay| {
        let wrong: Vec<String> = variants
            .iter()
            .filter_map(|(name, request, fate)| {
                let answer = relay.request(request);
                let wrong = Fate::of(&answer) != *fate || (*fate == Duplicate && answer.text("id") != id);
                wrong.then(|| format!("{name}: {answer:?} instead of {fate:?}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        relay.drained();
        let quarantined = variants.iter().filter(|(_, _, fate)| *fate == Quarantined).count();
        let rows = relay.metrics().sum("tendlc_quarantine_rows", &[]);
        assert!(rows <= quarantined as f64, "{rows} rows for {quarantined} contents");
    };
    assert_all(&relay);
    relay.kill();
    let relay = home.start();
    assert_all(&relay);
    let mut events = files::events(&home.events());
    // After a kill what was published last may be published again.
    events.dedup();
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0]["id"], id.as_str());
}

fn with_body(request: &Request, body: impl Into<Vec<u8>>) -> Request {
    request.clone().body(body)
}

fn with_type(request: &Request, content_type: &str) -> Request {
    request.clone().without_header("Content-Type").header("Content-Type", content_type)
}

fn with_target(request: &Request, target: &str) -> Request {
    Request { target: target.to_owned(), ..request.clone() }
}

fn with_method(request: &Request, method: &str) -> Request {
    Request { method: method.to_owned(), ..request.clone() }
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Every byte as its escape.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn no_random_change_of_a_captured_callback_makes_an_event() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let captured = Callback::new("brand", "created");
    relay.accept(&captured);
    let captured = captured.request();
    let mut dice = dice("tampering");
    let (mut duplicates, mut quarantined) = (0, 0);
    for _ in 0..size(1_000, 30_000) {
        let changed = tampered(&captured, &mut dice);
        let answer = relay.request(&changed);
        // The length of a body that is cut is right; what is not HTTP any more is another test's.
        match answer.status {
            200 if answer.text("status") == "duplicate" => duplicates += 1,
            200 => {
                assert_eq!(answer.text("status"), "quarantined", "{answer:?} to {changed:?}");
                quarantined += 1;
            }
            status => assert!([400, 403, 404, 405].contains(&status), "{answer:?} to {changed:?}"),
        }
    }
    relay.drained();
    assert_eq!(files::events(&home.events()).len(), 1);
    let kept = relay.metrics().sum("tendlc_quarantine_rows", &[]);
    assert_eq!(kept, 16.0, "as many as one signature may have");
    say(&format!("tampering: {quarantined} changes quarantined ({kept} kept), {duplicates} changed nothing"));
}

/// A few changes at random places.
fn tampered(captured: &Request, dice: &mut Rng) -> Request {
    let mut request = captured.clone();
    for _ in 0..dice.usize(1..4) {
        match dice.u8(..8) {
            0 => request.target = format!("{}?{}", request.target, dice.alphanumeric()),
            1 => request.method = ["GET", "POST", "PUT"][dice.usize(..3)].to_owned(),
            2 => request = with_type(&request, ["text/plain", FORM, JSON, ""][dice.usize(..4)]),
            3 => request.body.truncate(dice.usize(..=request.body.len())),
            4 => {
                let at = dice.usize(..=request.body.len());
                request.body.insert(at, dice.u8(..));
            }
            _ => {
                let bit = dice.usize(..request.body.len().max(1) * 8);
                if let Some(byte) = request.body.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }
    request
}
