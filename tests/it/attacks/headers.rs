//! Header tricks: repeated, joined, folded, huge, in other bytes, and schemes against each other.

use super::wire::{IMPATIENT, exchange_all, latin1};
use crate::support::callback::{Callback, MAIN_TOKEN, ORIGIN, TOKEN};
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::Home;
use crate::support::sign;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// 200, an event that this scheme proved.
    Taken(&'static str),
    /// Another status.
    Code(u16),
}

use Fate::{Code, Taken};

/// A callback with its signatures, to be put into headers.
struct Signed {
    callback: Callback,
    nonce: String,
    v2: String,
    v3: String,
    main: String,
    junk: String,
}

impl Signed {
    fn new() -> Self {
        let callback = Callback::new("brand", "created");
        let url = format!("{ORIGIN}{}", callback.path);
        let nonce = callback.nonce.clone();
        Signed {
            v2: sign::v2(&url, &nonce, TOKEN),
            v3: sign::v3_post(&url, &callback.params, &nonce, TOKEN),
            main: sign::v2(&url, &nonce, MAIN_TOKEN),
            junk: sign::v2(&url, &nonce, "t0ken-of-a-stranger"),
            nonce,
            callback,
        }
    }

    fn request(&self, lines: &str) -> Vec<u8> {
        let body = self.callback.request().body;
        let head = format!(
            "POST {} HTTP/1.1\r\n{lines}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            self.callback.path,
            body.len()
        );
        [latin1(&head), body].concat()
    }
}

/// A header line.
fn line(name: &str, value: &str) -> String {
    format!("{name}: {value}\r\n")
}

fn v2(value: &str) -> String {
    line("X-Plivo-Signature-V2", value)
}

fn v2_nonce(value: &str) -> String {
    line("X-Plivo-Signature-V2-Nonce", value)
}

fn v3(value: &str) -> String {
    line("X-Plivo-Signature-V3", value)
}

fn v3_nonce(value: &str) -> String {
    line("X-Plivo-Signature-V3-Nonce", value)
}

/// What Plivo sends.
fn good(s: &Signed) -> String {
    v2(&s.v2) + &v2_nonce(&s.nonce)
}

fn good_v3(s: &Signed) -> String {
    v3(&s.v3) + &v3_nonce(&s.nonce)
}

/// The good signature at this place of a list, from 1.
fn listed(s: &Signed, place: usize) -> String {
    v2(&format!("{}{}", format!("{},", s.junk).repeat(place - 1), s.v2)) + &v2_nonce(&s.nonce)
}

