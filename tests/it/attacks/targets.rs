//! What is fuzzed, and what must hold for any bytes. The fuzz targets under `fuzz/` and the replay of their seeds and
//! crashes (`attacks::seeds`) run these same bodies.
//!
//! An input is text in parts that a line feed parts, where a target needs several.

use bytes::Bytes;
use rusqlite::types::Value as Column;
use serde_json::Value;
use tendlc_relay::callback::params::{self, Body, MAX_DEPTH};
use tendlc_relay::callback::{
    Account, Covers, Keyring, Method, RawCallback, Refusal, Request, SignatureHeaders, Verdict,
    VerificationScheme, VerifyPolicy, verify,
};
use tendlc_relay::event::{Endpoint, EventId, Stamp, Timestamp};
use tendlc_relay::normalize::{self, NormalizeConfig, Normalizer};
use tendlc_relay::signature::{Key, MAX_SIGNATURES, Params, SignatureList, v2, v3};
use tendlc_relay::spool::stored;

/// A function that no bytes may make panic.
pub type Target = fn(&[u8]);

/// Every target by the name of its seeds' directory.
pub const TARGETS: [(&str, Target); 5] = [
    ("signature_header", signature_header),
    ("v3_canonical", v3_canonical),
    ("params", parameters),
    ("normalize", normalize),
    ("spool_record", spool_record),
];

/// The most parameters that the relay looks into by default.
const LIMIT: usize = 256;

/// Signature and nonce headers: whatever they say, nothing passes without the token, and a list is the same list
/// however it is cut into headers.
pub fn signature_header(data: &[u8]) {
    let text = latin1(data);
    let values: Vec<&str> = text.split('\n').collect();
    let list = SignatureList::parse(values.iter().copied());
    assert!(list.len() <= MAX_SIGNATURES);
    assert_eq!(list, SignatureList::parse([values.join(",").as_str()]));

    let key = Key::new("t0ken-of-the-fuzzer").expect("a token");
    let signed = v2::signed_string("https://relay.example.com/cb/", "1").expect("a string to sign");
    assert!(!key.matches(&signed, &list), "a guessed signature");
    let genuine = key.sign(&signed);
    let first = std::iter::once(genuine.as_str()).chain(values.iter().copied());
    assert!(key.matches(&signed, &SignatureList::parse(first)), "junk behind it hides a good one");

    let part = |number: usize| match values.get(number) {
        Some(value) => value.split('|').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let signatures = SignatureHeaders {
        v2: part(0),
        ma_v2: part(1),
        v2_nonce: part(2),
        v3: part(3),
        ma_v3: part(4),
        v3_nonce: part(5),
    };
    let raw = RawCallback { signatures, ..raw(request(Method::Post, "/cb/", None, b"a=b")) };
    let refused = verify(raw, &policy(false), &keyring()).map(|_| ()).expect_err("a forgery");
    assert!(Refusal::ALL.contains(&refused));
}

/// URL, nonce and parameters under V3: the same string as that of a second, plainer reading of Plivo's page; the order of
/// parameters does not matter; what signs it verifies it.
pub fn v3_canonical(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(4, '\n');
    let (method, url, nonce) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(url), Some(nonce)) = (method, url, nonce) else { return };
    let rest = parts.next().unwrap_or("");
    let pairs: Vec<(String, String)> = form_urlencoded::parse(rest.as_bytes()).into_owned().collect();
    let params = Params::from_pairs(pairs.clone());
    let signed = v3::signed_string(method, url, &params, nonce);

    let mut reversed = pairs.clone();
    reversed.reverse();
    assert_eq!(signed, v3::signed_string(method, url, &Params::from_pairs(reversed), nonce));
    if let Ok(document) = serde_json::from_str::<Value>(rest)
        && let Ok(params) = Params::from_json(&document)
    {
        let _ = v3::signed_string(method, url, &params, nonce);
    }
    let Ok(signed) = signed else { return };
    assert_eq!(signed.as_str(), plainly(method, url, &pairs, nonce));
    let key = Key::new("t0ken-of-the-fuzzer").expect("a token");
    let signature = key.sign(&signed);
    assert!(key.matches(&signed, &SignatureList::parse([signature.as_str()])));
    let other = v3::signed_string(method, url, &params, &format!("{nonce}0")).expect("another nonce");
    assert!(other.digest() != signed.digest());
    assert!(!key.matches(&other, &SignatureList::parse([signature.as_str()])));
}

/// V3 as the page tells it, without a thought for speed.
fn plainly(method: &str, url: &str, pairs: &[(String, String)], nonce: &str) -> String {
    let url = url.split('#').next().unwrap_or("");
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut body = pairs.to_vec();
    if method == "GET" {
        query.append(&mut body);
    }
    query.sort();
    body.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut text = base.to_owned();
    if !query.is_empty() {
        text += &format!("?{}", query.join("&"));
    }
    if !body.is_empty() {
        text += if query.is_empty() { "?" } else { "." };
        text.extend(body.into_iter().flat_map(|(name, value)| [name, value]));
    }
    format!("{text}.{nonce}")
}

/// Forms and JSON documents: the quick reading of pairs is the standard's, the limits hold, and a document is read whole.
pub fn parameters(data: &[u8]) {
    let request = arbitrary_request(data);
    let standard: Vec<_> = form_urlencoded::parse(&request.body).collect();
    assert_eq!(params::decode_pairs(&request.body), standard);

    let all = params::parse(&request, usize::MAX);
    let few = params::parse(&request, LIMIT);
    assert_eq!(all.query, few.query);
    if all.count() <= LIMIT {
        assert_eq!(all.body, few.body);
    } else {
        assert!(matches!(few.body, Body::Opaque(_)));
    }
    if let Body::Json(document) = &all.body {
        assert!(levels(document) <= MAX_DEPTH);
        let written = serde_json::to_vec(document).expect("it can be written");
        assert_eq!(serde_json::from_slice::<Value>(&written).expect("and read"), *document);
    }
}

