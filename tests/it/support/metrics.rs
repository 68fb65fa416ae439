//! Prometheus' text format, read by a few lines of our own.

use std::collections::BTreeMap;

/// The series of one scrape, each by its name with its labels as the relay wrote them.
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a series: {line}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("not a number: {line}")))
        });
        Metrics(series.collect())
    }

    /// The sum of the series of this name that have all of these labels. Panics when there is none: a series that
    /// is missing is not one that stands at 0.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let mut found = self.matching(name, &wanted).peekable();
        assert!(found.peek().is_some(), "no series {name} {wanted:?} among {:#?}", self.named(name));
        found.sum()
    }

    /// Every series' name and labels.
    pub fn series(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every series that is not 0.
    pub fn risen(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().filter(|(_, value)| **value != 0.0).map(|(name, value)| (name.as_str(), *value))
    }

    fn matching<'a>(&'a self, name: &'a str, labels: &'a [String]) -> impl Iterator<Item = f64> + 'a {
        let has = |series: &str| labels.iter().all(|label| series.contains(label.as_str()));
        self.0
            .iter()
            .filter(move |(series, _)| is_named(series, name) && has(series))
            .map(|(_, value)| *value)
    }

    fn named(&self, name: &str) -> Vec<&String> {
        self.0.keys().filter(|series| is_named(series, name)).collect()
    }
}

fn is_named(series: &str, name: &str) -> bool {
    series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
}