type Case = (&'static str, fn(&Signed) -> String, Fate);

const CASES: [Case; 62] = [
    ("as Plivo sends it", good, Taken("v2")),
    ("names in capitals", |s| good(s).replace("Signature", "SIGNATURE"), Taken("v2")),
    (
        "blanks around",
        |s| v2(&format!(" \t{}\t ", s.v2)) + &v2_nonce(&format!("\t {} ", s.nonce)),
        Taken("v2"),
    ),
    ("repeated, the good one last", |s| v2(&s.junk) + &good(s), Taken("v2")),
    ("repeated, the good one first", |s| good(s) + &v2(&s.junk), Taken("v2")),
    ("joined by a comma", |s| v2(&format!("{}, {}", s.junk, s.v2)) + &v2_nonce(&s.nonce), Taken("v2")),
    ("commas and nothing", |s| v2(&format!(",, ,{},", s.v2)) + &v2_nonce(&s.nonce), Taken("v2")),
    ("the sixteenth of a list", |s| listed(s, 16), Taken("v2")),
    ("the seventeenth of a list", |s| listed(s, 17), Code(403)),
    (
        "a folded signature",
        |s| v2(&format!("{}\r\n {}", &s.v2[..20], &s.v2[20..])) + &v2_nonce(&s.nonce),
        Code(400),
    ),
    ("a value on the next line", |s| v2(&format!("\r\n\t{}", s.v2)) + &v2_nonce(&s.nonce), Code(400)),
    ("a folded header of no matter", |s| good(s) + "X-Other: a\r\n b\r\n", Code(400)),
    ("the same nonce twice", |s| good(s) + &v2_nonce(&s.nonce), Code(403)),
    ("two nonces", |s| good(s) + &v2_nonce("1"), Code(403)),
    ("an empty nonce and a good one", |s| v2_nonce("") + &good(s), Code(403)),
    ("nonces joined by a comma", |s| v2(&s.v2) + &v2_nonce(&format!("{0},{0}", s.nonce)), Code(403)),
    (
        "a blank in the nonce",
        |s| v2(&s.v2) + &v2_nonce(&format!("{} {}", &s.nonce[..1], &s.nonce[1..])),
        Code(403),
    ),
    ("the nonce in V3's header", |s| v2(&s.v2) + &v3_nonce(&s.nonce), Code(403)),
    ("both schemes", |s| good(s) + &good_v3(s), Taken("v3")),
    ("V3 alone", good_v3, Taken("v3")),
    ("a good V2 and a wrong V3", |s| good(s) + &v3(&s.junk) + &v3_nonce(&s.nonce), Taken("v2")),
    ("a good V2 and a V3 that is none", |s| good(s) + &v3("none") + &v3_nonce(&s.nonce), Taken("v2")),
    ("a good V2 and a V3 without nonce", |s| good(s) + &v3(&s.v3), Taken("v2")),
    ("a good V2 and a V3 with two nonces", |s| good(s) + &good_v3(s) + &v3_nonce("1"), Taken("v2")),
    ("a good V3 and a wrong V2", |s| v2(&s.junk) + &v2_nonce(&s.nonce) + &good_v3(s), Taken("v3")),
    ("a good V3 and a V2 that is none", |s| v2("none") + &v2_nonce(&s.nonce) + &good_v3(s), Taken("v3")),
    ("a good V3 and a V2 with two nonces", |s| good(s) + &v2_nonce("1") + &good_v3(s), Taken("v3")),
    ("a good V3 and a V2 without nonce", |s| v2(&s.v2) + &good_v3(s), Taken("v3")),
    ("both wrong", |s| v2(&s.junk) + &v2_nonce("1") + &v3(&s.junk) + &v3_nonce("1"), Code(403)),
    (
        "each in the other's header",
        |s| v2(&s.v3) + &v2_nonce(&s.nonce) + &v3(&s.v2) + &v3_nonce(&s.nonce),
        Code(403),
    ),
    (
        "a good one of the main account",
        |s| line("X-Plivo-Signature-Ma-V2", &s.main) + &v2(&s.junk) + &v2_nonce(&s.nonce),
        Taken("v2"),
    ),
    (
        "the main account's beside no other",
        |s| line("X-Plivo-Signature-Ma-V2", &s.main) + &v2_nonce(&s.nonce),
        Taken("v2"),
    ),
    (
        "the account's in the main account's header",
        |s| line("X-Plivo-Signature-Ma-V2", &s.v2) + &v2_nonce(&s.nonce),
        Code(403),
    ),
    (
        "a signature with a byte of another alphabet",
        |s| v2(&format!("{}\u{e9}", s.v2)) + &v2_nonce(&s.nonce),
        Code(403),
    ),
    ("a nonce with such a byte", |s| v2(&s.v2) + &v2_nonce(&format!("{}\u{e9}", s.nonce)), Code(403)),
    ("a no-break space around", |s| v2(&format!("\u{a0}{}", s.v2)) + &v2_nonce(&s.nonce), Code(403)),
    ("such bytes elsewhere", |s| good(s) + &line("User-Agent", "\u{e9}\u{ff}\u{80}"), Taken("v2")),
    ("such bytes in a name", |s| good(s) + &line("X-Caf\u{e9}", "x"), Code(400)),
    (
        "underscores for dashes",
        |s| good(s).replace("X-Plivo-Signature-V2:", "X_Plivo_Signature_V2:"),
        Code(403),
    ),
    ("a NUL in a value", |s| good(s) + &line("X-Other", "a\u{0}b"), Code(400)),
    ("an escape in a value", |s| good(s) + &line("X-Other", "\u{1b}[31m"), Code(400)),
    ("a DEL in a value", |s| good(s) + &line("X-Other", "\u{7f}"), Code(400)),
    ("a tab in a value", |s| good(s) + &line("X-Other", "a\tb"), Taken("v2")),
    ("a lone CR in a value", |s| good(s) + &line("X-Other", "a\rb"), Code(400)),
    ("a blank before the colon", |s| good(s) + "X-Other : x\r\n", Code(400)),
    ("a blank before the name", |s| format!(" X-Other: x\r\n{}", good(s)), Code(400)),
    ("no colon", |s| good(s) + "X-Other\r\n", Code(400)),
    ("no name", |s| good(s) + ": x\r\n", Code(400)),
    ("no value", |s| good(s) + "X-Other:\r\n", Taken("v2")),
    ("a header that just fits", |s| good(s) + &line("X-Other", &"x".repeat(15_000)), Taken("v2")),
    ("a header that does not", |s| good(s) + &line("X-Other", &"x".repeat(17_000)), Code(431)),
    ("a signature of 15 kB", |s| v2(&"A".repeat(15_000)) + &v2_nonce(&s.nonce), Code(403)),
    ("a name of 15 kB", |s| good(s) + &line(&"x".repeat(15_000), "x"), Taken("v2")),
    ("as many headers as may be", |s| good(s) + &line("X-Other", "x").repeat(60), Taken("v2")),
    ("more headers", |s| good(s) + &line("X-Other", "x").repeat(61), Code(431)),
    ("a thousand headers", |s| good(s) + &"a:\r\n".repeat(1_000), Code(431)),
    ("a hundred signatures", |s| v2(&s.junk).repeat(100) + &v2_nonce(&s.nonce), Code(431)),
    ("no host", good, Taken("v2")),
    ("two hosts", |s| good(s) + "Host: a\r\nHost: b\r\n", Taken("v2")),
    (
        "headers that are to be dropped",
        |s| good(s) + "Connection: close, X-Plivo-Signature-V2\r\n",
        Taken("v2"),
    ),
    (
        "another method and path for proxies",
        |s| good(s) + "X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /metrics\r\nX-Rewrite-URL: /\r\n",
        Taken("v2"),
    ),
    ("a type twice", |s| good(s) + "Content-Type: application/x-www-form-urlencoded\r\n", Taken("v2")),
];

#[test]
fn every_trick_with_headers_has_the_answer_that_it_should_have() {
    let home = Home::new(&Config::files().ingress(IMPATIENT).text());
    let relay = home.start();
    let requests = CASES.iter().map(|(_, lines, _)| {
        let signed = Signed::new();
        signed.request(&lines(&signed))
    });
    let answers = exchange_all(relay.callbacks, requests.collect());
    relay.drained();
    let events = files::events(&home.events());
    let scheme_of = |id: &str| {
        let event = events.iter().find(|event| event["id"] == id).unwrap_or_else(|| panic!("no event {id}"));
        event["data"]["verification"]["scheme"].as_str().unwrap().to_owned()
    };
    let mut wrong = Vec::new();
    for ((name, _, fate), answers) in CASES.iter().zip(&answers) {
        let right = match (fate, answers.as_slice()) {
            (Taken(scheme), [answer]) if answer.status == 200 => {
                answer.text("status") == "accepted" && scheme_of(&answer.text("id")) == *scheme
            }
            (Code(code), [answer]) => answer.status == *code,
            _ => false,
        };
        if !right {
            wrong.push(format!("{name}: {answers:?} instead of {fate:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let taken = CASES.iter().filter(|(_, _, fate)| matches!(fate, Taken(_))).count();
    assert_eq!(events.len(), taken, "an event of what was not answered 200");
}
