//! The configuration of the callback listener.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::forwarded::TrustedProxies;
use super::limits::LimitsConfig;
use super::pattern::Pattern;
use crate::callback::{Keyring, MAX_HMACS, Require, VerifyPolicy};
use crate::event::Endpoint;
use crate::units::Span;

/// Table `ingress`: where callbacks come in, and what is asked of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngressConfig {
    /// The address that callbacks come to.
    pub listen: SocketAddr,
    /// The origins that Plivo knows this relay by, such as `https://relay.example.com`: scheme, host and port exactly
    /// as in the callback URL given to Plivo. Old ones stay in the list for as long as Plivo still calls them.
    pub public_urls: Vec<String>,
    /// `off` takes every request for genuine. For a test bench only.
    pub verification: Verification,
    /// Peers, as addresses or networks, whose `X-Forwarded-Proto` and `X-Forwarded-Host` count.
    pub trusted_proxies: Vec<String>,
    /// How long requests are still taken after the drain has begun, so that load balancers can notice.
    pub drain_delay: Span,
    /// The limits.
    pub limits: LimitsConfig,
    /// The routes by name. Naming any replaces the default ones.
    pub routes: BTreeMap<String, RouteConfig>,
}

/// Whether signatures are checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verification {
    /// Every callback has to be signed.
    #[default]
    On,
    /// Nothing is checked.
    Off,
}

/// Table `ingress.routes.NAME`: one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// The path, taken with and without a slash at its end. `{account}` stands for an account's name, whose tokens
    /// alone then count, and `{tag}` for a tenant's tag, which becomes `data.tag`.
    pub path: String,
    /// The endpoint that the route is for; without one it is detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Instead of `ingress.public_urls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_urls: Option<Vec<String>>,
    /// The scheme demanded: `v2` (a good V3 suffices as well) or `v3`.
    #[serde(default)]
    pub require: Require,
    /// The accounts, by name, whose tokens count; without the key, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<String>>,
}

impl RouteConfig {
    fn at(path: &str, endpoint: Option<Endpoint>) -> Self {
        RouteConfig {
            path: path.to_owned(),
            endpoint,
            public_urls: None,
            require: Require::default(),
            accounts: None,
        }
    }
}

impl Default for IngressConfig {
    fn default() -> Self {
        let mut routes = BTreeMap::from([
            ("any".to_owned(), RouteConfig::at("/tendlc_status/", None)),
            ("tenant".to_owned(), RouteConfig::at("/tendlc_status/{account}/{tag}/", None)),
        ]);
        for endpoint in Endpoint::ALL {
            let path = format!("/tendlc_status/{endpoint}/");
            routes.insert(endpoint.to_string(), RouteConfig::at(&path, Some(endpoint)));
        }
        IngressConfig {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            public_urls: Vec::new(),
            verification: Verification::On,
            trusted_proxies: Vec::new(),
            drain_delay: Span::from_secs(5),
            limits: LimitsConfig::default(),
            routes,
        }
    }
}

impl IngressConfig {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// The key below `ingress`, its value, and what is accepted.
    pub fn validate(&self) -> Result<(), String> {
        self.limits.validate()?;
        if self.drain_delay > Span::from_secs(600) {
            return Err(format!("drain_delay: {} is out of range, accepted is 0s to 10m", self.drain_delay));
        }
        check_origins("public_urls", &self.public_urls)?;
        TrustedProxies::parse(&self.trusted_proxies)?;
        self.check_routes()
    }

    /// Refuses routes on which one callback could cost more HMACs than a forger should be able to buy.
    ///
    /// # Errors
    /// The route, its cost, and how to lower it.
    pub fn check_cost(&self, keyring: &Keyring) -> Result<(), String> {
        if self.verification == Verification::Off {
            return Ok(());
        }
        for (name, route) in &self.routes {
            let pinned = Pattern::parse(&route.path)?.has_account();
            let forwarded = !self.trusted_proxies.is_empty();
            let cost = self.policy(route).worst_case_hmacs(keyring, pinned, forwarded);
            if cost > MAX_HMACS {
                return Err(format!(
                    "routes.{name}: one callback could cost {cost} HMACs, at most {MAX_HMACS} are accepted; name fewer \
                     accounts or public_urls for this route, or use a path with {{account}}"
                ));
            }
        }
        Ok(())
    }

    /// What a route asks of a callback.
    pub(crate) fn policy(&self, route: &RouteConfig) -> VerifyPolicy {
        VerifyPolicy {
            public_urls: self.origins(route).iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            require: route.require,
            off: self.verification == Verification::Off,
            accounts: route.accounts.clone(),
        }
    }

    fn origins<'a>(&'a self, route: &'a RouteConfig) -> &'a [String] {
        route.public_urls.as_deref().unwrap_or(&self.public_urls)
    }

