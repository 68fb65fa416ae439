//! The runbook is held to the truth: what it names is there. Its commands are parsed by a test of the command line.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::config::Config;
use crate::support::readers::manifest;
use crate::support::relay::Home;

/// A file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(manifest(path)).unwrap()
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Every heading's anchor.
pub fn anchors(runbook: &str) -> Vec<String> {
    runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect()
}

/// Everything between single backticks, in order.
fn spans(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with("```"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// The label's values by the metric's name and the label's.
fn labels(series: &BTreeSet<String>) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut values: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for one in series {
        let Some((name, labels)) = one.split_once('{') else { continue };
        for (label, value) in pairs(labels) {
            values.entry((name.to_owned(), label)).or_default().insert(value);
        }
    }
    values
}

/// `a="x",b="y"}` as pairs.
pub fn pairs(labels: &str) -> Vec<(String, String)> {
    let inside = labels.trim_end_matches('}').trim_start_matches('{');
    let pair = |text: &str| {
        let (label, value) = text.split_once('=').unwrap_or_else(|| panic!("no label in {labels}"));
        (label.to_owned(), value.trim_matches('"').to_owned())
    };
    inside.split(',').map(pair).collect()
}

#[test]
fn every_metric_and_label_of_the_runbook_is_there() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let series: BTreeSet<String> = relay.metrics().series().map(str::to_owned).collect();
    let values = labels(&series);
    let names: BTreeSet<&str> = series.iter().map(|one| one.split('{').next().unwrap()).collect();
    // A histogram has no series of its own name.
    let exists = |name: &str| names.contains(name) || names.contains(format!("{name}_bucket").as_str());
    let runbook = read("docs/runbook.md");
    let (mut named, mut last) = (0, "");
    for span in spans(&runbook) {
        let (name, labels) = span.split_once('{').map_or((span, ""), |(name, labels)| (name, labels));
        if name.starts_with("tendlc_") {
            assert!(exists(name), "no metric {name}");
            (named, last) = (named + 1, name);
        } else if !(name.is_empty() && labels.contains("=\"")) {
            continue;
        }
        if labels.is_empty() {
            continue;
        }
        for (label, value) in pairs(labels) {
            let known = values.get(&(last.to_owned(), label.clone()));
            assert!(
                known.is_some_and(|known| known.contains(&value)),
                "no {label}={value:?} of {last}: {known:?}"
            );
        }
    }
    assert!(named > 50, "only {named} metrics were found: is the runbook read?");
    relay.stop();
}

/// In a table about reasons or codes, each that is named exists.
#[test]
fn every_reason_and_code_of_the_runbooks_tables_is_there() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let series: BTreeSet<String> = relay.metrics().series().map(str::to_owned).collect();
    let values = labels(&series);
    let is_value =
        |label: &str, value: &str| values.iter().any(|((_, of), known)| of == label && known.contains(value));
    let (mut label, mut found) = (None, 0);
    for line in read("docs/runbook.md").lines() {
        let first = line.strip_prefix("| ").and_then(|line| line.split(" |").next());
        match first {
            None => label = line.starts_with('|').then_some(label).flatten(),
            Some("`reason`") => label = Some("reason"),
            Some("`code`") => label = Some("code"),
            Some(cell) => {
                let Some(label) = label else { continue };
                for value in spans(cell) {
                    assert!(is_value(label, value), "no {label} {value:?}");
                    found += 1;
                }
            }
        }
    }
    assert!(found > 20, "only {found}");
    relay.stop();
}

#[test]
fn every_link_leads_to_one_heading_and_every_heading_is_linked_to() {
    let runbook = read("docs/runbook.md");
    let anchors = anchors(&runbook);
    let distinct: BTreeSet<&String> = anchors.iter().collect();
    assert_eq!(distinct.len(), anchors.len(), "{anchors:?}");
    let links: BTreeSet<&str> =
        runbook.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    for link in &links {
        assert!(anchors.iter().any(|anchor| anchor == link), "#{link} leads nowhere");
    }
    for anchor in &anchors {
        assert!(links.contains(anchor.as_str()), "nothing leads to #{anchor}");
    }
    assert!(read("README.md").contains("](docs/runbook.md)"));
}

/// The programs and what is deployed with them send people to headings that exist.
#[test]
fn whoever_is_sent_to_the_runbook_finds_the_heading() {
    let anchors = anchors(&read("docs/runbook.md"));
    let mut dirs = vec![manifest("src"), manifest("deploy"), manifest("docs")];
    let mut sent = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for rest in text.split("runbook.md#").skip(1) {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
                let anchor = &rest[..end];
                assert!(anchors.iter().any(|known| known == anchor), "{}: #{anchor}", path.display());
                sent += 1;
            }
        }
    }
    assert!(sent >= 8, "only {sent}: who sends people there?");
}
