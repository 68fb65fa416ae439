//! The public URL: would Plivo sign it as it stands here, and can Plivo call it?
//!
//! What is signed is the URL as it was given to Plivo. Plivo's own SDKs do not agree on every form of it, so that nobody
//! can be sure of those; `tests/vectors` has what each of them says.

use std::net::IpAddr;

use crate::finding::Finding;
use crate::ingress::{IngressConfig, RouteConfig, Verification};

/// Every origin and path that a callback may come to.
pub(super) fn look(ingress: &IngressConfig) -> Vec<Finding> {
    let mut found = Vec::new();
    if ingress.verification == Verification::Off {
        found.push(Finding::error(
            "verification is off: every request is taken for Plivo's",
            "remove ingress.verification, and configure accounts and public_urls",
        ));
    }
    for origin in origins(ingress) {
        let disputed: Vec<Finding> = judge(origin);
        if disputed.is_empty() {
            found.push(Finding::ok(origin));
        }
        found.extend(disputed.into_iter().map(|finding| finding.about(origin)));
    }
    found.extend(ingress.routes.iter().filter_map(|(name, route)| escapes(name, route)));
    found.extend(ingress.trusted_proxies.iter().filter_map(|network| everybody(network)));
    found
}

fn origins(ingress: &IngressConfig) -> Vec<&str> {
    let of_routes = ingress.routes.values().filter_map(|route| route.public_urls.as_ref()).flatten();
    let mut origins: Vec<&str> = Vec::new();
    for origin in ingress.public_urls.iter().chain(of_routes) {
        let origin = origin.trim_end_matches('/');
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins
}

/// What is wrong with an origin, which is a scheme and a host with or without a port.
fn judge(origin: &str) -> Vec<Finding> {
    let Some((scheme, authority)) = origin.split_once("://") else { return Vec::new() };
    let (host, port) = parted(authority);
    [disputed_letters(scheme, host), disputed_port(scheme, port), open(scheme), unreachable(host)]
        .into_iter()
        .flatten()
        .collect()
}

fn parted(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn disputed_letters(scheme: &str, host: &str) -> Option<Finding> {
    let has_capitals = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    (has_capitals(scheme) || has_capitals(host)).then(|| {
        Finding::warning(
            "has capitals, and Plivo's SDKs do not agree whether they are signed as small letters",
            "give Plivo the URL in small letters, and write it so here",
        )
    })
}

fn disputed_port(scheme: &str, port: Option<&str>) -> Option<Finding> {
    let port = port?;
    let usual = if scheme.eq_ignore_ascii_case("http") { "80" } else { "443" };
    if port == usual {
        return Some(
            Finding::note(
                "names its scheme's own port, which some of Plivo's SDKs leave out; both are tried",
            )
            .with_next("leave the port out, in Plivo too"),
        );
    }
    Some(Finding::warning(
        "has a port, and Plivo's SDKs do not agree whether it is signed: it counts as written here",
        "use a URL without a port, or watch tendlc_verifications_total for refusals (`signature explain` says why)",
    ))
}

fn open(scheme: &str) -> Option<Finding> {
    scheme.eq_ignore_ascii_case("http").then(|| {
        Finding::warning(
            "is not encrypted: who sees one callback can send another body under its signature",
            "give Plivo an https URL",
        )
    })
}

/// Addresses and names that lead nowhere from outside.
fn unreachable(host: &str) -> Option<Finding> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_inside = match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => {
            let name = bare.trim_end_matches('.').to_ascii_lowercase();
            let last = name.rsplit('.').next().unwrap_or_default();
            !name.contains('.') || matches!(last, "localhost" | "local" | "internal" | "lan")
        }
    };
    is_inside.then(|| {
        Finding::warning(
            "Plivo cannot call this host from outside",
            "give Plivo a public host name, and write it here",
        )
    })
}