    fn check_routes(&self) -> Result<(), String> {
        if self.routes.is_empty() {
            return Err("routes: there is none; without the table, the default ones apply".to_owned());
        }
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for (name, route) in &self.routes {
            let problem = |text: String| format!("routes.{name}.{text}");
            let pattern = Pattern::parse(&route.path).map_err(|text| problem(format!("path: {text}")))?;
            if let Some(other) = taken.insert(pattern.key().to_owned(), name) {
                return Err(problem(format!("path: {:?} is the same path as routes.{other}", route.path)));
            }
            check_origins("public_urls", self.origins(route)).map_err(problem)?;
            if route.accounts.as_ref().is_some_and(Vec::is_empty) {
                return Err(problem(
                    "accounts: the list is empty; leave the key out for all accounts".to_owned(),
                ));
            }
            self.check_reachable(route).map_err(problem)?;
        }
        Ok(())
    }

    /// Without any origin nothing can be verified, and each callback would be lost seven minutes later.
    fn check_reachable(&self, route: &RouteConfig) -> Result<(), String> {
        let checks = self.verification == Verification::On;
        if checks && self.origins(route).is_empty() && self.trusted_proxies.is_empty() {
            return Err(
                "public_urls: empty; set ingress.public_urls to the scheme, host and port of the callback \
                        URL that Plivo is given, such as [\"https://relay.example.com\"]"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

fn check_origins(key: &str, urls: &[String]) -> Result<(), String> {
    match urls.iter().find(|url| !is_origin(url)) {
        Some(url) => Err(format!(
            "{key}: {url:?} is not an origin; accepted are scheme, host and port without a path, such as \
             \"https://relay.example.com\" or \"http://localhost:8080\""
        )),
        None => Ok(()),
    }
}

fn is_origin(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    is_http(scheme) && super::forwarded::is_authority(authority)
}

/// Plivo calls nothing else. The case of the scheme counts in what is signed, and is kept.
pub(super) fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Account;

    fn with_url(url: &str) -> IngressConfig {
        IngressConfig { public_urls: vec![url.to_owned()], ..IngressConfig::default() }
    }

    #[test]
    fn the_defaults_need_only_a_public_url() {
        assert!(IngressConfig::default().validate().unwrap_err().contains("ingress.public_urls"));
        assert_eq!(with_url("https://relay.example.com").validate(), Ok(()));
        assert_eq!(with_url("https://relay.example.com/").validate(), Ok(()));
        let off = IngressConfig { verification: Verification::Off, ..IngressConfig::default() };
        assert_eq!(off.validate(), Ok(()));
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for url in
            ["relay.example.com", "ftp://a", "https://", "https://a/path", "https://a?x", "https://a b"]
        {
            assert!(with_url(url).validate().unwrap_err().contains("not an origin"), "{url}");
        }
        for url in ["http://localhost:8080", "https://[::1]:8443", "HTTPS://Relay.Example.COM"] {
            assert_eq!(with_url(url).validate(), Ok(()), "{url}");
        }
    }

    #[test]
    fn two_routes_cannot_take_one_path() {
        let mut config = with_url("https://a");
        config.routes.insert("x".to_owned(), RouteConfig::at("/tendlc_status", None));
        let problem = config.validate().unwrap_err();
        assert!(problem.starts_with("routes.x.path") && problem.contains("routes.any"), "{problem}");
        config.routes.insert("x".to_owned(), RouteConfig::at("/tendlc_status/{tag}/{account}", None));
        assert!(config.validate().unwrap_err().contains("routes.tenant"));
    }

    #[test]
    fn a_route_on_which_forgery_is_dear_to_the_relay_is_refused() {
        let account =
            |n: usize| Account::new(&format!("a{n}"), &format!("MA{n}"), ["one", "two"], []).unwrap();
        let few = Keyring::new([account(0)]).unwrap();
        assert_eq!(with_url("https://a").check_cost(&few), Ok(()));
        let many = Keyring::new((0..40).map(account)).unwrap();
        let problem = with_url("https://a").check_cost(&many).unwrap_err();
        assert!(problem.contains("routes.any") && problem.contains("64"), "{problem}");

        let mut pinned = with_url("https://a");
        pinned.routes.retain(|name, _| name == "tenant");
        assert_eq!(pinned.check_cost(&many), Ok(()), "a pinned account costs its own tokens only");
    }

    #[test]
    fn unknown_keys_are_refused_and_a_named_route_replaces_the_defaults() {
        assert!(toml::from_str::<IngressConfig>("pubic_urls = []").is_err());
        assert!(toml::from_str::<IngressConfig>("[routes.a]\nendpoint = \"brand\"").is_err(), "no path");
        let text = "public_urls = [\"https://a\"]\n[routes.a]\npath = \"/cb/{tag}\"\nrequire = \"v3\"";
        let config: IngressConfig = toml::from_str(text).unwrap();
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(config.routes.len(), 1);
        assert_eq!(config.routes["a"].require, Require::V3);
    }
}
