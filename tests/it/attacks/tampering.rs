//! A captured callback sent again, as it was and changed. V2 signs URL and nonce alone, so its signature stays good: the
//! ledger then says what becomes of it. V3 signs the parameters as well.

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
fn a_v2_signature_carries_its_own_content_and_no_other() {
    let genuine = Callback::with_params(
        "/tendlc_status/brand/",
        &[("brand_id", "B1"), ("note", "x"), ("note", "y"), ("status", "created")],
    );
    let same = genuine.request();
    let path = genuine.path.as_str();
    let own = form(&[("brand_id", "B1"), ("note", "x"), ("note", "y"), ("status", "created")]);
    assert_eq!(same.body, own.as_bytes());
    let body = |pairs: &[(&str, &str)]| with_body(&same, form(pairs));
    let other_body = body(&[("brand_id", "B1"), ("note", "x"), ("note", "y"), ("status", "registered")]);
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            (
                "parameters in another order",
                with_body(&same, "status=created&note=x&note=y&brand_id=B1"),
                Duplicate,
            ),
            (
                "values of one name in another order",
                with_body(&same, "brand_id=B1&note=y&note=x&status=created"),
                Quarantined,
            ),
            (
                "every character escaped",
                with_body(
                    &same,
                    format!("{}={}&note=x&note=y&status=created", escaped("brand_id"), escaped("B1")),
                ),
                Duplicate,
            ),
            (
                "marks between parameters doubled",
                with_body(&same, format!("&{}&&", own.replace('&', "&&&"))),
                Duplicate,
            ),
            ("another value", other_body.clone(), Quarantined),
            ("another entity", with_body(&same, own.replace("B1", "B2")), Quarantined),
            ("a parameter more", with_body(&same, format!("{own}&reason=none")), Quarantined),
            ("a parameter less", body(&[("brand_id", "B1"), ("status", "created")]), Quarantined),
            ("a parameter twice", with_body(&same, format!("{own}&status=registered")), Quarantined),
            ("a name in capitals", with_body(&same, own.replace("brand_id", "BRAND_ID")), Quarantined),
            ("a blank", with_body(&same, own.replace("B1", "B1+")), Quarantined),
            ("no body", with_body(&same, ""), Quarantined),
            (
                "bytes that are no text",
                with_body(&same, [own.as_bytes(), b"&x=\xff\xfe"].concat()),
                Quarantined,
            ),
            ("the type in other letters", with_type(&same, "Application/X-WWW-Form-Urlencoded"), Duplicate),
            ("the type with other parameters", with_type(&same, &format!("{FORM};x=y")), Duplicate),
            ("another type", with_type(&same, "text/plain"), Quarantined),
            (
                "two types",
                same.clone()
                    .without_header("Content-Type")
                    .header("Content-Type", &format!("{JSON}, {FORM}")),
                Quarantined,
            ),
            ("no type", same.clone().without_header("Content-Type"), Quarantined),
            ("said to be JSON", with_type(&same, JSON), Quarantined),
            (
                "as JSON",
                with_type(
                    &with_body(&same, r#"{"brand_id":"B1","note":["x","y"],"status":"created"}"#),
                    JSON,
                ),
                Quarantined,
            ),
            ("said to be compressed", same.clone().header("Content-Encoding", "gzip"), Quarantined),
            ("said not to be compressed", same.clone().header("Content-Encoding", "identity"), Duplicate),
            ("the other method", with_method(&same, "GET"), Duplicate),
            ("the other method and content", with_method(&other_body, "GET"), Quarantined),
            (
                "in the query",
                with_method(&with_body(&with_target(&same, &format!("{path}?{own}")), ""), "GET"),
                Quarantined,
            ),
            (
                "a query beside the body",
                with_target(&same, &format!("{path}?status=registered")),
                Quarantined,
            ),
            ("an empty query", with_target(&same, &format!("{path}?")), Quarantined),
            ("with the whole URL", with_target(&same, &format!("{ORIGIN}{path}")), Duplicate),
            ("with another host's URL", with_target(&same, &format!("http://evil.example{path}")), Duplicate),
            ("without the slash", with_target(&same, path.trim_end_matches('/')), Quarantined),
            ("on another endpoint's path", with_target(&same, "/tendlc_status/campaign/"), Refused),
            ("on the path of all endpoints", with_target(&same, "/tendlc_status/"), Refused),
            ("on a tenant's path", with_target(&same, "/tendlc_status/acme/brand/"), Refused),
            ("the path in capitals", with_target(&same, "/tendlc_status/BRAND/"), Unknown),
            ("the path escaped", with_target(&same, "/tendlc_status/%62rand/"), Unknown),
            (
                "from a proxy that says otherwise",
                same.clone().header("X-Forwarded-Host", "evil.example").header("X-Forwarded-Proto", "http"),
                Duplicate,
            ),
            (
                "with a V3 beside it that does not fit",
                same.clone().header(V3, &sign::hmac("stranger", "")).header(V3_NONCE, "1"),
                Duplicate,
            ),
            ("the same again", same.clone(), Duplicate),
        ],
    );
}

