//! Request smuggling: bytes that two readers could part in different places. Behind each stands a genuine callback; it is
//! answered only where everybody agrees that it is a request of its own.

use super::wire::{IMPATIENT, exchange_all, latin1};
use crate::support::callback::{Callback, Shape};
use crate::support::config::Config;
use crate::support::files;
use crate::support::http::{Connection, Request, Response};
use crate::support::relay::Home;
use crate::support::wait::until_true;

/// A request as text, each character a byte.
fn text(request: &Request) -> String {
    request.bytes().into_iter().map(char::from).collect()
}

/// A genuine callback by GET: what is smuggled.
fn inner() -> String {
    text(&Callback::new("brand", "created").shape(Shape::Query).request())
}

/// Its request line and headers, without the blank line.
fn get_head() -> String {
    inner().trim_end().to_owned()
}

/// A genuine callback by POST with these framing headers and this body, whatever was signed: V2 signs neither.
fn post(framing: &str, body: &str) -> String {
    let head = text(&Callback::new("brand", "created").request());
    let head = head.split("Content-Length").next().unwrap();
    format!("{head}{framing}\r\n{body}")
}

/// The same, not signed.
fn forged(framing: &str, body: &str) -> String {
    format!("POST /tendlc_status/brand/ HTTP/1.1\r\nHost: h\r\n{framing}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

const CL3: &str = "Content-Length: 3\r\n";
const TE: &str = "Transfer-Encoding: chunked\r\n";
const END: &str = "0\r\n\r\n";

/// The codes of the answers, until the relay closes.
type Codes = &'static [u16];

type Case = (&'static str, fn() -> String, Codes);

/// Lengths of both kinds, or of one kind in two ways.
const FRAMINGS: [Case; 30] = [
    ("length, then chunks", || forged(&format!("Content-Length: 5\r\n{TE}"), END) + &inner(), &[403]),
    ("chunks, then length", || forged(&format!("{TE}Content-Length: 5\r\n"), END) + &inner(), &[403]),
    ("the same, signed", || post(&format!("{CL3}{TE}"), &format!("3\r\na=b\r\n{END}")) + &inner(), &[200]),
    (
        "the length takes in what is smuggled",
        || {
            let smuggled = inner();
            forged(&format!("Content-Length: {}\r\n{TE}", END.len() + smuggled.len()), END) + &smuggled
        },
        &[403],
    ),
    ("two lengths", || post("Content-Length: 3\r\nContent-Length: 5\r\n", "a=b") + &inner(), &[400]),
    ("the same length twice", || post(&CL3.repeat(2), "a=b") + &inner(), &[200, 200]),
    ("a list of lengths", || post("Content-Length: 3, 3\r\n", "a=b") + &inner(), &[400]),
    ("a length with a sign", || post("Content-Length: +3\r\n", "a=b") + &inner(), &[400]),
    ("a length below nothing", || post("Content-Length: -3\r\n", "a=b") + &inner(), &[400]),
    ("a length in hexadecimal", || post("Content-Length: 0x3\r\n", "a=b") + &inner(), &[400]),
    ("a length with a blank in it", || post("Content-Length: 3 0\r\n", "a=b") + &inner(), &[400]),
    ("no length in its header", || post("Content-Length:\r\n", "a=b") + &inner(), &[400]),
    (
        "a length that no number holds",
        || post("Content-Length: 18446744073709551619\r\n", "a=b") + &inner(),
        &[400],
    ),
    ("a length of exabytes", || post("Content-Length: 9000000000000000000\r\n", "a=b") + &inner(), &[413]),
    ("a length with a blank before its colon", || post("Content-Length : 3\r\n", "a=b") + &inner(), &[400]),
    ("a folded length", || post("Content-Length:\r\n 3\r\n", "a=b") + &inner(), &[400]),
    ("an underscore in the length's name", || post("Content_Length: 3\r\n", "") + &inner(), &[200, 200]),
    (
        "chunks and something after",
        || post("Transfer-Encoding: chunked, identity\r\n", END) + &inner(),
        &[400],
    ),
    ("no chunks", || post("Transfer-Encoding: identity\r\n", END) + &inner(), &[400]),
    ("another word for chunks", || post("Transfer-Encoding: xchunked\r\n", END) + &inner(), &[400]),
    ("chunks in quotes", || post("Transfer-Encoding: \"chunked\"\r\n", END) + &inner(), &[400]),
    ("chunks with a parameter", || post("Transfer-Encoding: chunked;q=1\r\n", END) + &inner(), &[400]),
    ("chunks behind a vertical tab", || post("Transfer-Encoding: \u{b}chunked\r\n", END) + &inner(), &[400]),
    ("chunks, then none", || post(&format!("{TE}Transfer-Encoding: identity\r\n"), END) + &inner(), &[400]),
    (
        "chunks with a blank before the colon",
        || post("Transfer-Encoding : chunked\r\n", END) + &inner(),
        &[400],
    ),
    ("folded chunks", || post("Transfer-Encoding:\r\n chunked\r\n", END) + &inner(), &[400]),
    ("chunks of an old version", || chunked(END).replace("HTTP/1.1", "HTTP/1.0") + &inner(), &[400]),
    (
        "an underscore in the name of chunks",
        || post("Transfer_Encoding: chunked\r\n", END) + &inner(),
        &[200, 400],
    ),
    ("chunks in capitals", || post("TRANSFER-ENCODING: CHUNKED\r\n", END) + &inner(), &[200, 200]),
    ("more than its length", || post("Content-Length: 3\r\n", "a=bGET /") + &inner(), &[200, 400]),
];

/// Chunks that are none.
const CHUNKS: [Case; 22] = [
    ("in pieces", || chunked("1\r\na\r\n2\r\n=b\r\n0\r\n\r\n") + &inner(), &[200, 200]),
    ("zeros before a size", || chunked("0003\r\na=b\r\n000\r\n\r\n") + &inner(), &[200, 200]),
    ("an extension", || chunked("3;a=b;c=\"d\"\r\na=b\r\n0;e\r\n\r\n") + &inner(), &[200, 200]),
    ("a blank behind a size", || chunked("3 \r\na=b\r\n0\r\n\r\n") + &inner(), &[200, 200]),
    ("a trailer", || chunked("3\r\na=b\r\n0\r\nX-Other: x\r\n\r\n") + &inner(), &[200, 200]),
    ("a blank before a size", || chunked(" 3\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("a size with a prefix", || chunked("0x3\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("a size with a sign", || chunked("+3\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("a size below nothing", || chunked("-3\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("no size", || chunked("\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("no digit", || chunked("G\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("a size that no number holds", || chunked("10000000000000003\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    (
        "a size of exabytes",
        || chunked(&format!("7fffffffffffffff\r\n{}", "a".repeat(70_000))) + &inner(),
        &[413],
    ),
    ("a lone LF behind a size", || chunked("3\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("a lone CR behind a size", || chunked("3\ra=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("a LF in an extension", || chunked("3;a\nb\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    (
        "an extension without end",
        || chunked(&format!("3;{}\r\na=b\r\n0\r\n\r\n", "x".repeat(20_000))) + &inner(),
        &[400],
    ),
    ("more than its size", || chunked("3\r\na=bcd\r\n0\r\n\r\n") + &inner(), &[400]),
    ("less than its size", || chunked("9\r\na=b\r\n0\r\n\r\n") + &inner(), &[400]),
    ("a lone LF behind a chunk", || chunked("3\r\na=b\n0\r\n\r\n") + &inner(), &[400]),
    (
        "trailers without end",
        || chunked(&format!("3\r\na=b\r\n0\r\n{}\r\n", "X-Other: x\r\n".repeat(5_000))) + &inner(),
        &[400],
    ),
    (
        "a signature in the trailer",
        || {
            let callback = Callback::new("brand", "created").request();
            let signature = callback.headers.iter().find(|(name, _)| name == "X-Plivo-Signature-V2").unwrap();
            let bare = text(&callback.clone().without_header(&signature.0));
            let head = bare.split("Content-Length").next().unwrap();
            format!("{head}{TE}\r\n3\r\na=b\r\n0\r\n{}: {}\r\n\r\n", signature.0, signature.1) + &inner()
        },
        &[403],
    ),
];

/// Lines that end, begin or are written otherwise.
const LINES: [Case; 38] = [
    ("one after another", || inner() + &inner() + &inner(), &[200, 200, 200]),
    ("a refusal with a body between", || inner() + &forged(CL3, "a=b") + &inner(), &[200, 403]),
    (
        "a refusal without a body between",
        || inner() + "GET /tendlc_status/brand/ HTTP/1.1\r\n\r\n" + &inner(),
        &[200, 403, 200],
    ),
    ("a GET with a body", || get_head() + &format!("\r\n{CL3}\r\na=b") + &inner(), &[200, 200]),
    ("garbage behind it", || inner() + "\u{0}\u{1}\u{2}\u{ff}\r\n\r\n" + &inner(), &[200, 400]),
    ("blank lines before it", || format!("\r\n\r\n\n{}", inner()), &[200]),
    ("blank lines without end", || "\r\n".repeat(20_000), &[431]),
    // RFC 9112 lets a lone LF end a line. Whoever stands in front has to agree: see docs/reliability.md.
    ("lone LFs", || inner().replace("\r\n", "\n") + &inner(), &[200, 200]),
    ("lone CRs", || inner().replace("\r\n", "\r"), &[400]),
    ("LFs in the wrong place", || inner().replace("\r\n", "\n\r"), &[400]),
    ("a NUL in the line", || inner().replacen(' ', " \u{0}", 1), &[400]),
    ("tabs for blanks", || inner().replacen(' ', "\t", 2), &[400]),
    ("two blanks", || inner().replacen(' ', "  ", 1), &[400]),
    ("a blank in the target", || inner().replacen("/brand/", "/bra nd/", 1), &[400]),
    ("a blank behind the version", || inner().replacen("HTTP/1.1", "HTTP/1.1 ", 1), &[400]),
    ("no version", || "GET /tendlc_status/brand/\r\n\r\n".to_owned() + &inner(), &[400]),
    ("a version of small letters", || inner().replacen("HTTP/1.1", "http/1.1", 1), &[400]),
    ("a version that there is not", || inner().replacen("HTTP/1.1", "HTTP/1.2", 1), &[400]),
    ("another version", || inner().replacen("HTTP/1.1", "HTTP/2.0", 1), &[400]),
    ("no slash", || inner().replacen(" /", " ", 1), &[400]),
    ("an old version", || inner().replacen("HTTP/1.1", "HTTP/1.0", 1) + &inner(), &[200]),
    ("a method in small letters", || inner().replacen("GET", "get", 1), &[405]),
    ("a method that there is not", || inner().replacen("GET", "BREW", 1), &[405]),
    ("a method that is none", || inner().replacen("GET", "G@T", 1), &[400]),
    ("the whole URL of another host", || inner().replacen(" /", " http://evil.example/", 1), &[200]),
    ("the whole URL with a user", || inner().replacen(" /", " https://a:b@relay.example.com/", 1), &[200]),
    ("the whole URL without a host", || inner().replacen(" /", " http:///", 1), &[400]),
    ("the URL of a file", || inner().replacen(" /", " file:///", 1), &[400]),
    (
        "a tunnel",
        || "CONNECT relay.example.com:443 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned() + &inner(),
        &[404, 200],
    ),
    ("a star", || "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_owned() + &inner(), &[404, 200]),
    (
        "an upgrade",
        || {
            get_head()
                + "\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        },
        &[200],
    ),
    (
        "an upgrade to a socket",
        || get_head() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\n\r\n",
        &[200],
    ),
    ("HTTP/2", || "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[]),
    ("TLS", || "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(), &[400]),
    ("something else", || "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(), &[400]),
    ("asked to wait", || post(&format!("Expect: 100-continue\r\n{CL3}"), "a=b") + &inner(), &[100, 200, 200]),
    (
        "asked for what is not known",
        || post(&format!("Expect: the-unexpected\r\n{CL3}"), "a=b") + &inner(),
        &[200, 200],
    ),
    (
        "refused while it waits",
        || forged(&format!("Expect: 100-continue\r\n{CL3}"), "a=b") + &inner(),
        &[100, 403],
    ),
];

/// One of them, by chance.
pub fn any(dice: &mut fastrand::Rng) -> String {
    let all = [FRAMINGS.as_slice(), &CHUNKS, &LINES][dice.usize(..3)];
    all[dice.usize(..all.len())].1()
}

#[test]
fn every_shape_is_read_in_one_way_or_refused_and_closed() {
    let home = Home::new(&Config::files().ingress(IMPATIENT).text());
    let relay = home.start();
    let cases: Vec<Case> = FRAMINGS.into_iter().chain(CHUNKS).chain(LINES).collect();
    let requests = cases.iter().map(|(_, bytes, _)| latin1(&bytes())).collect();
    let answers = exchange_all(relay.callbacks, requests);
    let codes = |answers: &[Response]| answers.iter().map(|answer| answer.status).collect::<Vec<_>>();
    let wrong: Vec<String> = cases
        .iter()
        .zip(&answers)
        .filter(|((_, _, expected), answers)| codes(answers) != *expected)
        .map(|((name, _, expected), answers)| format!("{name}: {answers:?} instead of {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Exactly what was answered so has become an event, and those that follow are served.
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    let is_accepted = |answer: &&Response| answer.status == 200 && answer.text("status") == "accepted";
    let taken = answers.iter().flatten().filter(is_accepted).count();
    assert_eq!(files::events(&home.events()).len(), taken + 1);
}

#[test]
fn a_request_cut_at_any_byte_is_no_callback() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let whole = Callback::new("brand", "created").request().bytes();
    for end in 1..whole.len() {
        let mut connection = Connection::open(relay.callbacks).unwrap();
        connection.write(&whole[..end]).unwrap();
        // Closed with the request half sent.
    }
    // All of them are gone, and none has become a callback.
    until_true("no open connection", || relay.metrics().sum("tendlc_connections", &[]) == 0.0);
    assert_eq!(relay.metrics().sum("tendlc_callbacks_total", &[]), 0.0);
    let answer = crate::support::http::Connection::open(relay.callbacks).and_then(|mut connection| {
        connection.write(&whole)?;
        connection.read()
    });
    assert_eq!(answer.unwrap().text("status"), "accepted");
    relay.drained();
    assert_eq!(files::events(&home.events()).len(), 1);
}
