//! What `verify` takes and refuses, request by request.

use bytes::Bytes;

use super::*;
use crate::signature::{Key, Params, v2, v3};

const ORIGIN: &str = "https://relay.example.com";

fn keyring() -> Keyring {
    Keyring::new([
        Account::new("acme", "MA1", ["acme-old", "acme-new"], []).unwrap(),
        Account::new("sub", "SA1", ["sub-token"], ["main-token"]).unwrap(),
    ])
    .unwrap()
}

fn policy() -> VerifyPolicy {
    VerifyPolicy { public_urls: vec![ORIGIN.to_owned()], ..VerifyPolicy::default() }
}

fn post(target: &str, content_type: &str, body: &'static str) -> RawCallback {
    RawCallback {
        request: Request {
            method: Method::Post,
            target: target.to_owned(),
            content_type: Some(content_type.to_owned()),
            content_encoding: None,
            body: Bytes::from_static(body.as_bytes()),
        },
        signatures: SignatureHeaders::default(),
        route_endpoint: None,
        account: None,
        tag: None,
        forwarded_origin: None,
    }
}

fn form(target: &str) -> RawCallback {
    post(target, "application/x-www-form-urlencoded; charset=utf-8", "brand_id=B1&status=created")
}

fn sign_v2(token: &str, url: &str, nonce: &str) -> String {
    Key::new(token).unwrap().sign(&v2::signed_string(url, nonce).unwrap())
}

fn sign_v3(token: &str, url: &str, pairs: &[(&'static str, &'static str)], nonce: &str) -> String {
    let params = Params::from_pairs(pairs.iter().copied());
    Key::new(token).unwrap().sign(&v3::signed_string("POST", url, &params, nonce).unwrap())
}

fn with_v2(mut raw: RawCallback, signature: String, nonce: &str) -> RawCallback {
    raw.signatures.v2.push(signature);
    raw.signatures.v2_nonce.push(nonce.to_owned());
    raw
}

fn with_v3(mut raw: RawCallback, signature: String, nonce: &str) -> RawCallback {
    raw.signatures.v3.push(signature);
    raw.signatures.v3_nonce.push(nonce.to_owned());
    raw
}

fn check(raw: RawCallback) -> Result<Verified, Refusal> {
    verify(raw, &policy(), &keyring())
}

#[test]
fn a_good_v2_proves_the_url_and_says_whose_token_and_which_slot() {
    let url = format!("{ORIGIN}/cb/");
    let good = check(with_v2(form("/cb/?a=1"), sign_v2("acme-new", &url, "12"), "12")).unwrap();
    let verdict = good.callback.verdict();
    assert_eq!((verdict.scheme, verdict.key), (VerificationScheme::V2, Some(KeyOwner::Account)));
    assert_eq!((verdict.account.as_str(), verdict.auth_id.as_str()), ("acme", "MA1"));
    assert_eq!((verdict.covers, good.slot, good.v3_mismatch), (Covers::Url, Some(1), false));
    assert_eq!(good.callback.signatures().len(), 1);
}

#[test]
fn main_account_headers_take_the_main_token_or_the_accounts_own_where_it_is_one() {
    let url = format!("{ORIGIN}/cb/");
    for (token, account) in [("main-token", "sub"), ("acme-old", "acme")] {
        let mut raw = form("/cb/");
        raw.signatures.ma_v2.push(sign_v2(token, &url, "12"));
        raw.signatures.v2_nonce.push("12".to_owned());
        let verdict = check(raw).unwrap().callback.verdict().clone();
        assert_eq!((verdict.account.as_str(), verdict.key), (account, Some(KeyOwner::Main)));
    }
    let wrong_header = with_v2(form("/cb/"), sign_v2("main-token", &url, "12"), "12");
    assert_eq!(check(wrong_header).unwrap_err(), Refusal::Mismatch);
}

#[test]
fn a_slash_or_a_default_port_is_no_reason_to_turn_plivo_away_but_another_host_is() {
    for (signed, target, taken) in [
        ("https://relay.example.com/cb", "/cb/", true),
        ("https://relay.example.com/cb/", "/cb", true),
        ("https://relay.example.com:443/cb/", "/cb/", true),
        ("https://relay.example.com/cb/", "/cb/?a=/", true),
        ("http://relay.example.com/cb/", "/cb/", false),
        ("https://relay.example.com:8443/cb/", "/cb/", false),
        ("https://evil.example.com/cb/", "/cb/", false),
        ("https://relay.example.com/cb/brand/", "/cb/", false),
        ("https://relay.example.com/c%62/", "/cb/", false),
    ] {
        let result = check(with_v2(form(target), sign_v2("acme-old", signed, "12"), "12"));
        assert_eq!(result.is_ok(), taken, "{signed} for {target}");
    }
}

#[test]
fn a_good_v3_proves_the_parameters_too() {
    let url = format!("{ORIGIN}/cb/");
    let pairs = [("brand_id", "B1"), ("status", "created")];
    let good = check(with_v3(form("/cb/"), sign_v3("acme-old", &url, &pairs, "12"), "12")).unwrap();
    let verdict = good.callback.verdict();
    assert_eq!((verdict.scheme, verdict.covers), (VerificationScheme::V3, Covers::UrlAndParams));
    let tampered = [("brand_id", "B2"), ("status", "created")];
    let bad = check(with_v3(form("/cb/"), sign_v3("acme-old", &url, &tampered, "12"), "12"));
    assert_eq!(bad.unwrap_err(), Refusal::Mismatch);
}

