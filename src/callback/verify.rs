//! The check: whether a configured auth token signed this request.
//!
//! Every (URL, key) pair costs one HMAC, whatever headers the request has: one tag is compared with the account's
//! signatures and the main account's alike. [`VerifyPolicy::worst_case_hmacs`] says how many that can become, so
//! that `check-config` can refuse a route on which a forger could buy more than [`MAX_HMACS`] with one request.

use serde::{Deserialize, Serialize};

use super::candidates::{CANDIDATES_PER_ORIGIN, candidate_urls};
use super::keyring::{Account, Keyring};
use super::params::{self, Body, Pair};
use super::{
    Covers, KeyOwner, Method, RawCallback, Refusal, Request, SignatureHeaders, Verdict, VerificationScheme,
};
use crate::event::Endpoint;
use crate::signature::{Params, SignatureList, SignedString, v2, v3};

/// The most HMACs that one callback may cost on any route.
pub const MAX_HMACS: usize = 64;

/// Readings of a request under the two schemes: V2; V3 with the body's parameters; V3 without them (what V3 covers
/// of a JSON body is not documented).
const READINGS: usize = 3;

/// The scheme that a route demands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// A good V2 suffices, and so does a good V3.
    #[default]
    V2,
    /// Nothing but a good V3 counts.
    V3,
}

/// What a route asks of a callback.
#[derive(Debug, Clone, Default)]
pub struct VerifyPolicy {
    /// The origins that Plivo knows this relay by, such as `https://relay.example.com`.
    pub public_urls: Vec<String>,
    /// The scheme demanded.
    pub require: Require,
    /// Verification is switched off.
    pub off: bool,
    /// The accounts in scope, by name; `None` for all.
    pub accounts: Option<Vec<String>>,
}

impl VerifyPolicy {
    /// The HMACs that the most expensive request can cost. `pinned`: the path names the account. `forwarded`: trusted
    /// proxies may bring one more origin.
    pub fn worst_case_hmacs(&self, keyring: &Keyring, pinned: bool, forwarded: bool) -> usize {
        let keys = self.in_scope(keyring).map(Account::key_count);
        let keys: usize = if pinned { keys.max().unwrap_or(0) } else { keys.sum() };
        let origins = self.public_urls.len() + usize::from(forwarded);
        origins * CANDIDATES_PER_ORIGIN * READINGS * keys
    }

    fn in_scope<'a>(&'a self, keyring: &'a Keyring) -> impl Iterator<Item = &'a Account> + Clone {
        keyring.iter().filter(|account| self.allows(account))
    }

    pub(super) fn allows(&self, account: &Account) -> bool {
        self.accounts.as_ref().is_none_or(|names| names.iter().any(|name| name == account.name()))
    }
}

/// A callback proven genuine (or taken unproven where verification is off, which its verdict says).
#[derive(Debug, Clone)]
pub struct VerifiedCallback {
    parts: VerifiedParts,
}

/// The parts of a verified callback, for the stage that consumes it.
#[derive(Debug, Clone)]
pub struct VerifiedParts {
    /// The request as received.
    pub request: Request,
    /// What proved it.
    pub verdict: Verdict,
    /// The endpoint that the route is for.
    pub route_endpoint: Option<Endpoint>,
    /// The tenant's tag from the path.
    pub tag: Option<String>,
    /// A hash of every signed string for which the request has a valid signature.
    pub signatures: Vec<[u8; 32]>,
}

impl VerifiedCallback {
    /// The request as received.
    pub fn request(&self) -> &Request {
        &self.parts.request
    }

    /// What proved it.
    pub fn verdict(&self) -> &Verdict {
        &self.parts.verdict
    }

    /// The endpoint that the route is for.
    pub fn route_endpoint(&self) -> Option<Endpoint> {
        self.parts.route_endpoint
    }

    /// The tenant's tag from the path.
    pub fn tag(&self) -> Option<&str> {
        self.parts.tag.as_deref()
    }

    /// A hash of every signed string for which the request has a valid signature.
    pub fn signatures(&self) -> &[[u8; 32]] {
        &self.parts.signatures
    }

    /// Gives up the proof for its parts.
    pub fn into_parts(self) -> VerifiedParts {
        self.parts
    }

    /// A callback that nobody verified, for the tests of later stages.
    #[cfg(test)]
    pub fn for_tests(parts: VerifiedParts) -> Self {
        VerifiedCallback { parts }
    }
}

/// A good verification, with what only metrics want to know.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The callback.
    pub callback: VerifiedCallback,
    /// There was a V3 signature that did not match.
    pub v3_mismatch: bool,
    /// The position of the token in its list; `None` when verification is off.
    pub slot: Option<usize>,
}

