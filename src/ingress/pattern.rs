//! The path of a route: matched as sent, never decoded or tidied, since the signature covers it as sent.

/// A longer path is refused: it would only eat the limit on headers.
const PATH_MAX: usize = 512;

/// The longest tag, so that an event stays small.
const TAG_MAX: usize = 128;

/// A path with places for an account's name and a tenant's tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The path without a slash at its end, its placeholders numbered: two patterns that match the same paths have
    /// the same key.
    key: String,
    account: Option<usize>,
    tag: Option<usize>,
}

/// What a path says about a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) account: Option<String>,
    pub(crate) tag: Option<String>,
}

impl Pattern {
    /// Reads the path of a route's configuration.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("{path:?} {why}"));
        if path.len() > PATH_MAX {
            return Err(format!("longer than {PATH_MAX} characters"));
        }
        let Some(inside) = path.strip_prefix('/') else {
            return refused("does not begin with a slash");
        };
        let mut pattern = Pattern { key: String::new(), account: None, tag: None };
        let inside = match inside.strip_suffix('/') {
            Some("") => return refused("has an empty segment"),
            Some(shorter) => shorter,
            None => inside,
        };
        for (index, segment) in inside.split('/').enumerate().filter(|_| !inside.is_empty()) {
            let place = match segment {
                "{account}" => &mut pattern.account,
                "{tag}" => &mut pattern.tag,
                _ if is_literal(segment) => {
                    pattern.key.push('/');
                    pattern.key.push_str(segment);
                    continue;
                }
                _ => {
                    return refused(
                        "has a segment that is none of letters, digits, '-', '.', '_', '~', '%', or {account} or {tag}",
                    );
                }
            };
            if place.replace(index).is_some() {
                return refused("has the same placeholder twice");
            }
            pattern.key.push_str(&format!("/{{p{index}}}"));
        }
        Ok(pattern)
    }

    /// Whether the path names the account.
    pub(crate) fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Equal for patterns that match the same paths.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The paths for axum's router: with and without a slash at the end.
    pub(crate) fn paths(&self) -> Vec<String> {
        let with_slash = format!("{}/", self.key);
        if self.key.is_empty() { vec![with_slash] } else { vec![self.key.clone(), with_slash] }
    }

    /// Reads the tenant from a path that the router has matched; `None` when its tag is not one, or nothing stands
    /// for the account.
    pub(crate) fn tenant(&self, path: &str) -> Option<Tenant> {
        let segment = |place: Option<usize>| place.and_then(|index| path.split('/').nth(index + 1));
        let tag = segment(self.tag);
        let account = segment(self.account);
        if tag.is_some_and(|tag| !is_tag(tag)) || account.is_some_and(str::is_empty) {
            return None;
        }
        Some(Tenant { account: account.map(str::to_owned), tag: tag.map(str::to_owned) })
    }
}

fn is_literal(segment: &str) -> bool {
    is_plain(segment, b"-._~%")
}

/// Tags are text for labels and look-ups: what is not written plainly in a URL is left out.
fn is_tag(segment: &str) -> bool {
    segment.len() <= TAG_MAX && is_plain(segment, b"-._~")
}

fn is_plain(segment: &str, marks: &[u8]) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_read_from_the_path_as_sent() {
        let pattern = Pattern::parse("/cb/{account}/x/{tag}/").unwrap();
        let tenant = |account: &str, tag: &str| {
            Some(Tenant { account: Some(account.to_owned()), tag: Some(tag.to_owned()) })
        };
        assert_eq!(pattern.tenant("/cb/acme/x/t-1"), tenant("acme", "t-1"));
        assert_eq!(pattern.tenant("/cb/acme/x/t-1/"), tenant("acme", "t-1"));
        assert_eq!(pattern.tenant("/cb/acme/x/%2e%2e/"), None);
        assert_eq!(pattern.tenant("/cb/acme/x/../"), None);
        assert_eq!(pattern.tenant("/cb//x/t-1/"), None);
        assert_eq!(pattern.tenant(&format!("/cb/acme/x/{}/", "t".repeat(129))), None);
    }

    #[test]
    fn both_forms_of_a_path_are_served_and_have_one_key() {
        let (with, without) = (Pattern::parse("/a/b/").unwrap(), Pattern::parse("/a/b").unwrap());
        assert_eq!(with, without);
        assert_eq!(with.paths(), ["/a/b", "/a/b/"]);
        assert_eq!(Pattern::parse("/").unwrap().paths(), ["/"]);
        let swapped = Pattern::parse("/a/{tag}/{account}").unwrap();
        assert_eq!(swapped.key(), Pattern::parse("/a/{account}/{tag}").unwrap().key());
    }

    #[test]
    fn paths_that_no_request_should_match_are_refused() {
        for path in
            ["", "a", "//", "/a//b", "/a/../b", "/a/{tenant}", "/a/x{tag}", "/a?b", "/:a", "/*a", "/ä"]
        {
            assert!(Pattern::parse(path).is_err(), "{path}");
        }
        assert!(Pattern::parse("/{tag}/{tag}").is_err());
        assert!(Pattern::parse(&format!("/{}", "a".repeat(600))).is_err());
    }
}
