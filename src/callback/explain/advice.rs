//! What to do about a request that is refused.

use super::super::verify::{Header, Headers};
use super::super::{RawCallback, Refusal};
use super::{Difference, Explanation, GIVEN, Near, Tried};

impl Near {
    /// What to do, for each difference.
    pub fn advice(&self) -> Vec<String> {
        self.differs.iter().map(|difference| self.step(*difference)).collect()
    }

    fn step(&self, difference: Difference) -> String {
        let Near { tried: Tried { url, .. }, account, .. } = self;
        match difference {
            Difference::Origin => format!(
                "Plivo signed {url}: set public_urls to the origin of that URL, for all routes or for this one"
            ),
            Difference::Path => format!(
                "Plivo signed {url}: something in front rewrites path or query; have it pass them on as sent, or register the URL as it arrives here"
            ),
            Difference::Account if account == GIVEN => String::from(
                "it was signed with a token that you gave and that no account has: add it to the account's tokens",
            ),
            Difference::Account => format!(
                "it was signed with a token of account {account}, which this path or route does not take: see `accounts` of the route, and the account in the path"
            ),
            Difference::Header => format!(
                "the token of account {account} stands in the wrong list: `tokens` sign the plain headers, `main_tokens` the -Ma- ones"
            ),
            Difference::Method => format!(
                "{} was signed: something between Plivo and here changes the method, often a redirect",
                self.method.as_str()
            ),
        }
    }
}

/// What to look at when nothing matches.
pub(super) fn likely_causes(refusal: Refusal, headers_main_only: bool) -> Vec<&'static str> {
    match refusal {
        Refusal::Mismatch if headers_main_only => vec![
            "only -Ma- headers came: list the main account's token in `main_tokens`",
            "the token was rotated in the Plivo console: give the new one with --token-file",
        ],
        Refusal::Mismatch => vec![
            "the token: rotated in the Plivo console, or that of a sub-account; try it with --token-file",
            "the URL: give it as it was registered with Plivo, with --registered-url",
            "neither: it may be a forgery",
        ],
        Refusal::MissingSignature => vec!["a proxy that drops headers it does not know"],
        Refusal::MalformedSignature => vec!["a header that was cut or encoded anew on the way"],
        Refusal::MissingNonce | Refusal::BadNonce => {
            vec!["a proxy that drops or joins headers; Plivo's nonce is digits, sent once"]
        }
        Refusal::V3Required => {
            vec!["the route's `require = \"v3\"`: Plivo may send V2 only for these callbacks"]
        }
        Refusal::UnknownAccount => vec!["the account in the path, or `accounts` of the route"],
    }
}

impl Header<'_> {
    fn is_main_only(&self) -> bool {
        self.own.is_empty() && !self.main.is_empty()
    }
}

impl Explanation {
    /// What to look at when the request is refused: what certainly helps, or else what is likely.
    pub fn advice(&self, raw: &RawCallback) -> Vec<String> {
        let Err(refusal) = self.verdict else { return Vec::new() };
        let certain: Vec<String> = self.near.iter().flat_map(Near::advice).collect();
        if !certain.is_empty() {
            let mut seen = std::collections::HashSet::new();
            return certain.into_iter().filter(|step| seen.insert(step.clone())).collect();
        }
        let headers = Headers::read(&raw.signatures).ok();
        let main_only = headers.is_some_and(|headers| {
            let mut both = [headers.v2.as_ref(), headers.v3.as_ref()].into_iter().flatten().peekable();
            both.peek().is_some() && both.all(Header::is_main_only)
        });
        likely_causes(refusal, main_only).into_iter().map(str::to_owned).collect()
    }
}
