//! Forgeries by the thousand: none gets in, none leaves anything behind, and what is genuine passes between them.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use sha2::{Digest as _, Sha256};

use crate::faults::dice::dice;
use crate::faults::report::{say, size};
use crate::support::callback::{
    ACCOUNT, AUTH_ID, Callback, MAIN_TOKEN, ORIGIN, Scheme, Shape, TOKEN, fresh_nonce,
};
use crate::support::config::{Config, account};
use crate::support::files;
use crate::support::http::{Connection, Request, Response};
use crate::support::relay::Home;
use crate::support::sign;

const V2: &str = "X-Plivo-Signature-V2";
const V2_NONCE: &str = "X-Plivo-Signature-V2-Nonce";
const V3: &str = "X-Plivo-Signature-V3";
const V3_NONCE: &str = "X-Plivo-Signature-V3-Nonce";
const OTHER_TOKEN: &str = "t0ken-other";

const SENDERS: usize = 4;

/// After how many forgeries a genuine callback comes by.
const BETWEEN: usize = 50;

/// A way to forge. Each call makes another one.
type Forge = fn(&mut Rng) -> Request;

const FORGERIES: [(&str, Forge); 33] = [
    ("token of a stranger", |dice| genuine(dice).token(&format!("t0ken-{}", dice.u64(..))).request()),
    ("token of another account of this relay", |dice| {
        genuine(dice).path(&format!("/tendlc_status/{ACCOUNT}/tag/")).token(OTHER_TOKEN).request()
    }),
    ("main account's token in the account's header", |dice| genuine(dice).token(MAIN_TOKEN).request()),
    ("account's token in the main account's header", |dice| {
        genuine(dice).scheme(Scheme::MaV2).token(TOKEN).request()
    }),
    ("the same under V3", |dice| genuine(dice).scheme(Scheme::MaV3).token(TOKEN).request()),
    ("V3 of a stranger", |dice| genuine(dice).scheme(Scheme::V3).token("t0ken-of-a-stranger").request()),
    ("one bit flipped", |dice| {
        respelled(dice, |signature, dice| {
            let mut bytes = STANDARD.decode(signature).unwrap();
            let bit = dice.usize(..bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            STANDARD.encode(bytes)
        })
    }),
    ("one character changed", |dice| {
        respelled(dice, |signature, dice| {
            let at = dice.usize(..signature.len() - 1);
            let other = if signature.as_bytes()[at] == b'A' { "B" } else { "A" };
            format!("{}{other}{}", &signature[..at], &signature[at + 1..])
        })
    }),
    ("cut short", |dice| {
        respelled(dice, |signature, dice| signature[..dice.usize(1..signature.len())].to_owned())
    }),
    ("cut at its beginning", |dice| {
        respelled(dice, |signature, dice| signature[dice.usize(1..signature.len())..].to_owned())
    }),
    ("extended", |dice| {
        respelled(dice, |signature, dice| {
            let more: String = (0..dice.usize(1..60)).map(|_| dice.alphanumeric()).collect();
            if dice.bool() { format!("{signature}{more}") } else { format!("{more}{signature}") }
        })
    }),
    ("twice without a comma", |dice| respelled(dice, |signature, _| format!("{signature}{signature}"))),
    ("without padding", |dice| respelled(dice, |signature, _| signature.trim_end_matches('=').to_owned())),
    ("in small letters", |dice| respelled(dice, |signature, _| signature.to_ascii_lowercase())),
    ("in hexadecimal", |dice| {
        respelled(dice, |signature, _| {
            STANDARD.decode(signature).unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
        })
    }),
    ("in quotes", |dice| respelled(dice, |signature, _| format!("\"{signature}\""))),
    ("named as other services do", |dice| {
        respelled(dice, |signature, dice| {
            let names = ["sha256=", "v2=", "Bearer ", "HMAC "];
            format!("{}{signature}", names[dice.usize(..names.len())])
        })
    }),
    ("parted by something else than a comma", |dice| {
        respelled(dice, |signature, dice| {
            let marks = [";", " ", "\t", "|"];
            format!("{signature}{}x", marks[dice.usize(..marks.len())])
        })
    }),
    ("empty", |dice| respelled(dice, |_, dice| " ".repeat(dice.usize(..4)))),
    ("nothing but commas", |dice| respelled(dice, |_, dice| ",".repeat(dice.usize(1..100)))),
    ("noise", |dice| respelled(dice, |_, dice| (0..dice.usize(1..200)).map(|_| noise(dice)).collect())),
    ("zeros", |dice| respelled(dice, |_, _| STANDARD.encode([0; 32]))),
    ("a hash without a key", |dice| {
        signed_as(dice, |url, nonce, _| STANDARD.encode(Sha256::digest(format!("{url}{nonce}"))))
    }),
    ("token and text hashed together", |dice| {
        // Nobody but the relay knows the token: this is what a naive verifier would take.
        signed_as(dice, |url, nonce, _| STANDARD.encode(Sha256::digest(format!("{TOKEN}{url}{nonce}"))))
    }),
    ("keyed with what is not secret", |dice| {
        signed_as(dice, |url, nonce, dice| {
            let known = ["", AUTH_ID, ACCOUNT, nonce, url];
            sign::hmac(known[dice.usize(..known.len())], &format!("{url}{nonce}"))
        })
    }),
    ("signed without its nonce", |dice| signed_as(dice, |url, _, _| sign::hmac(TOKEN, url))),
    ("signed for another url", |dice| {
        signed_as(dice, |_, nonce, dice| {
            let urls = [
                "https://relay.example.com:8443/tendlc_status/brand/",
                "http://relay.example.com/tendlc_status/brand/",
                "https://RELAY.example.com/tendlc_status/brand/",
                "https://relay.example.com/tendlc_status/brand//",
                "https://relay.example.com/tendlc_status/campaign/",
                "https://relay.example.com.evil.example/tendlc_status/brand/",
            ];
            sign::v2(urls[dice.usize(..urls.len())], nonce, TOKEN)
        })
    }),
    ("V2 in V3's header", |dice| {
        let callback = genuine(dice);
        let signature = v2_of(&callback);
        bare(&callback).header(V3, &signature).header(V3_NONCE, &callback.nonce)
    }),
    ("V3 in V2's header", |dice| {
        let callback = genuine(dice).shape(Shape::Form);
        let url = format!("{ORIGIN}{}", callback.path);
        let signature = sign::v3_post(&url, &callback.params, &callback.nonce, TOKEN);
        bare(&callback).header(V2, &signature).header(V2_NONCE, &callback.nonce)
    }),
    ("with another nonce", |dice| {
        let callback = genuine(dice);
        let others = [fresh_nonce(), format!("{}0", callback.nonce), callback.nonce[1..].to_owned()];
        let nonce = &others[dice.usize(..others.len())];
        bare(&callback).header(V2, &v2_of(&callback)).header(V2_NONCE, nonce)
    }),
    ("without a nonce", |dice| {
        let request = genuine(dice).request().without_header(V2_NONCE);
        if dice.bool() { request } else { request.header(V2_NONCE, "") }
    }),
    ("with its nonce twice", |dice| {
        let callback = genuine(dice);
        callback.request().header(V2_NONCE, &callback.nonce)
    }),
    ("under another header", |dice| {
        let callback = genuine(dice);
        let names = ["X-Plivo-Signature", "X-Plivo-Signature-V1", "X-Plivo-Signature-V4", "Authorization"];
        let name = names[dice.usize(..names.len())];
        bare(&callback).header(name, &v2_of(&callback)).header(V2_NONCE, &callback.nonce)
    }),
];

/// One of them, by chance.
pub fn any(dice: &mut Rng) -> Request {
    FORGERIES[dice.usize(..FORGERIES.len())].1(dice)
}

fn genuine(dice: &mut Rng) -> Callback {
    Callback::new("brand", "created").shape(Shape::ALL[dice.usize(..Shape::ALL.len())])
}

fn v2_of(callback: &Callback) -> String {
    sign::v2(&format!("{ORIGIN}{}", callback.path), &callback.nonce, TOKEN)
}

/// Its request without any signature.
fn bare(callback: &Callback) -> Request {
    callback.request().without_header(V2).without_header(V2_NONCE)
}

/// A genuine callback whose signature is spelled otherwise.
fn respelled(dice: &mut Rng, spell: impl FnOnce(&str, &mut Rng) -> String) -> Request {
    let callback = genuine(dice);
    let signature = spell(&v2_of(&callback), dice);
    bare(&callback).header(V2, &signature).header(V2_NONCE, &callback.nonce)
}

/// A callback with a signature made from its URL and nonce in another way.
fn signed_as(dice: &mut Rng, sign: impl FnOnce(&str, &str, &mut Rng) -> String) -> Request {
    let callback = genuine(dice);
    let signature = sign(&format!("{ORIGIN}{}", callback.path), &callback.nonce, dice);
    bare(&callback).header(V2, &signature).header(V2_NONCE, &callback.nonce)
}

/// What may stand in a header, but for the comma, beside which it would begin anew.
fn noise(dice: &mut Rng) -> char {
    match char::from(dice.u8(b' '..=b'~')) {
        ',' => '.',
        other => other,
    }
}

/// A connection that is opened again when a refusal has ended it.
struct Sender {
    address: SocketAddr,
    connection: Option<Connection>,
}

impl Sender {
    fn send(&mut self, request: &Request) -> Response {
        let mut connection =
            self.connection.take().unwrap_or_else(|| Connection::open(self.address).unwrap());
        let answer = connection.send(request).unwrap_or_else(|error| panic!("{error}: {request:?}"));
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        answer
    }
}

#[test]
fn no_forgery_among_thousands_gets_in_and_the_genuine_ones_between_them_do() {
    let accounts = account(ACCOUNT, AUTH_ID, TOKEN, Some(MAIN_TOKEN))
        + &account("other", "MAEXAMPLE00000000002", OTHER_TOKEN, None);
    let home = Home::new(&Config::files().accounts(&accounts).text());
    let relay = home.start();
    let series: Vec<String> = relay.metrics().series().map(str::to_owned).collect();
    let each = size(1_000, 25_000);
    let address = relay.callbacks;
    let mut seeds = dice("forgeries");
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let mut dice = seeds.fork();
            std::thread::spawn(move || send_forgeries(address, each, &mut dice))
        })
        .collect();
    let ids: Vec<String> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    relay.drained();

    let metrics = relay.metrics();
    let forged = (SENDERS * each) as f64;
    assert_eq!(metrics.sum("tendlc_verifications_total", &[("result", "refused")]), forged);
    assert_eq!(metrics.sum("tendlc_verifications_total", &[("result", "ok")]), ids.len() as f64);
    assert_eq!(metrics.sum("tendlc_spool_records", &[]), ids.len() as f64);
    assert_eq!(metrics.sum("tendlc_held_rows", &[]) + metrics.sum("tendlc_quarantine_rows", &[]), 0.0);
    assert!(metrics.series().eq(series.iter().map(String::as_str)), "a forgery made a series");
    let mut published: Vec<String> =
        files::events(&home.events()).iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    published.sort_unstable();
    let mut accepted = ids;
    accepted.sort_unstable();
    assert_eq!(published, accepted);
    say(&format!(
        "forgeries: {forged} of {} kinds, none accepted; {} genuine callbacks between them, all accepted",
        FORGERIES.len(),
        accepted.len()
    ));
}

/// The ids of the genuine ones.
fn send_forgeries(address: SocketAddr, count: usize, dice: &mut Rng) -> Vec<String> {
    let mut sender = Sender { address, connection: None };
    let mut ids = Vec::new();
    for number in 0..count {
        // Each kind in turn, so that none is left out.
        let (kind, forge) = FORGERIES[number % FORGERIES.len()];
        let request = forge(dice);
        let answer = sender.send(&request);
        assert_eq!(answer.status, 403, "{kind}: {answer:?} to {request:?}");
        if number % BETWEEN == 0 {
            let answer = sender.send(&genuine(dice).request());
            assert_eq!((answer.status, answer.text("status").as_str()), (200, "accepted"), "{answer:?}");
            ids.push(answer.text("id"));
        }
    }
    ids
}
