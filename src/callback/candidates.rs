//! The URLs that a request may have been signed for.

use std::borrow::Cow;

/// How many URLs are tried for each public origin: the path as sent and with its trailing slash toggled, each with
/// the origin as configured and with the scheme's default port added or removed.
pub const CANDIDATES_PER_ORIGIN: usize = 4;

/// The URLs, likeliest first. A genuine HMAC over any of them is genuine; the short list only spares operators a
/// mismatch over a slash or a port that a proxy or the Plivo console wrote another way.
///
/// `target` is path and query exactly as sent.
pub(super) fn candidate_urls<'a>(
    origins: impl Iterator<Item = &'a str> + Clone,
    target: &'a str,
) -> impl Iterator<Item = String> {
    (0..CANDIDATES_PER_ORIGIN).flat_map(move |variant| {
        origins.clone().filter_map(move |origin| candidate_url(origin, target, variant))
    })
}

fn candidate_url(origin: &str, target: &str, variant: usize) -> Option<String> {
    let origin = if variant >= 2 { Cow::Owned(toggle_default_port(origin)?) } else { Cow::Borrowed(origin) };
    let target = if variant % 2 == 1 { Cow::Owned(toggle_slash(target)) } else { Cow::Borrowed(target) };
    Some([origin, target].concat())
}

/// The path with its trailing slash removed, or added where there is none; the query stays.
fn toggle_slash(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut toggled = match path.strip_suffix('/') {
        Some(shorter) => shorter.to_owned(),
        None => format!("{path}/"),
    };
    if let Some(query) = query {
        toggled.push('?');
        toggled.push_str(query);
    }
    toggled
}

/// The origin with the default port of its scheme removed, or added where there is no port; `None` where it has
/// another port.
fn toggle_default_port(origin: &str) -> Option<String> {
    let (scheme, authority) = origin.split_once("://")?;
    let port = if scheme.eq_ignore_ascii_case("http") { ":80" } else { ":443" };
    if let Some(host) = authority.strip_suffix(port) {
        return Some(format!("{scheme}://{host}"));
    }
    let after_address = authority.rsplit(']').next().unwrap_or(authority);
    (!after_address.contains(':')).then(|| format!("{origin}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(origins: &[&str], target: &str) -> Vec<String> {
        candidate_urls(origins.iter().copied(), target).collect()
    }

    #[test]
    fn the_url_as_sent_comes_first_for_every_origin() {
        assert_eq!(
            urls(&["https://a", "http://b:80"], "/cb/?x=1"),
            [
                "https://a/cb/?x=1",
                "http://b:80/cb/?x=1",
                "https://a/cb?x=1",
                "http://b:80/cb?x=1",
                "https://a:443/cb/?x=1",
                "http://b/cb/?x=1",
                "https://a:443/cb?x=1",
                "http://b/cb?x=1",
            ]
        );
    }

    #[test]
    fn another_port_is_left_alone() {
        assert_eq!(urls(&["https://a:8443"], "/cb"), ["https://a:8443/cb", "https://a:8443/cb/"]);
        assert_eq!(urls(&["http://[::1]"], "/c").len(), 4);
        assert_eq!(urls(&["http://[::1]:8080"], "/c").len(), 2);
    }
}
