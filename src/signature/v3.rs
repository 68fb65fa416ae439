//! V3: the URL, its query and the parameters, sorted, and the nonce after a dot.
//!
//! Plivo's "Validating requests" page describes it for form parameters; the exact form is that of the
//! Python and Node SDKs:
//!
//! ```text
//!   GET            base?k=v&k=v.nonce      query and parameters together, sorted
//!   POST           base?k=v&k=v.kvkv.nonce query sorted, then parameters sorted and run together
//!   POST, no query base?kvkv.nonce         the question mark stays
//!   nothing        base.nonce
//! ```
//!
//! The query is decoded as a form is (`+` is a blank, a broken escape stays as it is), values may be
//! empty, repeated names keep every value, and names and values sort by code point.

use std::borrow::Cow;

use super::params::{self, Pair};
use super::url::Url;
use super::{Params, Scheme, SignatureError, SignedString};

/// What V3 signs for a request with this method (`GET` or `POST`), this URL as registered with Plivo
/// plus the query as received, and these parameters.
///
/// `params` are those of a POST's body. A GET's stand in its URL: give [`Params::none`]. If a GET has
/// both, all count, as in the Node SDK; Python's lets the query hide a parameter of the same name, which
/// would then be covered by nothing.
///
/// # Errors
/// Every [`SignatureError`] but `BadParams`, which is [`Params::from_json`]'s.
pub fn signed_string(
    method: &str,
    url: &str,
    params: &Params<'_>,
    nonce: &str,
) -> Result<SignedString, SignatureError> {
    let Url { base, query } = Url::parse(url)?;
    if nonce.is_empty() {
        return Err(SignatureError::EmptyNonce);
    }
    let mut query: Vec<Pair<'_>> = form_urlencoded::parse(query.as_bytes()).collect();
    let mut text = String::with_capacity(url.len() + params.text_len() + nonce.len() + 3);
    text.push_str(base);
    match method {
        "GET" => {
            query.extend(params.pairs().iter().map(borrowed));
            push_query(&mut text, query);
        }
        "POST" => push_post(&mut text, query, params),
        _ => return Err(SignatureError::BadMethod),
    }
    text.push('.');
    text.push_str(nonce);
    Ok(SignedString::new(Scheme::V3, text))
}

fn push_post(text: &mut String, query: Vec<Pair<'_>>, params: &Params<'_>) {
    let before = text.len();
    push_query(text, query);
    let has_query = text.len() > before;
    if !params.is_empty() {
        text.push(if has_query { '.' } else { '?' });
    }
    for (name, value) in params.pairs() {
        text.push_str(name);
        text.push_str(value);
    }
}

fn push_query(text: &mut String, mut pairs: Vec<Pair<'_>>) {
    params::sort(&mut pairs);
    for (index, (name, value)) in pairs.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
}

fn borrowed<'a>((name, value): &'a Pair<'_>) -> Pair<'a> {
    (Cow::Borrowed(name), Cow::Borrowed(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(method: &str, url: &str, params: &Params<'_>) -> Result<String, SignatureError> {
        signed_string(method, url, params, "1").map(|signed| signed.as_str().to_owned())
    }

    #[test]
    fn a_get_signs_query_and_parameters_as_one_sorted_query() {
        let params = Params::from_pairs([("a", "b"), ("q", "0")]);
        let text = signed("GET", "https://h/cb/?q=1&A=2#f", &params);
        assert_eq!(text.as_deref(), Ok("https://h/cb/?A=2&a=b&q=0&q=1.1"));
        assert_eq!(signed("GET", "https://h?&", &Params::none()).as_deref(), Ok("https://h.1"));
    }

    #[test]
    fn a_post_runs_its_parameters_together_behind_the_query() {
        let params = Params::from_pairs([("b", "2"), ("a", "y"), ("a", "x")]);
        for (url, expected) in [
            ("https://h/cb?q=%2B+%zz", "https://h/cb?q=+ %zz.axayb2.1"),
            ("https://h/cb", "https://h/cb?axayb2.1"),
            ("https://h/cb?&", "https://h/cb?axayb2.1"),
        ] {
            assert_eq!(signed("POST", url, &params).as_deref(), Ok(expected));
        }
        assert_eq!(signed("POST", "https://h/cb", &Params::none()).as_deref(), Ok("https://h/cb.1"));
    }

    #[test]
    fn only_the_two_methods_plivo_sends_are_known() {
        for method in ["PUT", "get", ""] {
            assert_eq!(signed(method, "https://h", &Params::none()), Err(SignatureError::BadMethod));
        }
    }
}