#[test]
fn what_v3_covers_of_a_json_body_is_graded_by_what_matched() {
    let json = || post("/cb/", "application/json", r#"{"brand_id":"B1"}"#);
    let url = format!("{ORIGIN}/cb/");
    for (pairs, covers) in [(&[("brand_id", "B1")][..], Covers::UrlAndParams), (&[], Covers::Url)] {
        let good = check(with_v3(json(), sign_v3("acme-old", &url, pairs, "12"), "12")).unwrap();
        assert_eq!(good.callback.verdict().covers, covers);
    }
}

#[test]
fn a_v3_that_does_not_match_beside_a_good_v2_is_counted_and_the_grade_is_url() {
    let url = format!("{ORIGIN}/cb/");
    let raw = with_v2(form("/cb/"), sign_v2("acme-old", &url, "12"), "12");
    let raw = with_v3(raw, sign_v3("other", &url, &[], "13"), "13");
    let good = check(raw.clone()).unwrap();
    assert_eq!((good.v3_mismatch, good.callback.verdict().covers), (true, Covers::Url));

    let strict = VerifyPolicy { require: Require::V3, ..policy() };
    assert_eq!(verify(raw, &strict, &keyring()).unwrap_err(), Refusal::V3Required);
}

#[test]
fn a_route_that_demands_v3_is_not_satisfied_by_leaving_it_out() {
    let strict = VerifyPolicy { require: Require::V3, ..policy() };
    let raw = with_v2(form("/cb/"), sign_v2("acme-old", &format!("{ORIGIN}/cb/"), "12"), "12");
    assert_eq!(verify(raw, &strict, &keyring()).unwrap_err(), Refusal::V3Required);
}

#[test]
fn both_schemes_have_their_entry_for_the_ledger() {
    let url = format!("{ORIGIN}/cb/");
    let raw = with_v2(form("/cb/"), sign_v2("acme-old", &url, "12"), "12");
    let pairs = [("brand_id", "B1"), ("status", "created")];
    let good = check(with_v3(raw, sign_v3("acme-old", &url, &pairs, "13"), "13")).unwrap();
    assert_eq!(good.callback.signatures().len(), 2);
}

#[test]
fn a_v3_signature_cannot_be_passed_off_as_v2() {
    // Over a URL with a query and no parameters, V3 signs `base?query.nonce`: V2's string for a nonce of `?query.nonce`.
    let v3 = sign_v3("acme-old", &format!("{ORIGIN}/cb/?a=1"), &[], "12");
    let forged = with_v2(form("/cb/"), v3, "?a=1.12");
    assert_eq!(check(forged).unwrap_err(), Refusal::BadNonce);
}

#[test]
fn every_refusal_has_its_own_reason() {
    let signature = || sign_v2("acme-old", &format!("{ORIGIN}/cb/"), "12");
    let refusal = |raw| check(raw).unwrap_err();
    assert_eq!(refusal(form("/cb/")), Refusal::MissingSignature);
    assert_eq!(refusal(with_v2(form("/cb/"), "x".to_owned(), "12")), Refusal::MalformedSignature);
    assert_eq!(refusal(with_v2(form("/cb/"), signature(), "")), Refusal::MissingNonce);
    assert_eq!(refusal(with_v2(form("/cb/"), signature(), "13")), Refusal::Mismatch);
    let repeated = with_v2(with_v2(form("/cb/"), signature(), "12"), signature(), "12");
    assert_eq!(refusal(repeated), Refusal::BadNonce);
    let mut no_nonce = form("/cb/");
    no_nonce.signatures.v2.push(signature());
    assert_eq!(refusal(no_nonce), Refusal::MissingNonce);
}

#[test]
fn a_path_pins_the_account_and_a_route_limits_them() {
    let pinned = |name: &str, token: &str| {
        let url = format!("{ORIGIN}/cb/");
        let mut raw = with_v2(form("/cb/"), sign_v2(token, &url, "12"), "12");
        raw.account = Some(name.to_owned());
        raw
    };
    assert!(check(pinned("acme", "acme-old")).is_ok());
    assert_eq!(check(pinned("sub", "acme-old")).unwrap_err(), Refusal::Mismatch);
    assert_eq!(check(pinned("nobody", "acme-old")).unwrap_err(), Refusal::UnknownAccount);

    let only_sub = VerifyPolicy { accounts: Some(vec!["sub".to_owned()]), ..policy() };
    assert_eq!(
        verify(pinned("acme", "acme-old"), &only_sub, &keyring()).unwrap_err(),
        Refusal::UnknownAccount
    );
    assert!(verify(pinned("sub", "sub-token"), &only_sub, &keyring()).is_ok());
}

#[test]
fn an_origin_from_a_trusted_proxy_is_one_more_candidate() {
    let mut raw = with_v2(form("/cb/"), sign_v2("acme-old", "https://other.example.com/cb/", "12"), "12");
    assert_eq!(check(raw.clone()).unwrap_err(), Refusal::Mismatch);
    raw.forwarded_origin = Some("https://other.example.com".to_owned());
    assert!(check(raw).is_ok());
}

#[test]
fn switched_off_takes_everything_and_proves_nothing() {
    let off = VerifyPolicy { off: true, ..policy() };
    let taken = verify(form("/cb/"), &off, &keyring()).unwrap();
    assert_eq!(taken.callback.verdict().covers, Covers::Nothing);
    assert!(taken.callback.signatures().is_empty());
}

#[test]
fn the_worst_case_counts_urls_readings_and_keys() {
    let keyring = keyring();
    assert_eq!(policy().worst_case_hmacs(&keyring, false, false), 4 * 3 * 4);
    assert_eq!(policy().worst_case_hmacs(&keyring, true, false), 4 * 3 * 2);
    assert_eq!(policy().worst_case_hmacs(&keyring, true, true), 2 * 4 * 3 * 2);
}
