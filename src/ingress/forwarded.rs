//! What a proxy in front says about the URL that Plivo called. Believed only of peers named in the configuration.
//!
//! Each proxy appends its own word to the list in a header, so the last value is that of the trusted peer itself.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The longest host name, with a port.
const AUTHORITY_MAX: usize = 253 + 6;

/// The peers whose forwarded headers count.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads addresses and networks such as `10.0.0.7` and `10.0.0.0/8`.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        let network = |text: &String| {
            text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                format!(
                    "trusted_proxies: {text:?} is neither an address nor a network; accepted are such as \"10.0.0.7\" \
                     and \"10.0.0.0/8\""
                )
            })
        };
        texts.iter().map(network).collect::<Result<_, _>>().map(TrustedProxies)
    }

    /// Scheme and authority of the URL that was called, as far as a trusted peer tells both. A proxy that leaves
    /// `Host` alone need not send `X-Forwarded-Host`.
    pub(crate) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Option<String> {
        if !self.0.iter().any(|network| network.contains(&peer)) {
            return None;
        }
        let scheme = last_value(headers, &PROTO)?;
        let authority = last_value(headers, &FORWARDED_HOST).or_else(|| last_value(headers, &HOST))?;
        let valid = super::config::is_http(scheme) && is_authority(authority);
        valid.then(|| format!("{}://{authority}", scheme.to_ascii_lowercase()))
    }
}

/// Every origin that can be put together from what the headers say, whoever wrote them.
pub(super) fn spoken_of(headers: &HeaderMap) -> Vec<String> {
    let hosts = [FORWARDED_HOST, HOST].map(|name| all_values(headers, &name)).concat();
    let mut origins = Vec::new();
    for host in hosts.into_iter().filter(|host| is_authority(host)) {
        origins.extend(["https", "http"].map(|scheme| format!("{scheme}://{host}")));
    }
    origins
}

fn all_values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).collect()
}

/// Whether this is a host with or without a port, and nothing that would reach into another part of a URL.
pub(super) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good_host = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    good_host
        && text.len() <= AUTHORITY_MAX
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|n| n > 0))
}

fn last_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let value = line.rsplit(',').next()?.trim();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));

    fn proxies() -> TrustedProxies {
        TrustedProxies::parse(&["10.0.0.0/8".to_owned(), "fd00::1".to_owned()]).unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_trusted_peer_is_believed() {
        let told = headers(&[("x-forwarded-proto", "https"), ("x-forwarded-host", "relay.example.com")]);
        let origin = Some("https://relay.example.com".to_owned());
        assert_eq!(proxies().origin(PROXY, &told), origin);
        assert_eq!(proxies().origin("fd00::1".parse().unwrap(), &told), origin);
        assert_eq!(proxies().origin("11.1.2.3".parse().unwrap(), &told), None);
        assert_eq!(proxies().origin("fd00::2".parse().unwrap(), &told), None);
        assert_eq!(TrustedProxies::default().origin(PROXY, &told), None);
    }

    #[test]
    fn the_last_value_counts_and_host_stands_in_for_a_missing_one() {
        let listed = headers(&[
            ("x-forwarded-proto", "http, HTTPS"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-host", "evil.example, relay.example.com:8443"),
        ]);
        assert_eq!(proxies().origin(PROXY, &listed).unwrap(), "https://relay.example.com:8443");
        let host = headers(&[("x-forwarded-proto", "https"), ("host", "relay.example.com")]);
        assert_eq!(proxies().origin(PROXY, &host).unwrap(), "https://relay.example.com");
        assert_eq!(proxies().origin(PROXY, &headers(&[("host", "relay.example.com")])), None);
    }

    #[test]
    fn values_that_are_not_a_scheme_and_a_host_are_dropped() {
        for (scheme, host) in [
            ("ftp", "a"),
            ("https", "a/b"),
            ("https", "a@b"),
            ("https", ""),
            ("https", ":80"),
            ("", "a"),
            ("https", "a:b"),
            ("https", "a:80:80"),
            ("https", "[::g]"),
        ] {
            let told = headers(&[("x-forwarded-proto", scheme), ("x-forwarded-host", host)]);
            assert_eq!(proxies().origin(PROXY, &told), None, "{scheme} {host}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_key() {
        let problem = TrustedProxies::parse(&["10.0.0.0/40".to_owned()]).unwrap_err();
        assert!(problem.contains("trusted_proxies") && problem.contains("10.0.0.0/40"));
    }
}
