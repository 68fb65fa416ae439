//! Rendering.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::brokers::variable;
use crate::support::cli::{self, Finished};
use crate::support::readers::manifest;

/// The sets of values that lie beside the chart.
pub const VALUES: [&str; 3] = ["minimal", "everything", "hashing-ingress"];

fn chart() -> PathBuf {
    manifest("deploy/kubernetes/tendlc-relay")
}

fn with_values(command: &mut Command, values: &str, arguments: &[&str]) -> Finished {
    cli::run(command.arg("--values").arg(chart().join(format!("ci/{values}.yaml"))).args(arguments))
}

/// Renders with these values and arguments, and holds what comes out against the API's schemas; `None` where there is no
/// helm.
pub fn try_render(values: &str, arguments: &[&str]) -> Option<Finished> {
    let helm = variable("TENDLC_TEST_HELM")?;
    let mut command = Command::new(variable("TENDLC_TEST_CHART_PYTHON").expect("set together with helm"));
    command.arg(manifest("tests/chart/render.py")).arg(helm).arg(chart());
    Some(with_values(&mut command, values, arguments))
}

/// The same without the schemas, and in a third of the time.
pub fn try_template(values: &str, arguments: &[&str]) -> Option<Finished> {
    let mut command = Command::new(variable("TENDLC_TEST_HELM")?);
    command.args(["template", "relay", "--kube-version", "1.31.0"]).arg(chart());
    Some(with_values(&mut command, values, arguments))
}

/// The objects that one set of values makes.
pub struct Objects(Vec<Value>);

impl Objects {
    /// Rendered once for all tests. `None` where there is no helm.
    pub fn of(values: &str) -> Option<&'static Self> {
        static RENDERED: [OnceLock<Option<Objects>>; 3] = [const { OnceLock::new() }; 3];
        let number = VALUES.iter().position(|known| *known == values).unwrap();
        RENDERED[number].get_or_init(|| Objects::with(values, &[])).as_ref()
    }

    pub fn with(values: &str, arguments: &[&str]) -> Option<Self> {
        Some(Objects(try_render(values, arguments)?.json_lines()))
    }

    pub fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |one| one["kind"] == kind)
    }

    pub fn one(&self, kind: &'static str, name: &str) -> &Value {
        let found = self.of_kind(kind).find(|one| one["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    pub fn stateful_set(&self) -> &Value {
        self.one("StatefulSet", "relay-tendlc-relay")
    }

    /// The pod of the relay.
    pub fn pod(&self) -> &Value {
        &self.stateful_set()["spec"]["template"]
    }

    /// Its only container.
    pub fn container(&self) -> &Value {
        let containers = self.pod()["spec"]["containers"].as_array().unwrap();
        let [container] = containers.as_slice() else { panic!("{containers:?}") };
        container
    }

    /// relay.toml as the pod finds it.
    pub fn relay_toml(&self) -> &str {
        self.one("ConfigMap", "relay-tendlc-relay")["data"]["relay.toml"].as_str().unwrap()
    }
}
