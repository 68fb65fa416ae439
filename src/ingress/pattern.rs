//! The path of a route: matched as sent, never decoded or tidied, since the signature covers it as sent.

/// A longer path is refused: it would only eat the limit on headers.
const PATH_MAX: usize = 512;

/// The longest tag, so that an event stays small.
const TAG_MAX: usize = 128;

/// A path with places for an account's name and a tenant's tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Account,
    Tag,
}

impl Segment {
    fn is_placeholder(&self) -> bool {
        !matches!(self, Segment::Literal(_))
    }
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
        let Some(inside) = inside(path) else {
            return refused("does not begin with a slash");
        };
        let mut segments = Vec::new();
        for segment in inside.split('/') {
            let segment = match segment {
                "" if !inside.is_empty() => return refused("has an empty segment"),
                "{account}" => Segment::Account,
                "{tag}" => Segment::Tag,
                _ if is_literal(segment) || inside.is_empty() => Segment::Literal(segment.to_owned()),
                _ => {
                    return refused(
                        "has a segment that is none of letters, digits, '-', '.', '_', '~', '%', or {account} or {tag}",
                    );
                }
            };
            if segment.is_placeholder() && segments.contains(&segment) {
                return refused("has the same placeholder twice");
            }
            segments.push(segment);
        }
        Ok(Pattern(segments))
    }

    /// Whether the path names the account.
    pub(crate) fn has_account(&self) -> bool {
        self.0.contains(&Segment::Account)
    }

    /// Equal for patterns that match the same paths.
    pub(crate) fn key(&self) -> String {
        let name = |segment: &Segment| match segment {
            Segment::Literal(text) => format!("/{text}"),
            Segment::Account | Segment::Tag => "/{}".to_owned(),
        };
        self.0.iter().map(name).collect()
    }

    /// Of patterns that match the same path, the one with the least of this says the most about the path's beginning.
    pub(crate) fn vagueness(&self) -> Vec<bool> {
        self.0.iter().map(Segment::is_placeholder).collect()
    }

    /// Whether a request's path is of this pattern: with or without a slash at the end, and something in each place.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let Some(inside) = inside(path) else { return false };
        let mut sent = inside.split('/');
        let fits = self.0.iter().all(|segment| match (segment, sent.next()) {
            (_, None) => false,
            (Segment::Literal(text), Some(sent)) => text == sent,
            (Segment::Account | Segment::Tag, Some(sent)) => !sent.is_empty(),
        });
        fits && sent.next().is_none()
    }

    /// Reads the tenant from a path that matches; `None` when its tag is not one.
    pub(crate) fn tenant(&self, path: &str) -> Option<Tenant> {
        let mut tenant = Tenant::default();
        for (segment, sent) in self.0.iter().zip(inside(path)?.split('/')) {
            match segment {
                Segment::Literal(_) => {}
                Segment::Account => tenant.account = Some(sent.to_owned()),
                Segment::Tag if is_tag(sent) => tenant.tag = Some(sent.to_owned()),
                Segment::Tag => return None,
            }
        }
        Some(tenant)
    }
}

/// The path without the slashes at its beginning and its end.
fn inside(path: &str) -> Option<&str> {
    let inside = path.strip_prefix('/')?;
    Some(inside.strip_suffix('/').filter(|shorter| !shorter.is_empty()).unwrap_or(inside))
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

    fn pattern(path: &str) -> Pattern {
        Pattern::parse(path).unwrap()
    }

    #[test]
    fn placeholders_are_read_from_the_path_as_sent() {
        let pattern = pattern("/cb/{account}/x/{tag}/");
        let tenant = |account: &str, tag: &str| {
            Some(Tenant { account: Some(account.to_owned()), tag: Some(tag.to_owned()) })
        };
        assert_eq!(pattern.tenant("/cb/acme/x/t-1"), tenant("acme", "t-1"));
        assert_eq!(pattern.tenant("/cb/acme/x/t-1/"), tenant("acme", "t-1"));
        assert_eq!(pattern.tenant("/cb/acme/x/%2e%2e/"), None);
        assert_eq!(pattern.tenant("/cb/acme/x/../"), None);
        assert_eq!(pattern.tenant(&format!("/cb/acme/x/{}/", "t".repeat(129))), None);
    }

    #[test]
    fn a_path_matches_with_and_without_its_last_slash_and_in_no_other_form() {
        for matching in ["/a/b", "/a/b/"] {
            assert!(pattern("/a/b").matches(matching) && pattern("/a/b/").matches(matching), "{matching}");
        }
        for other in
            ["", "/", "a/b", "/a", "/a/", "/a/b//", "//a/b", "/a//b", "/A/b", "/a/b/c", "/a/%62", "/a/./b"]
        {
            assert!(!pattern("/a/b").matches(other), "{other}");
        }
        assert!(pattern("/").matches("/"));
        assert!(!pattern("/").matches("//") && !pattern("/").matches("/a"));
        let tenant = pattern("/cb/{account}/x/{tag}/");
        assert!(tenant.matches("/cb/acme/x/t-1") && tenant.matches("/cb/acme/x/../"));
        assert!(
            !tenant.matches("/cb//x/t-1/")
                && !tenant.matches("/cb/acme/x//")
                && !tenant.matches("/cb/acme/x/")
        );
    }

    #[test]
    fn the_pattern_that_says_more_comes_first() {
        let mut patterns =
            ["/{account}/{tag}/b", "/{tag}/b/{account}", "/a/{tag}/b", "/a/b/{tag}", "/a/b/b"].map(pattern);
        patterns.sort_by_key(Pattern::vagueness);
        assert_eq!(
            patterns,
            ["/a/b/b", "/a/b/{tag}", "/a/{tag}/b", "/{tag}/b/{account}", "/{account}/{tag}/b"].map(pattern)
        );
    }

    #[test]
    fn patterns_that_match_the_same_paths_have_one_key() {
        assert_eq!(pattern("/a/b/"), pattern("/a/b"));
        assert_eq!(pattern("/a/{tag}/{account}").key(), pattern("/a/{account}/{tag}").key());
        assert_ne!(pattern("/a/{tag}").key(), pattern("/a/b").key());
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
