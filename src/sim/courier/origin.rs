//! Where a URL leads.

use std::fmt;

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether it is https.
    pub tls: bool,
    /// The host's name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Origin {
    /// Of an http or https URL.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn of(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("no URL: it begins with http:// or https://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            other => return Err(format!("{other}: callbacks go to http and https URLs")),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or("a bracket is missing after the address")?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() {
            return Err("no host".to_owned());
        }
        let port = match port.filter(|port| !port.is_empty()) {
            Some(port) => port.parse().map_err(|_| format!("{port}: no port"))?,
            None if tls => 443,
            None => 80,
        };
        Ok(Origin { tls, host: host.to_owned(), port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_leads_to() {
        for (url, origin) in [
            ("https://h/p?u=http://x", "https://h:443"),
            ("HTTP://u:p@H:8080?x", "http://H:8080"),
            ("http://[::1]:90/x", "http://::1:90"),
            ("https://[::1]", "https://::1:443"),
            ("http://h:#f", "http://h:80"),
        ] {
            assert_eq!(Origin::of(url).map(|origin| origin.to_string()).as_deref(), Ok(origin), "{url}");
        }
        for url in ["h/p", "ftp://h", "http://", "http://:80/", "http://h:x", "http://[::1", "http://h:70000"]
        {
            assert!(Origin::of(url).is_err(), "{url}");
        }
    }
}
