//! A look at a broker for somebody who wants to know whether all is well there: more than a check tells, and nothing is
//! changed.

use std::sync::Arc;

use super::error::CheckError;
use crate::finding::Finding;
use crate::units::{Size, Span};

/// What a broker is held against.
#[derive(Debug, Clone)]
pub struct Wants {
    /// For how long the same content counts as Plivo's retry.
    pub dedupe_window: Span,
    /// The largest body of a callback.
    pub body: Size,
    /// Where the monitoring of NATS servers is, beside the usual port of each: `http://host:port`.
    pub nats_monitors: Vec<String>,
}

impl Default for Wants {
    fn default() -> Self {
        Wants { dedupe_window: Span::from_secs(8 * 60), body: Size::from_kib(64), nats_monitors: Vec::new() }
    }
}

impl Wants {
    /// Room for the attributes and facts of an event.
    const REST: u64 = 8 << 10;

    /// About the largest event: what was received stands in it once more, escaped.
    pub(super) fn largest_event(&self) -> u64 {
        self.body.bytes().saturating_mul(2).saturating_add(Self::REST)
    }
}

/// The finding that nothing else can be found.
pub(super) fn when_unreachable(error: &CheckError) -> Finding {
    let next = "mend that; callbacks are taken and kept meanwhile, and published once it is mended";
    Finding::error(error.to_string(), next)
}

/// Says the same thing of several once, with their names before it.
pub(super) fn together(what: &str, found: Vec<(Arc<str>, Finding)>) -> Vec<Finding> {
    let mut groups: Vec<(Finding, Vec<Arc<str>>)> = Vec::new();
    for (name, finding) in found {
        match groups.iter_mut().find(|(known, _)| *known == finding) {
            Some((_, names)) => names.push(name),
            None => groups.push((finding, vec![name])),
        }
    }
    let named = |(finding, names): (Finding, Vec<Arc<str>>)| {
        let plural = if names.len() == 1 { "" } else { "s" };
        let names = names.join(", ");
        finding.about(&format!("{what}{plural} {names}"))
    };
    groups.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_true_of_several_is_said_once() {
        let of = |name: &str, finding: &Finding| (Arc::<str>::from(name), finding.clone());
        let (good, bad) = (Finding::ok("is good"), Finding::error("is bad", "mend it"));
        let found = together("topic", vec![of("a", &good), of("b", &bad), of("c", &good)]);
        let texts: Vec<&str> = found.iter().map(Finding::found).collect();
        assert_eq!(texts, ["topics a, c: is good", "topic b: is bad"]);
        assert_eq!(found[1].next(), Some("mend it"));
    }
}