/// Proves a callback genuine.
///
/// # Errors
/// A [`Refusal`] when no configured token made one of its signatures.
pub fn verify(raw: RawCallback, policy: &VerifyPolicy, keyring: &Keyring) -> Result<Verified, Refusal> {
    if policy.off {
        return Ok(unproven(raw, keyring));
    }
    let accounts = scope(&raw, policy, keyring)?;
    let headers = Headers::read(&raw.signatures)?;
    let origins = raw.forwarded_origin.iter().chain(&policy.public_urls).map(String::as_str);
    // Made one by one: the first is almost always the one that was signed.
    let urls = || candidate_urls(origins.clone(), &raw.request.target);
    let proofs = Proofs {
        v2: headers.v2.as_ref().and_then(|header| prove_v2(header, urls(), &accounts)),
        v3: headers.v3.as_ref().and_then(|header| prove_v3(header, &raw.request, urls, &accounts)),
    };
    let v3_sent = headers.v3.is_some();
    proofs.judge(raw, policy.require, v3_sent)
}

/// The accounts whose tokens are tried: the one that the path names, or all of the route's.
fn scope<'a>(
    raw: &RawCallback,
    policy: &VerifyPolicy,
    keyring: &'a Keyring,
) -> Result<Vec<&'a Account>, Refusal> {
    let Some(name) = &raw.account else {
        return Ok(keyring.iter().filter(|account| policy.allows(account)).collect());
    };
    let account = keyring.get(name).filter(|account| policy.allows(account));
    account.map(|account| vec![account]).ok_or(Refusal::UnknownAccount)
}

fn unproven(raw: RawCallback, keyring: &Keyring) -> Verified {
    let only = || keyring.iter().next().filter(|_| keyring.len() == 1);
    let account = raw.account.as_deref().and_then(|name| keyring.get(name)).or_else(only);
    let verdict = Verdict {
        scheme: VerificationScheme::Off,
        key: None,
        account: account.map_or("unverified", Account::name).to_owned(),
        auth_id: account.map_or("unverified", Account::auth_id).to_owned(),
        covers: Covers::Nothing,
    };
    Verified { callback: verified(raw, verdict, Vec::new()), v3_mismatch: false, slot: None }
}

fn verified(raw: RawCallback, verdict: Verdict, signatures: Vec<[u8; 32]>) -> VerifiedCallback {
    let RawCallback { request, route_endpoint, tag, .. } = raw;
    VerifiedCallback { parts: VerifiedParts { request, verdict, route_endpoint, tag, signatures } }
}

/// The signature headers of one request that can be checked.
pub(super) struct Headers<'a> {
    pub(super) v2: Option<Header<'a>>,
    pub(super) v3: Option<Header<'a>>,
}

/// One scheme's nonce and signatures: the account's own and the main account's.
pub(super) struct Header<'a> {
    pub(super) nonce: &'a str,
    pub(super) own: SignatureList,
    pub(super) main: SignatureList,
}

impl<'a> Headers<'a> {
    /// A scheme that cannot be checked is passed over while the other can; when neither can, its reason is the answer.
    pub(super) fn read(headers: &'a SignatureHeaders) -> Result<Self, Refusal> {
        let v2 = Header::read(&headers.v2, &headers.ma_v2, &headers.v2_nonce).and_then(|header| {
            if v2::is_plain_nonce(header.nonce) { Ok(header) } else { Err(Refusal::BadNonce) }
        });
        let v3 = Header::read(&headers.v3, &headers.ma_v3, &headers.v3_nonce);
        match (v2, v3) {
            (Err(Refusal::MissingSignature), Err(refusal)) | (Err(refusal), Err(_)) => Err(refusal),
            (v2, v3) => Ok(Headers { v2: v2.ok(), v3: v3.ok() }),
        }
    }
}

impl<'a> Header<'a> {
    fn read(own: &[String], main: &[String], nonces: &'a [String]) -> Result<Self, Refusal> {
        if own.is_empty() && main.is_empty() {
            return Err(Refusal::MissingSignature);
        }
        let list = |values: &[String]| SignatureList::parse(values.iter().map(String::as_str));
        let (own, main) = (list(own), list(main));
        if own.is_empty() && main.is_empty() {
            return Err(Refusal::MalformedSignature);
        }
        match nonces {
            [] => Err(Refusal::MissingNonce),
            [nonce] if nonce.is_empty() => Err(Refusal::MissingNonce),
            [nonce] => Ok(Header { nonce, own, main }),
            _ => Err(Refusal::BadNonce),
        }
    }
}

