//! Why a captured request is taken for Plivo's, or is not: the check, what it tried, and what would have matched
//! had the configuration been another.
//!
//! Nothing here is on a callback's road. The search goes as far as an operator would: other origins, other readings
//! of the path, tokens of other accounts, the other method, the header of the other token. What matches is certain,
//! since every guess is an HMAC with a real token.

use serde::Serialize;

use super::candidates::candidate_urls;
use super::keyring::{Account, Keyring};
use super::params;
use super::verify::{Headers, readings};
use super::{Covers, KeyOwner, Method, RawCallback, Refusal, Verdict, VerifyPolicy, verify};
use crate::signature::{Scheme, SignedString, v2, v3};

mod advice;

/// The name of an account made of tokens that the operator gave.
pub const GIVEN: &str = "given";

/// Where else to look.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// More origins that Plivo may know the relay by.
    pub origins: Vec<String>,
    /// Whole URLs, as they may have been given to Plivo.
    pub urls: Vec<String>,
    /// More tokens, each list as an account of its own.
    pub accounts: Vec<Account>,
}

/// The whole answer.
#[derive(Debug)]
pub struct Explanation {
    /// What the relay does with the request.
    pub verdict: Result<Verdict, Refusal>,
    /// What the relay tries, likeliest first.
    pub tried: Vec<Tried>,
    /// What matches and is not tried. Empty when the request is taken.
    pub near: Vec<Near>,
}

/// One string that a token may have signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The scheme.
    pub scheme: Scheme,
    /// The URL.
    pub url: String,
    /// The string itself, nonce included.
    pub signed: String,
    /// What a match proves.
    pub covers: Covers,
}

/// A signature that is genuine, and is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Near {
    /// What was signed.
    #[serde(flatten)]
    pub tried: Tried,
    /// The method that was signed.
    pub method: Method,
    /// Whose token it was.
    pub account: String,
    /// Which of the account's lists the token is in.
    pub key: KeyOwner,
    /// Its place in that list, from 1.
    pub token: usize,
    /// What is otherwise than the relay expects.
    pub differs: Vec<Difference>,
}

/// What is otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Another scheme, host or port.
    Origin,
    /// Another path or query.
    Path,
    /// An account that the route does not take, or that is not configured.
    Account,
    /// A token that signs the other header: `-Ma-` for the main account's.
    Header,
    /// The other method.
    Method,
}

/// Explains what [`verify`] does with `raw`.
pub fn explain(
    raw: &RawCallback,
    policy: &VerifyPolicy,
    keyring: &Keyring,
    elsewhere: &Elsewhere,
) -> Explanation {
    let verdict = verify(raw.clone(), policy, keyring).map(|good| good.callback.verdict().clone());
    let Ok(headers) = Headers::read(&raw.signatures) else {
        return Explanation { verdict, tried: Vec::new(), near: Vec::new() };
    };
    let search = Search { raw, policy, keyring, elsewhere, headers };
    let tried = search.strings(&search.expected_urls(), raw.request.method);
    let tried = tried.into_iter().map(|(tried, _)| tried).collect();
    let near = if verdict.is_ok() { Vec::new() } else { search.near() };
    Explanation { verdict, tried, near }
}

struct Search<'a> {
    raw: &'a RawCallback,
    policy: &'a VerifyPolicy,
    keyring: &'a Keyring,
    elsewhere: &'a Elsewhere,
    headers: Headers<'a>,
}

