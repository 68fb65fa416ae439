//! What the objects have to say to each other.

use std::collections::BTreeSet;

use serde_json::Value;

use super::chart::{Objects, VALUES};
use crate::runbook::read;
use crate::support::brokers::variable;
use crate::support::cli;

/// Whether a selector means these labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
}

/// The pods' templates that a Service leads to.
fn behind<'a>(objects: &'a Objects, service: &'a Value) -> Vec<&'a Value> {
    let pods = objects.of_kind("StatefulSet").chain(objects.of_kind("Deployment"));
    pods.map(|one| &one["spec"]["template"])
        .filter(|pod| selects(&service["spec"]["selector"], &pod["metadata"]["labels"]))
        .collect()
}

fn ports(service: &Value) -> Vec<&str> {
    let ports = service["spec"]["ports"].as_array().unwrap();
    ports.iter().map(|port| port["targetPort"].as_str().unwrap()).collect()
}

#[test]
fn callbacks_come_in_and_the_admin_port_stays_inside() {
    for values in VALUES {
        let Some(objects) = Objects::of(values) else { return };
        let callbacks = objects.one("Service", "relay-tendlc-relay");
        assert_eq!(ports(callbacks), ["callbacks"], "{values}");
        let inside = objects.one("Service", "relay-tendlc-relay-replicas");
        assert_eq!(inside["spec"]["clusterIP"], "None");
        assert_eq!(objects.stateful_set()["spec"]["serviceName"], inside["metadata"]["name"]);
        for service in [callbacks, inside] {
            let [pod] = behind(objects, service)[..] else { panic!("{values}: {service}") };
            let own = &pod["spec"]["containers"][0]["ports"];
            for port in ports(service) {
                assert!(own.as_array().unwrap().iter().any(|one| one["name"] == port), "{port} of {own}");
            }
        }
        let component = &behind(objects, callbacks)[0]["metadata"]["labels"]["app.kubernetes.io/component"];
        assert_eq!(component, if values == "hashing-ingress" { "relay" } else { "balancer" });
        for ingress in objects.of_kind("Ingress") {
            for rule in ingress["spec"]["rules"].as_array().unwrap() {
                for path in rule["http"]["paths"].as_array().unwrap() {
                    let to = &path["backend"]["service"];
                    assert_eq!(to["name"], callbacks["metadata"]["name"]);
                    assert_eq!(to["port"]["name"], callbacks["spec"]["ports"][0]["name"]);
                }
            }
        }
    }
}

/// A selector that means nobody is accepted by every schema.
#[test]
fn every_selector_means_somebody() {
    let Some(objects) = Objects::of("everything") else { return };
    let pods: Vec<&Value> = objects
        .of_kind("StatefulSet")
        .chain(objects.of_kind("Deployment"))
        .map(|one| &one["spec"]["template"]["metadata"]["labels"])
        .collect();
    let mut asked = 0;
    let mut one_of = |labels: &[&Value], selector: &Value| {
        asked += 1;
        assert_eq!(labels.iter().filter(|labels| selects(selector, labels)).count(), 1, "{selector}");
    };
    for budget in objects.of_kind("PodDisruptionBudget") {
        one_of(&pods, &budget["spec"]["selector"]["matchLabels"]);
    }
    for policy in objects.of_kind("NetworkPolicy") {
        one_of(&pods, &policy["spec"]["podSelector"]["matchLabels"]);
    }
    for set in objects.of_kind("StatefulSet").chain(objects.of_kind("Deployment")) {
        for spread in set["spec"]["template"]["spec"]["topologySpreadConstraints"].as_array().unwrap() {
            one_of(&pods, &spread["labelSelector"]["matchLabels"]);
        }
    }
    let services: Vec<&Value> = objects
        .of_kind("Service")
        .filter(|one| ports(one).contains(&"admin"))
        .map(|one| &one["metadata"]["labels"])
        .collect();
    for monitor in objects.of_kind("ServiceMonitor") {
        assert_eq!(monitor["spec"]["endpoints"][0]["port"], "admin");
        one_of(&services, &monitor["spec"]["selector"]["matchLabels"]);
    }
    assert!(asked >= 9, "{asked}");
}

