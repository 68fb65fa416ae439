//! Whether what a query names is there: its metrics with its labels, in the real binary; its records, in our rules.

use std::collections::BTreeMap;

use regex::Regex;

use crate::runbook::{pairs, read};
use crate::support::config::Config;
use crate::support::relay::Home;

/// Labels that Prometheus gives to every series of a target.
const OF_THE_TARGET: [&str; 2] = ["job", "instance"];

/// Every series of a relay that runs, and every record of the rules.
pub struct Known {
    series: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    records: Vec<String>,
}

impl Known {
    /// What a relay with one sink has from its start.
    pub fn of_a_relay() -> Self {
        let home = Home::new(&Config::files().text());
        let relay = home.start();
        let mut series: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for one in relay.metrics().series() {
            let (name, labels) = one.split_once('{').unwrap_or((one, ""));
            let labels = if labels.is_empty() { Vec::new() } else { pairs(labels) };
            series.entry(name.to_owned()).or_default().push(labels.into_iter().collect());
        }
        relay.stop();
        let rules = read("deploy/prometheus/rules/records.yml");
        let records = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
        Known { series, records: records.map(str::to_owned).collect() }
    }

    /// Panics unless everything that this query names is there; answers how many that are.
    pub fn hold(&self, query: &str) -> usize {
        let selector = Regex::new(r"\btendlc([_:])[a-z0-9_:]+(\{[^}]*\})?").unwrap();
        let mut found = 0;
        for one in selector.captures_iter(query) {
            let (name, matchers) = one[0].split_once('{').unwrap_or((&one[0], ""));
            match &one[1] {
                ":" => assert!(self.records.iter().any(|record| record == name), "no record {name}: {query}"),
                _ => self.hold_selector(name, matchers, query),
            }
            found += 1;
        }
        found
    }

    fn hold_selector(&self, name: &str, matchers: &str, query: &str) {
        let matchers = read_matchers(matchers);
        let series = self.series.get(name).unwrap_or_else(|| panic!("no metric {name}: {query}"));
        let met = |labels: &&BTreeMap<String, String>| {
            matchers
                .iter()
                .all(|(label, matches)| labels.get(label).is_some_and(|value| matches(value.as_str())))
        };
        assert!(series.iter().any(|labels| met(&labels)), "nothing of {name} is meant by {query}");
    }
}

type Matches = Box<dyn Fn(&str) -> bool>;

/// `a="x",b=~"y.*"`, without those that the target's labels have to meet. A dashboard's variable may be anything.
fn read_matchers(text: &str) -> Vec<(String, Matches)> {
    let matcher = Regex::new(r#"([a-z_]+)(=~|!~|!=|=)"([^"]*)""#).unwrap();
    let read = |one: regex::Captures<'_>| {
        let (operator, wanted) = (one[2].to_owned(), one[3].to_owned());
        let whole = Regex::new(&format!("^(?:{wanted})$"));
        let matches: Matches = Box::new(move |value| match operator.as_str() {
            _ if wanted.starts_with('$') => true,
            "=" => value == wanted,
            "!=" => value != wanted,
            "=~" => whole.as_ref().unwrap().is_match(value),
            _ => !whole.as_ref().unwrap().is_match(value),
        });
        (one[1].to_owned(), matches)
    };
    matcher
        .captures_iter(text)
        .map(read)
        .filter(|(label, _)| !OF_THE_TARGET.contains(&label.as_str()))
        .collect()
}

#[test]
fn a_query_of_what_is_not_there_is_seen() {
    let known = Known::of_a_relay();
    let is_held = |query: &str| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| known.hold(query)))
            .is_ok_and(|found| found > 0)
    };
    for query in [
        "tendlc_ready",
        "sum(rate(tendlc_events_total{job=\"x\",endpoint=\"brand\",status!=\"created\"}[5m]))",
        "tendlc_depth{sink=~\"$sink\"}",
        "tendlc_request_duration_seconds_bucket{le=~\"1([.]0)?\"}",
        "tendlc:spool_used:ratio",
    ] {
        assert!(is_held(query), "{query}");
    }
    for query in [
        "tendlc_redy",
        "tendlc_events_total{status=\"registred\"}",
        "tendlc_ready{sink=~\"$sink\"}",
        "tendlc_request_duration_seconds",
        "tendlc_ready + tendlc:spool_used:rati",
        "up",
    ] {
        assert!(!is_held(query), "{query}");
    }
}