impl Search<'_> {
    /// As [`verify`] tries them.
    fn expected_urls(&self) -> Vec<String> {
        let origins = self.raw.forwarded_origin.iter().chain(&self.policy.public_urls);
        candidate_urls(origins.map(String::as_str), &self.raw.request.target).collect()
    }

    /// Those, and every other that comes to mind.
    fn all_urls(&self) -> Vec<String> {
        let mut urls = self.expected_urls();
        let known = self.raw.forwarded_origin.iter().chain(&self.policy.public_urls);
        let origins: Vec<&str> = known.chain(&self.elsewhere.origins).map(String::as_str).collect();
        for target in targets(&self.raw.request.target) {
            urls.extend(candidate_urls(origins.iter().copied(), &target));
        }
        urls.extend(self.elsewhere.urls.iter().cloned());
        let mut seen = std::collections::HashSet::new();
        urls.retain(|url| seen.insert(url.clone()));
        urls
    }

    /// What may have been signed for one of these URLs.
    fn strings(&self, urls: &[String], method: Method) -> Vec<(Tried, SignedString)> {
        let mut strings = Vec::new();
        let mut push = |url: &str, signed: SignedString, covers| {
            let text = signed.as_str().to_owned();
            let tried = Tried { scheme: signed.scheme(), url: url.to_owned(), signed: text, covers };
            strings.push((tried, signed));
        };
        if let Some(header) = &self.headers.v2 {
            for url in urls {
                v2::signed_string(url, header.nonce).into_iter().for_each(|it| push(url, it, Covers::Url));
            }
        }
        if let Some(header) = &self.headers.v3 {
            let mut request = self.raw.request.clone();
            request.method = method;
            let body = params::parse(&request, usize::MAX).body;
            for (params, covers) in readings(&request, &body) {
                for url in urls {
                    let signed = v3::signed_string(method.as_str(), url, &params, header.nonce);
                    signed.into_iter().for_each(|it| push(url, it, covers));
                }
            }
        }
        strings
    }

    fn near(&self) -> Vec<Near> {
        let (expected, all) = (self.expected_urls(), self.all_urls());
        let sent = self.raw.request.method;
        let other = if sent == Method::Get { Method::Post } else { Method::Get };
        let mut near = Vec::new();
        for method in [sent, other] {
            for (tried, signed) in self.strings(&all, method) {
                let found = self.matching(&signed).map(|found| {
                    let same_method = tried.scheme == Scheme::V2 || method == sent;
                    let url = (!expected.contains(&tried.url)).then(|| self.differs_by(&tried.url));
                    let differs = [
                        url,
                        (!self.in_scope(found.account)).then_some(Difference::Account),
                        found.other_header.then_some(Difference::Header),
                        (!same_method).then_some(Difference::Method),
                    ];
                    Near {
                        tried: tried.clone(),
                        method,
                        account: found.account.name().to_owned(),
                        key: found.key,
                        token: found.slot + 1,
                        differs: differs.into_iter().flatten().collect(),
                    }
                });
                near.extend(
                    found.filter(|found| !near.iter().any(|known: &Near| known.tried == found.tried)),
                );
            }
        }
        near
    }

    fn in_scope(&self, account: &Account) -> bool {
        let named = self.raw.account.as_ref().is_none_or(|name| name == account.name());
        named && self.policy.allows(account) && self.keyring.get(account.name()).is_some()
    }

    fn differs_by(&self, url: &str) -> Difference {
        let mut origins = self.raw.forwarded_origin.iter().chain(&self.policy.public_urls);
        let same =
            |origin: &String| url.strip_prefix(origin.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if origins.any(same) { Difference::Path } else { Difference::Origin }
    }

    /// The token that made one of the request's signatures over this string, whatever header it stands in.
    fn matching(&self, signed: &SignedString) -> Option<Found<'_>> {
        let header = match signed.scheme() {
            Scheme::V2 => self.headers.v2.as_ref(),
            Scheme::V3 => self.headers.v3.as_ref(),
        }?;
        let mut accounts = self.keyring.iter().chain(&self.elsewhere.accounts);
        accounts.find_map(|account| {
            let own = account.tokens().iter().enumerate().map(|(slot, key)| (KeyOwner::Account, slot, key));
            let main =
                account.main_tokens().iter().enumerate().map(|(slot, key)| (KeyOwner::Main, slot, key));
            own.chain(main).find_map(|(owner, slot, key)| {
                let list = key.first_match(signed, [&header.own, &header.main])?;
                Some(Found { account, key: owner, slot, other_header: is_other_header(account, owner, list) })
            })
        })
    }
}

struct Found<'a> {
    account: &'a Account,
    key: KeyOwner,
    slot: usize,
    other_header: bool,
}

/// Whether the token does not count for this list: 0 is the plain header, 1 the `-Ma-` one, which a main account
/// signs with its own token.
fn is_other_header(account: &Account, key: KeyOwner, list: usize) -> bool {
    match key {
        KeyOwner::Account => list == 1 && !account.main_tokens().is_empty(),
        KeyOwner::Main => list == 0,
    }
}