#[test]
fn nothing_runs_as_root_or_talks_to_the_api() {
    let dockerfile = read("deploy/Dockerfile");
    for values in VALUES {
        let Some(objects) = Objects::of(values) else { return };
        for set in objects.of_kind("StatefulSet").chain(objects.of_kind("Deployment")) {
            let pod = &set["spec"]["template"]["spec"];
            assert_eq!(pod["automountServiceAccountToken"], false);
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
            for container in pod["containers"].as_array().unwrap() {
                let security = &container["securityContext"];
                assert_eq!(security["readOnlyRootFilesystem"], true);
                assert_eq!(security["allowPrivilegeEscalation"], false);
                assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]));
                assert!(container["resources"]["limits"]["memory"].is_string(), "{container}");
                let image = container["image"].as_str().unwrap();
                assert!(image.contains('@') || image.rsplit('/').next().unwrap().contains(':'), "{image}");
            }
        }
        let context = &objects.pod()["spec"]["securityContext"];
        let user = format!("USER {}:{}", context["runAsUser"], context["runAsGroup"]);
        assert!(dockerfile.lines().any(|line| line == user), "{user}");
        assert_eq!(context["fsGroup"], context["runAsGroup"]);
    }
}

#[test]
fn another_configuration_is_another_pod_and_nothing_else_is() {
    let checksum = |set: &str| -> Option<Value> {
        let objects = Objects::with("minimal", &["--set", set])?;
        Some(objects.pod()["metadata"]["annotations"]["checksum/config"].clone())
    };
    let Some(first) = checksum("service.port=80") else { return };
    assert_eq!(first.as_str().unwrap().len(), 64);
    assert_eq!(checksum("service.port=81").unwrap(), first);
    assert_eq!(checksum("persistence.size=20Gi").unwrap(), first);
    assert_ne!(checksum("config.log.level=debug").unwrap(), first);
    // Nor does any Secret become a part of it: those are read again by themselves, whole directories as they are.
    let objects = Objects::of("everything").unwrap();
    for mount in objects.container()["volumeMounts"].as_array().unwrap() {
        assert!(mount.get("subPath").is_none(), "{mount}");
    }
}

#[test]
fn the_rules_are_those_of_prometheus() {
    let Some(objects) = Objects::of("everything") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut names = BTreeSet::new();
    for (number, rule) in objects.of_kind("PrometheusRule").enumerate() {
        let file = dir.path().join(format!("{number}.json"));
        std::fs::write(&file, rule["spec"].to_string()).unwrap();
        if let Some(promtool) = variable("TENDLC_TEST_PROMTOOL") {
            cli::run(std::process::Command::new(promtool).args(["check", "rules"]).arg(&file)).ok();
        }
        for group in rule["spec"]["groups"].as_array().unwrap() {
            for one in group["rules"].as_array().unwrap() {
                let name = one.get("alert").or(one.get("record")).unwrap().as_str().unwrap();
                assert!(one["expr"].as_str().is_some_and(|expr| expr.contains("tendlc")), "{name}");
                names.insert(name.to_owned());
            }
        }
    }
    let written = read("deploy/prometheus/rules/alerts.yml") + &read("deploy/prometheus/rules/records.yml");
    let lines = written.lines().map(str::trim);
    let written: BTreeSet<String> = lines
        .filter_map(|line| line.strip_prefix("- alert: ").or_else(|| line.strip_prefix("- record: ")))
        .map(str::to_owned)
        .collect();
    assert_eq!(names, written);
    let relabelings =
        &objects.of_kind("ServiceMonitor").next().unwrap()["spec"]["endpoints"][0]["relabelings"];
    assert_eq!(relabelings[0], serde_json::json!({ "targetLabel": "job", "replacement": "tendlc-relay" }));
}

#[test]
fn the_chart_speaks_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = read("deploy/kubernetes/tendlc-relay/Chart.yaml");
    assert!(chart.contains(&format!("\nappVersion: \"{version}\"\n")), "{chart}");
    let Some(objects) = Objects::of("minimal") else { return };
    let image = format!("registry.example.com/tendlc-relay:{version}");
    assert_eq!(objects.container()["image"], image.as_str());
}
