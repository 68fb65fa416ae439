//! The URL as the SDKs split it: by its delimiters, nothing decoded and nothing normalized.

use super::SignatureError;

/// A URL taken apart for signing. `base` is all before the query: scheme, host, port and path exactly
/// as registered, since a changed letter, port, escape or trailing slash is another signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) base: &'a str,
    /// What stands between the first `?` and the fragment; empty where there is no query.
    pub(super) query: &'a str,
}

impl<'a> Url<'a> {
    /// Splits off fragment and query. Refuses what Plivo could not have called: no http or https
    /// scheme, no host, or a control character (the Python SDK would silently drop some of them).
    ///
    /// Where the SDKs disagree (user information, `;` parameters on the last path segment, capitals in
    /// the scheme) the string stays as registered.
    pub(super) fn parse(url: &'a str) -> Result<Self, SignatureError> {
        if url.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(SignatureError::BadUrl);
        }
        let rest = after_scheme(url).ok_or(SignatureError::BadUrl)?;
        if host(rest).is_empty() {
            return Err(SignatureError::BadUrl);
        }
        let without_fragment = before(url, '#');
        let (base, query) = without_fragment.split_once('?').unwrap_or((without_fragment, ""));
        Ok(Self { base, query })
    }
}

fn after_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let known = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    known.then_some(rest)
}

/// The host without user information and port; an IPv6 address keeps only its opening, which is enough
/// to tell that there is one.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let after_user = authority.rsplit('@').next().unwrap_or_default();
    before(after_user, ':')
}

fn before(text: &str, delimiter: char) -> &str {
    text.split(delimiter).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(url: &str) -> Option<(&str, &str)> {
        Url::parse(url).ok().map(|url| (url.base, url.query))
    }

    #[test]
    fn query_and_fragment_are_split_off_and_the_rest_is_left_alone() {
        for (url, base, query) in [
            ("https://h", "https://h", ""),
            ("https://h?a=b?c", "https://h", "a=b?c"),
            ("https://h/p#f?a=b", "https://h/p", ""),
            ("https://h/p?a=b#f#g", "https://h/p", "a=b"),
            ("HTTP://H:80/%7e//x;v=1", "HTTP://H:80/%7e//x;v=1", ""),
            ("https://u:p@h/", "https://u:p@h/", ""),
            ("http://[::1]:80/x", "http://[::1]:80/x", ""),
        ] {
            assert_eq!(split(url), Some((base, query)), "{url}");
        }
    }

    #[test]
    fn what_plivo_cannot_call_is_refused() {
        for url in [
            "",
            "h/p",
            "//h/p",
            "https:/h",
            "https://",
            "https:///p",
            "https://?a=://b",
            "https://:80/p",
            "https://u@/p",
            "ftp://h/p",
            "wss://h/p",
            " https://h/p",
            "https://h/a\nb",
            "https://h/\u{7f}",
        ] {
            assert_eq!(Url::parse(url), Err(SignatureError::BadUrl), "{url}");
        }
    }
}