/// The path as proxies may have rewritten it, back to what it may have been.
fn targets(target: &str) -> Vec<String> {
    let (path, query) = target.split_once('?').map_or((target, ""), |(path, query)| (path, query));
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut single = path.to_owned();
    while single.contains("//") {
        single = single.replace("//", "/");
    }
    let paths = [path.to_owned(), decoded, single];
    let with_query = |path: &String| if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
    paths.iter().map(with_query).chain(paths.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::advice::likely_causes;
    use super::*;
    use crate::callback::{Request, SignatureHeaders};
    use crate::signature::{Key, Params};

    const HERE: &str = "https://relay.example.com";

    fn keyring() -> Keyring {
        Keyring::new([
            Account::new("acme", "MA1", ["acme-token"], []).unwrap(),
            Account::new("sub", "SA1", ["sub-token"], ["main-token"]).unwrap(),
        ])
        .unwrap()
    }

    fn policy() -> VerifyPolicy {
        VerifyPolicy { public_urls: vec![HERE.to_owned()], ..VerifyPolicy::default() }
    }

    fn signed_v2(target: &str, token: &str, url: &str) -> RawCallback {
        let signature = Key::new(token).unwrap().sign(&v2::signed_string(url, "12").unwrap());
        let signatures = SignatureHeaders {
            v2: vec![signature],
            v2_nonce: vec!["12".to_owned()],
            ..SignatureHeaders::default()
        };
        raw(target, signatures)
    }

    fn raw(target: &str, signatures: SignatureHeaders) -> RawCallback {
        RawCallback {
            request: Request {
                method: Method::Post,
                target: target.to_owned(),
                content_type: Some("application/x-www-form-urlencoded".to_owned()),
                content_encoding: None,
                body: Bytes::from_static(b"a=1"),
            },
            signatures,
            route_endpoint: None,
            account: None,
            tag: None,
            forwarded_origin: None,
        }
    }

    fn differences(raw: &RawCallback, elsewhere: &Elsewhere) -> Vec<Vec<Difference>> {
        let explanation = explain(raw, &policy(), &keyring(), elsewhere);
        assert!(explanation.verdict.is_err());
        assert!(!explanation.advice(raw).is_empty());
        explanation.near.into_iter().map(|near| near.differs).collect()
    }

    #[test]
    fn what_is_taken_needs_no_advice_and_shows_what_was_tried() {
        let raw = signed_v2("/cb/", "acme-token", "https://relay.example.com/cb/");
        let explanation = explain(&raw, &policy(), &keyring(), &Elsewhere::default());
        assert_eq!(explanation.verdict.as_ref().unwrap().account, "acme");
        assert_eq!(explanation.tried[0].signed, "https://relay.example.com/cb/12");
        assert_eq!(explanation.tried.len(), 4);
        assert!(explanation.near.is_empty() && explanation.advice(&raw).is_empty());
    }

    #[test]
    fn another_origin_is_found_where_something_speaks_of_it() {
        let raw = signed_v2("/cb/", "acme-token", "http://other.example:8080/cb");
        assert!(differences(&raw, &Elsewhere::default()).is_empty());
        let spoken_of =
            Elsewhere { origins: vec!["http://other.example:8080".to_owned()], ..Elsewhere::default() };
        assert_eq!(differences(&raw, &spoken_of), [[Difference::Origin]]);
        let registered =
            Elsewhere { urls: vec!["http://other.example:8080/cb".to_owned()], ..Elsewhere::default() };
        assert_eq!(differences(&raw, &registered), [[Difference::Origin]]);
    }

    #[test]
    fn a_path_that_a_proxy_rewrote_is_found() {
        let raw = signed_v2("/cb//x%2Dy/", "acme-token", "https://relay.example.com/cb//x-y/");
        assert_eq!(differences(&raw, &Elsewhere::default()), [[Difference::Path]]);
        let raw = signed_v2("/cb//x/", "acme-token", "https://relay.example.com/cb/x");
        assert_eq!(differences(&raw, &Elsewhere::default()), [[Difference::Path]]);
    }

    #[test]
    fn a_token_of_another_account_or_from_a_file_is_named() {
        let mut raw = signed_v2("/cb/", "sub-token", "https://relay.example.com/cb/");
        raw.account = Some("acme".to_owned());
        assert_eq!(differences(&raw, &Elsewhere::default()), [[Difference::Account]]);
        let raw = signed_v2("/cb/", "fresh-token", "https://relay.example.com/cb/");
        assert!(differences(&raw, &Elsewhere::default()).is_empty());
        let given = vec![Account::new(GIVEN, "GIVEN", ["fresh-token"], []).unwrap()];
        let elsewhere = Elsewhere { accounts: given, ..Elsewhere::default() };
        assert_eq!(differences(&raw, &elsewhere), [[Difference::Account]]);
    }

    #[test]
    fn a_token_in_the_wrong_list_is_named() {
        let raw = signed_v2("/cb/", "main-token", "https://relay.example.com/cb/");
        assert_eq!(differences(&raw, &Elsewhere::default()), [[Difference::Header]]);
    }

    #[test]
    fn v3_over_the_other_method_is_found() {
        let signed =
            v3::signed_string("GET", "https://relay.example.com/cb/", &Params::none(), "12").unwrap();
        let signatures = SignatureHeaders {
            v3: vec![Key::new("acme-token").unwrap().sign(&signed)],
            v3_nonce: vec!["12".to_owned()],
            ..SignatureHeaders::default()
        };
        let found = differences(&raw("/cb/", signatures), &Elsewhere::default());
        assert_eq!(found, [[Difference::Method]]);
    }

    #[test]
    fn every_refusal_has_a_cause_to_look_at() {
        for refusal in Refusal::ALL {
            assert!(!likely_causes(refusal, false).is_empty() && !likely_causes(refusal, true).is_empty());
        }
        let unsigned = raw("/cb/", SignatureHeaders::default());
        let explanation = explain(&unsigned, &policy(), &keyring(), &Elsewhere::default());
        assert_eq!(explanation.verdict.as_ref().unwrap_err(), &Refusal::MissingSignature);
        assert!(explanation.tried.is_empty());
    }
}