/// What proved one scheme.
struct Proof<'a> {
    account: &'a Account,
    owner: KeyOwner,
    slot: usize,
    digest: [u8; 32],
    covers: Covers,
}

fn prove_v2<'a>(
    header: &Header<'_>,
    mut urls: impl Iterator<Item = String>,
    accounts: &[&'a Account],
) -> Option<Proof<'a>> {
    urls.find_map(|url| {
        let signed = v2::signed_string(&url, header.nonce).ok()?;
        prove(header, &signed, accounts, Covers::Url)
    })
}

fn prove_v3<'a, Urls: Iterator<Item = String>>(
    header: &Header<'_>,
    request: &Request,
    urls: impl Fn() -> Urls,
    accounts: &[&'a Account],
) -> Option<Proof<'a>> {
    let body = params::parse(request, usize::MAX).body;
    readings(request, &body).into_iter().find_map(|(params, covers)| {
        urls().find_map(|url| {
            let signed = v3::signed_string(request.method.as_str(), &url, &params, header.nonce).ok()?;
            prove(header, &signed, accounts, covers)
        })
    })
}

/// The parameters that V3 may have signed, and what a match then proves.
pub(super) fn readings<'a>(request: &Request, body: &'a Body<'_>) -> Vec<(Params<'a>, Covers)> {
    let without_body = Params::none();
    let pairs =
        |form: &'a [Pair<'_>]| Params::from_pairs(form.iter().map(|(name, value)| (&**name, &**value)));
    match body {
        Body::Empty => vec![(without_body, Covers::UrlAndParams)],
        // A GET's parameters are its query; a body beside it is covered only where the signature says so.
        Body::Form(form) if request.method == Method::Post => vec![(pairs(form), Covers::UrlAndParams)],
        Body::Form(form) => vec![(pairs(form), Covers::UrlAndParams), (without_body, Covers::Url)],
        Body::Json(document) => match Params::from_json(document) {
            Ok(params) => vec![(params, Covers::UrlAndParams), (without_body, Covers::Url)],
            Err(_) => vec![(without_body, Covers::Url)],
        },
        Body::Opaque(_) => vec![(without_body, Covers::Url)],
    }
}

/// One HMAC for each key: its tag is compared with every list that the key may have signed.
fn prove<'a>(
    header: &Header<'_>,
    signed: &SignedString,
    accounts: &[&'a Account],
    covers: Covers,
) -> Option<Proof<'a>> {
    let nothing = SignatureList::default();
    accounts.iter().find_map(|account| {
        let signs_both = account.main_tokens().is_empty();
        let own = account.tokens().iter().enumerate().find_map(|(slot, key)| {
            let lists = [&header.own, if signs_both { &header.main } else { &nothing }];
            let list = key.first_match(signed, lists)?;
            Some((if list == 0 { KeyOwner::Account } else { KeyOwner::Main }, slot))
        });
        let main = || {
            let mut slots = account.main_tokens().iter().enumerate();
            slots.find(|(_, key)| key.matches(signed, &header.main)).map(|(slot, _)| (KeyOwner::Main, slot))
        };
        let (owner, slot) = own.or_else(main)?;
        Some(Proof { account, owner, slot, digest: signed.digest(), covers })
    })
}

/// The proofs that a request brought, at most one a scheme.
struct Proofs<'a> {
    v2: Option<Proof<'a>>,
    v3: Option<Proof<'a>>,
}

impl Proofs<'_> {
    fn judge(self, raw: RawCallback, require: Require, v3_sent: bool) -> Result<Verified, Refusal> {
        let v3_mismatch = v3_sent && self.v3.is_none();
        let (scheme, proof) = match (&self.v3, &self.v2) {
            (Some(proof), _) => (VerificationScheme::V3, proof),
            (None, Some(_)) if require == Require::V3 => return Err(Refusal::V3Required),
            (None, Some(proof)) => (VerificationScheme::V2, proof),
            (None, None) => return Err(Refusal::Mismatch),
        };
        let verdict = Verdict {
            scheme,
            key: Some(proof.owner),
            account: proof.account.name().to_owned(),
            auth_id: proof.account.auth_id().to_owned(),
            covers: proof.covers,
        };
        let slot = Some(proof.slot);
        let mut signatures: Vec<[u8; 32]> =
            [&self.v2, &self.v3].into_iter().flatten().map(|proof| proof.digest).collect();
        signatures.dedup();
        Ok(Verified { callback: verified(raw, verdict, signatures), v3_mismatch, slot })
    }
}