/// How many levels of lists and objects a document has.
fn levels(document: &Value) -> usize {
    match document {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

/// A request on its way to an event: total, bounded, the same each time, and an event that JSON can hold.
pub fn normalize(data: &[u8]) {
    let Some((&route, rest)) = data.split_first() else { return };
    let request = arbitrary_request(rest);
    let endpoint = Endpoint::ALL.get(usize::from(route % 8)).copied();
    let normalizer = Normalizer::new(&NormalizeConfig::default()).expect("the defaults");
    let raw = RawCallback { route_endpoint: endpoint, ..raw(request.clone()) };
    let verified = verify(raw, &policy(true), &keyring()).expect("verification is off");
    let normalized = normalizer.normalize(verified.callback);
    let facts = normalized.facts();
    assert_eq!(*facts, normalizer.facts(&request, endpoint, None), "another time, another meaning");
    assert_eq!(facts.endpoint.is_none(), facts.unrecognized.is_some());
    let words = [&facts.provider_status, &facts.brand_id, &facts.campaign_id, &facts.number];
    assert!(words.into_iter().flatten().all(|word| word.chars().count() <= LIMIT));
    assert!(facts.reason.as_ref().is_none_or(|reason| reason.chars().count() <= 2_048));

    let stamp = Stamp {
        sequence: 1,
        id: EventId::new(&[7; 32], 0),
        received_at: Timestamp::from_millis(0),
        occurrence: 0,
        previous_status: None,
        transition: None,
        revision: 0,
    };
    let verdict = Verdict {
        scheme: VerificationScheme::Off,
        key: None,
        account: "acme".to_owned(),
        auth_id: "MA1".to_owned(),
        covers: Covers::Nothing,
    };
    assert_is_an_event(&normalize::event(&request, &verdict, facts, &stamp));
    let kept = serde_json::to_string(facts).expect("facts can be stored");
    assert_eq!(serde_json::from_str::<normalize::Facts>(&kept).expect("and read back"), *facts);
}

/// Bytes of the spool: a row of records, a cursor, notes of the ledger, and the mark.
pub fn spool_record(data: &[u8]) {
    stored::cursor(data);
    stored::notes(data);
    stored::mark(data);
    let mut rest = data;
    let columns = std::array::from_fn(|_| column(&mut rest));
    // Its checksum may be anything: only those that match are used, but none may do harm.
    if let Some((record, _matches)) = stored::record(columns) {
        assert_is_an_event(&record.event());
    }
}

/// A column: its kind, and for texts and blobs how long it is.
pub fn column(rest: &mut &[u8]) -> Column {
    let Some((&kind, after)) = rest.split_first() else { return Column::Null };
    *rest = after;
    let length = match kind >> 2 {
        63 => rest.len(),
        length => usize::from(length).min(rest.len()),
    };
    let mut take = |length: usize| {
        let (bytes, after) = rest.split_at(length.min(rest.len()));
        *rest = after;
        bytes.to_vec()
    };
    match kind & 3 {
        0 => Column::Null,
        1 => Column::Integer(take(8).iter().fold(0, |number, byte| number << 8 | i64::from(*byte))),
        2 => Column::Text(String::from_utf8_lossy(&take(length)).into_owned()),
        _ => Column::Blob(take(length)),
    }
}

fn assert_is_an_event(event: &tendlc_relay::event::Event<'_>) {
    let text = serde_json::to_string(event).expect("it can be written");
    assert!(!text.contains('\n'), "an event is one line");
    let read: Value = serde_json::from_str(&text).expect("and read");
    assert!(read["id"].is_string() && read["partitionkey"].is_string());
}

/// Method and headers from the first byte, the target from the first line, the body from the rest.
fn arbitrary_request(data: &[u8]) -> Request {
    let (&kind, rest) = data.split_first().unwrap_or((&0, &[]));
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (target, body) = rest.split_at(end);
    let content_type = match kind >> 1 & 3 {
        0 => Some("application/x-www-form-urlencoded; charset=UTF-8"),
        1 => Some("application/json"),
        2 => Some("application/vnd.plivo+json"),
        _ => None,
    };
    let method = if kind & 1 == 0 { Method::Post } else { Method::Get };
    let target = format!("/cb/{}", String::from_utf8_lossy(target));
    request(method, &target, content_type, body.strip_prefix(b"\n").unwrap_or(body))
}

fn request(method: Method, target: &str, content_type: Option<&str>, body: &[u8]) -> Request {
    Request {
        method,
        target: target.to_owned(),
        content_type: content_type.map(str::to_owned),
        content_encoding: None,
        body: Bytes::copy_from_slice(body),
    }
}

fn raw(request: Request) -> RawCallback {
    RawCallback {
        request,
        signatures: SignatureHeaders::default(),
        route_endpoint: None,
        account: None,
        tag: None,
        forwarded_origin: None,
    }
}

fn policy(off: bool) -> VerifyPolicy {
    VerifyPolicy { public_urls: vec!["https://relay.example.com".to_owned()], off, ..VerifyPolicy::default() }
}

fn keyring() -> Keyring {
    let account = Account::new("acme", "MA1", ["t0ken-of-the-fuzzer"], ["t0ken-main"]).expect("an account");
    Keyring::new([account]).expect("a keyring")
}

/// As HTTP reads the bytes of a header.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
