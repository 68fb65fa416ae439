//! What makes two callbacks the same, and what does not. The vectors must hold for ever: a fingerprint that changes
//! between versions makes every retry in flight a second event.

use super::*;
use crate::callback::params;
use crate::normalize::fingerprint::fingerprint;
use crate::normalize::names::Ignored;

fn print_with(ignored: &[&str], request: &Request) -> [u8; 32] {
    let ignored: Vec<String> = ignored.iter().map(|name| (*name).to_owned()).collect();
    let params = params::parse(request, usize::MAX);
    fingerprint("MAXXXXXXXXXXXXXXXXXX", request, &params, &Ignored::new(&ignored))
}

fn print(request: &Request) -> [u8; 32] {
    print_with(&[], request)
}

fn hex(request: &Request) -> String {
    data_encoding::HEXLOWER.encode(&print(request))
}

#[test]
fn vectors() {
    let cases = [
        (
            form("status=registered&brand_id=B1&x=2&x=1"),
            "9896c316482cc8fb6e7258665be318d9563af503496e403ec1ed337d856edde5",
        ),
        (get("brand_id=B1&status=a%20b"), "006dfe033d787a9ee73492f686a6d1340ffaadcf7c79b493d16cf75970da1aef"),
        (
            json(r#"{"n":[1,-2,1.5,null,"ä"],"brand":{"ok":true,"id":"B1"}}"#),
            "33d455c2a8d61ac49e867bfebff30e85740444309f06a129347c8f2f064e83f3",
        ),
        (
            request(Method::Post, "/t?q", Some("text/plain"), "raw bytes"),
            "f7c88f7b100fc4b2edc5f256f65fb5ea8e8bd064c2cbc20cc415e3f53cd09f99",
        ),
    ];
    for (callback, expected) in cases {
        assert_eq!(hex(&callback), expected, "{callback:?}");
    }
}

#[test]
fn order_of_names_does_not_count_and_order_of_values_does() {
    assert_eq!(print(&form("a=1&b=2&a=3")), print(&form("b=2&a=1&a=3")));
    assert_ne!(print(&form("a=1&b=2&a=3")), print(&form("a=3&b=2&a=1")));
    assert_eq!(
        print(&json(r#"{"a":{"x":1,"y":2},"b":[]}"#)),
        print(&json(r#"{ "b":[], "a":{"y":2,"x":1}}"#))
    );
    assert_ne!(print(&json(r#"{"a":[1,2]}"#)), print(&json(r#"{"a":[2,1]}"#)));
}

#[test]
fn encodings_of_one_value_are_one() {
    assert_eq!(print(&form("a=%41+b")), print(&form("a=A%20b")));
    assert_eq!(print(&json(r#"{"a":"\u0041"}"#)), print(&json(r#"{"a":"A"}"#)));
}

#[test]
fn whatever_differs_counts() {
    let all = [
        form(""),
        form("a=1"),
        form("a=1&a=1"),
        form("a=1&b="),
        form("a1="),
        form("=a1"),
        form("b=1"),
        json("{}"),
        json("[]"),
        json("null"),
        json(r#"{"a":1}"#),
        json(r#"{"a":1.0}"#),
        json(r#"{"a":"1"}"#),
        json(r#"{"a":[1]}"#),
        json(r#"{"a":{"b":1}}"#),
        json(r#"{"a":{},"b":1}"#),
        json(r#"{"a":true}"#),
        json(r#"{"a":null}"#),
        json("{"),
        get("a=1"),
        get("a=1&b=2"),
        get("b=2&a=1"),
        get(""),
        request(Method::Post, "/tendlc_status", Some(FORM), "a=1"),
        request(Method::Post, "/tendlc_status/brand", Some(FORM), "a=1"),
        request(Method::Post, "/tendlc_status/", None, "a=1"),
    ];
    let prints: std::collections::HashSet<[u8; 32]> = all.iter().map(print).collect();
    assert_eq!(prints.len(), all.len());
    let params = params::parse(&all[0], usize::MAX);
    let other = fingerprint("MAYYYYYYYYYYYYYYYYYY", &all[0], &params, &Ignored::default());
    assert!(!prints.contains(&other), "the account counts");
}

#[test]
fn method_and_configuration_do_not_count() {
    let post = request(Method::Post, "/?brand_id=B1", None, "");
    let get = request(Method::Get, "/?brand_id=B1", None, "");
    assert_eq!(print(&post), print(&get));
    let narrow = NormalizeConfig { max_parameters: 1, ..NormalizeConfig::default() };
    let callback = form("brand_id=B1&status=created");
    let (wide, narrow) =
        (normalized(&NormalizeConfig::default(), callback.clone()), normalized(&narrow, callback));
    assert_ne!(wide.facts, narrow.facts);
    assert_eq!(wide.fingerprint, narrow.fingerprint);
}

#[test]
fn ignored_names_are_left_out_everywhere() {
    let same = |a: &Request, b: &Request| {
        print_with(&["sent_at", "meta.attempt"], a) == print_with(&["SentAt", "meta.attempt"], b)
    };
    assert!(same(&form("a=1&sent_at=1"), &form("SentAt=2&a=1")));
    assert!(same(&get("a=1&sent%5Fat=1&b=2"), &get("a=1&b=2&sent_at=2")));
    assert!(same(&json(r#"{"a":1,"sent_at":{"x":[1]}}"#), &json(r#"{"a":1}"#)));
    assert!(same(&json(r#"{"d":{"a":1,"sentAt":1}}"#), &json(r#"{"d":{"a":1,"sentAt":2}}"#)));
    assert!(same(&json(r#"{"meta":{"attempt":1}}"#), &json(r#"{"meta":{"attempt":2}}"#)));
    assert!(!same(&json(r#"{"attempt":1}"#), &json(r#"{"attempt":2}"#)));
    assert!(!same(&form("a=1"), &form("a=2")));
    assert_eq!(
        print_with(&["x"], &get("a=1&&b=%zz")),
        print(&get("a=1&&b=%zz")),
        "ignoring nothing changes nothing"
    );
}