/// Percent-escapes in a path are decoded by some SDKs before they sign.
fn escapes(name: &str, route: &RouteConfig) -> Option<Finding> {
    route.path.contains('%').then(|| {
        Finding::warning(
            format!(
                "routes.{name}.path {:?} has percent-escapes, which Plivo's SDKs do not agree on",
                route.path
            ),
            "use letters, digits and dashes",
        )
    })
}

fn everybody(network: &str) -> Option<Finding> {
    network.ends_with("/0").then(|| {
        Finding::warning(
            format!("trusted_proxies has {network}: anybody may say which URL was called"),
            "name the addresses of the proxies",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    fn levels(origin: &str) -> Vec<Level> {
        judge(origin).iter().map(Finding::level).collect()
    }

    #[test]
    fn a_plain_https_origin_is_good_and_each_oddity_is_told() {
        assert!(levels("https://relay.example.com").is_empty());
        assert_eq!(levels("https://relay.example.com:443"), [Level::Note]);
        for odd in [
            "HTTPS://relay.example.com",
            "https://Relay.example.com",
            "https://relay.example.com:8443",
            "https://relay.example.com:80",
            "http://relay.example.com",
            "https://localhost",
            "https://relay",
            "https://10.1.2.3",
            "https://[::1]",
            "https://[fd00::1]",
            "https://relay.internal",
        ] {
            assert_eq!(levels(odd), [Level::Warning], "{odd}");
        }
        assert_eq!(levels("http://localhost:8080").len(), 3);
        assert!(levels("https://203.0.113.7").is_empty() && levels("https://[2001:db8::1]").is_empty());
    }

    /// Held against what the official SDKs say of real URLs.
    #[test]
    fn what_plivos_sdks_dispute_is_told_and_nothing_else() {
        let vectors: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../../tests/vectors/signature_v2.json")).unwrap();
        let (mut disputed, mut agreed) = (0, 0);
        for vector in vectors.iter().filter(|vector| vector["expected"] == true) {
            let url = vector["uri"].as_str().unwrap();
            let (scheme, rest) = url.split_once("://").unwrap();
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let path = path.split('?').next().unwrap_or_default();
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%/".contains(&b);
            let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
            if !path.bytes().all(is_plain) || !authority.bytes().all(is_host) {
                continue; // No route or origin of a configuration can be of this form.
            }
            let route =
                RouteConfig { path: format!("/{path}"), ..IngressConfig::default().routes["any"].clone() };
            let (_, port) = parted(authority);
            let told = disputed_letters(scheme, parted(authority).0).is_some()
                || disputed_port(scheme, port).is_some()
                || escapes("r", &route).is_some();
            let is_disputed = vector["agreed_by"].as_array().unwrap().len() < 7;
            assert_eq!(told, is_disputed, "{url}: {}", vector["agreed_by"]);
            disputed += usize::from(is_disputed);
            agreed += usize::from(!is_disputed);
        }
        assert!(disputed >= 10 && agreed >= 30, "{disputed} {agreed}");
    }

    #[test]
    fn routes_proxies_and_the_switch_are_looked_at() {
        let mut ingress = IngressConfig {
            public_urls: vec!["https://a.example.com/".to_owned()],
            ..IngressConfig::default()
        };
        assert_eq!(look(&ingress).iter().map(Finding::found).collect::<Vec<_>>(), ["https://a.example.com"]);
        ingress.routes.get_mut("any").unwrap().path = "/caf%C3%A9/".to_owned();
        ingress.routes.get_mut("brand").unwrap().public_urls = Some(vec!["http://b.example.com".to_owned()]);
        ingress.trusted_proxies = vec!["0.0.0.0/0".to_owned(), "10.0.0.0/8".to_owned()];
        ingress.verification = Verification::Off;
        let found = look(&ingress);
        let worse = found.iter().filter(|finding| finding.level() > Level::Note);
        assert_eq!(
            worse.map(Finding::level).collect::<Vec<_>>(),
            [Level::Error, Level::Warning, Level::Warning, Level::Warning]
        );
    }
}
