//! The rules as they are written: what they name is there, and whom they call finds the runbook.

use std::collections::BTreeSet;

use super::series::Known;
use crate::runbook::{anchors, read};
use crate::support::readers::manifest;

/// The text of every file in this directory, without comments.
fn texts(dir: &str) -> String {
    let mut paths: Vec<_> =
        std::fs::read_dir(manifest(dir)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let text: String = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    text.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("{line}\n")).collect()
}

fn all_rules() -> String {
    texts("deploy/prometheus/rules") + &texts("deploy/prometheus/optional")
}

/// Name and text of every alert.
fn alerts(rules: &str) -> Vec<(&str, &str)> {
    let end = |text: &'static str, rest: &str| rest.find(text).unwrap_or(rest.len());
    rules
        .split("- alert: ")
        .skip(1)
        .map(|rest| &rest[..end("- name: ", rest)])
        .map(|rest| rest.split_once('\n').unwrap())
        .collect()
}

#[test]
fn every_metric_and_label_of_the_rules_is_there() {
    let known = Known::of_a_relay();
    let rules = all_rules();
    let named = known.hold(&rules);
    assert!(named > 50, "only {named}: are the rules read?");
    for (name, text) in alerts(&rules) {
        assert!(
            text.contains("tendlc") && known.hold(text) > 0 || name == "TendlcDown",
            "{name} asks nothing"
        );
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_sends_to_the_runbook() {
    let (rules, anchors) = (all_rules(), anchors(&read("docs/runbook.md")));
    let mut called = BTreeSet::new();
    for (name, text) in alerts(&rules) {
        let has = |what: &str| text.lines().any(|line| line.trim().starts_with(what));
        assert!(has("for: "), "{name}");
        assert!(has("summary: \""), "{name}");
        assert!(
            has("labels: { severity: critical }") || has("labels: { severity: warning }"),
            "{name} has no severity"
        );
        let anchor = text.split("runbook: docs/runbook.md#").nth(1).expect(name).lines().next().unwrap();
        assert!(anchors.iter().any(|known| known == anchor), "{name}: #{anchor}");
        called.insert(anchor.to_owned());
    }
    // The left column of the runbook's table is of the alerts.
    let runbook = read("docs/runbook.md");
    let rows = runbook.lines().skip_while(|line| !line.starts_with("| alerts |"));
    let cells = rows.take_while(|line| line.starts_with('|')).map(|row| row.split(" | ").next().unwrap());
    let listed: Vec<&str> =
        cells.filter_map(|cell| Some(cell.split_once("](#")?.1.split_once(')')?.0)).collect();
    assert!(listed.len() > 15, "{listed:?}");
    for anchor in listed {
        assert!(called.contains(anchor), "no alert sends to #{anchor}");
    }
}

/// A case names everything that fires at its time: so each has to begin with a time at which nothing does.
#[test]
fn every_alert_is_tried_firing_and_not() {
    let (rules, tests) = (all_rules(), texts("deploy/prometheus/tests"));
    for (name, _) in alerts(&rules) {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} never fires in the rules' tests");
    }
    for case in tests.split("  - name: ").skip(1) {
        let first = case.split("eval_time: ").nth(1).unwrap();
        assert!(first.lines().next().unwrap().ends_with("exp_samples: [] }"), "{case}");
    }
}