#[test]
fn a_v3_signature_fits_its_own_parameters_alone() {
    let genuine = Callback::with_params(
        "/tendlc_status/brand/",
        &[("brand_id", "B1"), ("note", "x"), ("status", "created")],
    )
    .scheme(Scheme::V3);
    let same = genuine.request();
    let path = genuine.path.as_str();
    let pairs = [("brand_id", "B1"), ("note", "x"), ("status", "created")];
    let own = form(&pairs);
    let json = r#"{"brand_id":"B1","note":"x","status":"created"}"#;
    let moved = sign::v3_post(&format!("{ORIGIN}{path}"), &genuine.params, &genuine.nonce, TOKEN);
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            ("in another order", with_body(&same, "status=created&note=x&brand_id=B1"), Duplicate),
            ("every character escaped", with_body(&same, own.replace("B1", &escaped("B1"))), Duplicate),
            ("another value", with_body(&same, own.replace("created", "registered")), Refused),
            ("a parameter more", with_body(&same, format!("{own}&reason=none")), Refused),
            ("a parameter less", with_body(&same, "brand_id=B1&status=created"), Refused),
            ("a query beside the body", with_target(&same, &format!("{path}?a=b")), Refused),
            ("the other method", with_method(&same, "GET"), Refused),
            (
                "in the query",
                with_method(&with_body(&with_target(&same, &format!("{path}?{own}")), ""), "GET"),
                Refused,
            ),
            ("another type", with_type(&same, "text/plain"), Refused),
            ("said to be compressed", same.clone().header("Content-Encoding", "br"), Refused),
            ("another path", with_target(&same, "/tendlc_status/campaign/"), Refused),
            // Plivo runs names and values together, and signs neither the boundary between them nor the type.
            (
                "another boundary between name and value",
                with_body(&same, own.replace("brand_id=B1", "brand_idB=1")),
                Quarantined,
            ),
            ("as JSON", with_type(&with_body(&same, json), JSON), Quarantined),
            (
                "in V2's header",
                same.clone()
                    .without_header(V3)
                    .without_header(V3_NONCE)
                    .header(V2, &moved)
                    .header(V2_NONCE, &genuine.nonce),
                Refused,
            ),
            ("the same again", same.clone(), Duplicate),
        ],
    );
}

#[test]
fn a_v3_signature_of_a_query_and_one_of_both_schemes() {
    let genuine =
        Callback::with_params("/tendlc_status/brand/", &[("brand_id", "B1"), ("status", "created")])
            .scheme(Scheme::V3)
            .shape(Shape::Query);
    let same = genuine.request();
    let at = |query: &str| with_target(&same, &format!("{}?{query}", genuine.path));
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            // V3 signs the sorted and decoded query; its content is the query as received.
            ("in another order", at("status=created&brand_id=B1"), Quarantined),
            ("spelled otherwise", at("brand_id=%42%31&status=created"), Quarantined),
            ("another value", at("brand_id=B2&status=created"), Refused),
            ("a parameter more", at("brand_id=B1&status=created&x=y"), Refused),
            ("a body beside it", with_type(&with_body(&same, "status=registered"), FORM), Quarantined),
            ("by POST", with_method(&same, "POST"), Duplicate),
        ],
    );

    let genuine = Callback::new("brand", "created").scheme(Scheme::V3);
    let v2 = sign::v2(&format!("{ORIGIN}{}", genuine.path), &genuine.nonce, TOKEN);
    let both = genuine.request().header(V2, &v2).header(V2_NONCE, &genuine.nonce);
    let v2_alone = both.clone().without_header(V3).without_header(V3_NONCE);
    let other =
        with_body(&both, String::from_utf8(both.body.clone()).unwrap().replace("created", "rejected"));
    assert_fates(
        &both,
        &[
            ("the same", both.clone(), Duplicate),
            ("without V3", v2_alone.clone(), Duplicate),
            ("without V2", genuine.request(), Duplicate),
            ("another value", other.clone(), Quarantined),
            (
                "another value without V3",
                other.clone().without_header(V3).without_header(V3_NONCE),
                Quarantined,
            ),
            ("another value without V2", other.without_header(V2).without_header(V2_NONCE), Refused),
        ],
    );
}

#[test]
fn a_json_document_is_the_same_by_its_values() {
    let genuine = Callback::new("brand", "created").shape(Shape::Json).request();
    let document = |text: &str| with_body(&genuine, text);
    let same = document(r#"{"brand_id":"B1","status":"created","n":1,"list":[1,2]}"#);
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            (
                "in another order",
                document(r#"{"list":[1,2],"n":1,"status":"created","brand_id":"B1"}"#),
                Duplicate,
            ),
            (
                "with blanks",
                document("\n{ \"brand_id\" : \"B1\", \"status\":\"created\",\"n\":1,\"list\":[1 , 2]}\r\n"),
                Duplicate,
            ),
            (
                "with escapes",
                document(r#"{"brand_id":"\u00421","status":"created","n":1,"list":[1,2]}"#),
                Duplicate,
            ),
            (
                "a member twice, its own value last",
                document(r#"{"status":"registered","brand_id":"B1","status":"created","n":1,"list":[1,2]}"#),
                Duplicate,
            ),
            (
                "a member twice, its own value first",
                document(r#"{"brand_id":"B1","status":"created","n":1,"list":[1,2],"status":"registered"}"#),
                Quarantined,
            ),
            (
                "a list in another order",
                document(r#"{"brand_id":"B1","status":"created","n":1,"list":[2,1]}"#),
                Quarantined,
            ),
            (
                "a number as text",
                document(r#"{"brand_id":"B1","status":"created","n":"1","list":[1,2]}"#),
                Quarantined,
            ),
            (
                "a number with a fraction",
                document(r#"{"brand_id":"B1","status":"created","n":1.0,"list":[1,2]}"#),
                Quarantined,
            ),
            (
                "two documents",
                document(r#"{"brand_id":"B1","status":"created","n":1,"list":[1,2]}{}"#),
                Quarantined,
            ),
            (
                "behind a byte order mark",
                document("\u{feff}{\"brand_id\":\"B1\",\"status\":\"created\",\"n\":1,\"list\":[1,2]}"),
                Quarantined,
            ),
            ("as another JSON type", with_type(&same, "application/hal+json"), Duplicate),
            ("as a form", with_type(&same, FORM), Quarantined),
        ],
    );
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
