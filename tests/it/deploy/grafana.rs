//! The dashboards: no panel asks for what is not there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::series::Known;
use crate::runbook::read;

/// Every dashboard.
fn dashboards() -> Vec<Value> {
    ["glance", "lifecycle"]
        .map(|name| serde_json::from_str(&read(&format!("deploy/grafana/dashboards/{name}.json"))).unwrap())
        .into()
}

fn panels(dashboard: &Value) -> Vec<&Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").collect()
}

fn queries_of(panel: &Value) -> Vec<&str> {
    panel["targets"].as_array().unwrap().iter().map(|target| target["expr"].as_str().unwrap()).collect()
}

/// Every query of every dashboard, with times in the place of Grafana's variables.
pub fn queries() -> Vec<String> {
    let dashboards = dashboards();
    let panels = dashboards.iter().flat_map(panels);
    let in_time = |query: &str| query.replace("$__rate_interval", "1m").replace("$__range", "1h");
    panels.flat_map(queries_of).map(in_time).collect()
}

#[test]
fn no_panel_names_a_series_that_does_not_exist() {
    let known = Known::of_a_relay();
    let queries = queries();
    assert!(queries.len() > 30, "{queries:?}");
    for query in queries {
        assert!(known.hold(&query) > 0 || query.contains("ALERTS{"), "{query}");
    }
}

#[test]
fn every_panel_has_a_place_and_says_what_it_shows() {
    let source = read("deploy/grafana/provisioning/datasources/prometheus.yml");
    let mut uids = BTreeSet::new();
    for dashboard in dashboards() {
        assert!(uids.insert(dashboard["uid"].to_string()), "{} twice", dashboard["uid"]);
        let mut taken = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{panel}");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
                }
            }
        }
        for panel in panels(&dashboard) {
            assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
            assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{panel}");
            let uid = panel["datasource"]["uid"].as_str().unwrap();
            assert!(source.contains(&format!("\n    uid: {uid}\n")), "{panel}");
        }
    }
}
