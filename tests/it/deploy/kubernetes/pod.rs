//! The pod's configuration, probes and end, with the real binary.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tendlc_relay::units::Span;

use super::chart::{Objects, VALUES};
use crate::support::callback::{AUTH_ID, Callback, ORIGIN, TOKEN};
use crate::support::cli;
use crate::support::relay::{Home, Relay};

/// A directory with what the pod has mounted, and what in it is another on this machine.
struct Pod {
    objects: &'static Objects,
    home: Home,
}

impl Pod {
    fn of(values: &str) -> Option<Self> {
        let objects = Objects::of(values)?;
        let home = Home::new(objects.relay_toml());
        home.write("accounts/acme.toml", &format!("auth_id = \"{AUTH_ID}\"\ntokens = [\"{TOKEN}\"]\n"));
        Some(Pod { objects, home })
    }

    /// Paths and ports of this machine.
    fn here(&self, command: &mut Command) {
        for (name, value) in [
            ("TENDLC_ACCOUNTS_DIR", "accounts"),
            ("TENDLC_SPOOL__PATH", "spool"),
            ("TENDLC_INGRESS__LISTEN", "127.0.0.1:0"),
            ("TENDLC_ADMIN__LISTEN", "127.0.0.1:0"),
        ] {
            command.env(name, value);
        }
    }

    fn start(&self) -> Relay {
        self.home.start_with(|command| self.here(command))
    }

    /// What the relay makes of its configuration, as TOML.
    fn in_effect(&self) -> toml::Table {
        let mut command = self.home.command(&["check-config", "--config", "relay.toml"]);
        // Accounts are a matter of the cluster, and everything else is as the pod has it.
        cli::run(command.env("TENDLC_ACCOUNTS_DIR", "accounts")).ok().parse().unwrap()
    }

    /// The command before SIGTERM, without the program's name.
    fn pre_stop(&self) -> Vec<&str> {
        let command = &self.objects.container()["lifecycle"]["preStop"]["exec"]["command"];
        let words: Vec<&str> =
            command.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words[0], "tendlc-relay");
        words[1..].to_vec()
    }

    /// Whether this probe is answered as it has to be.
    fn passes(&self, relay: &Relay, probe: &str) -> bool {
        let probe = &self.objects.container()[probe]["httpGet"];
        assert_eq!(probe["port"], "admin");
        relay.admin(probe["path"].as_str().unwrap()).status == 200
    }
}

fn span(value: &toml::Value) -> Duration {
    value.as_str().unwrap().parse::<Span>().unwrap().get()
}

#[test]
fn the_relay_accepts_every_rendered_configuration() {
    for values in VALUES {
        let Some(pod) = Pod::of(values) else { return };
        let config = pod.in_effect();
        let container = pod.objects.container();
        let port = |name: &str| {
            let ports = container["ports"].as_array().unwrap();
            ports.iter().find(|port| port["name"] == name).unwrap()["containerPort"].to_string()
        };
        for (table, name) in [("ingress", "callbacks"), ("admin", "admin")] {
            assert_eq!(config[table]["listen"].as_str().unwrap(), format!("0.0.0.0:{}", port(name)));
        }
        assert_eq!(config["ingress"]["public_urls"][0].as_str(), Some(ORIGIN));
        // Where it writes there is a volume, and where it reads there is what was mounted.
        let toml: toml::Table = pod.objects.relay_toml().parse().unwrap();
        let mut paths = vec![(&toml["spool"]["path"], true), (&toml["accounts_dir"], false)];
        for sink in config["sinks"].as_table().unwrap().values() {
            let files = [sink.get("creds_file"), sink.get("sasl").and_then(|sasl| sasl.get("password_file"))];
            paths.extend(files.into_iter().flatten().map(|file| (file, false)));
        }
        for (path, writes) in paths {
            let mounts = container["volumeMounts"].as_array().unwrap();
            let mount = mounts.iter().find(|mount| is_within(path, &mount["mountPath"]));
            let mount = mount.unwrap_or_else(|| panic!("no volume for {path}"));
            assert_eq!(mount["readOnly"] != true, writes, "{mount}");
        }
    }
}

fn is_within(path: &toml::Value, dir: &Value) -> bool {
    Path::new(path.as_str().unwrap()).starts_with(dir.as_str().unwrap())
}

#[test]
fn the_grace_period_is_enough_for_command_and_drain() {
    for values in VALUES {
        let Some(pod) = Pod::of(values) else { return };
        let config = pod.in_effect();
        let words = pod.pre_stop();
        let timeout = words.iter().position(|word| *word == "--timeout").unwrap() + 1;
        let before = words[timeout].parse::<Span>().unwrap().get();
        let (delay, grace) = (span(&config["ingress"]["drain_delay"]), span(&config["grace_period"]));
        assert!(before > delay, "it would never see that nothing comes");
        let needed = before + delay + 2 * grace;
        let given = &pod.objects.pod()["spec"]["terminationGracePeriodSeconds"];
        let given = Duration::from_secs(given.as_u64().unwrap());
        assert!(given >= needed + Duration::from_secs(10), "{values}: {given:?} for {needed:?}");
        assert!(given <= needed + Duration::from_secs(12), "{values}: {given:?} for {needed:?}");
    }
}

/// The broker of this configuration is nowhere to be found: that keeps no pod from its work.
#[test]
fn probes_tell_a_pod_that_works_from_one_that_ends() {
    let Some(pod) = Pod::of("minimal") else { return };
    let relay = pod.start();
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert!(pod.passes(&relay, probe), "{probe}");
    }
    let mut command = pod.home.command(&pod.pre_stop());
    pod.here(command.env("TENDLC_CONFIG", "relay.toml"));
    let said = cli::run(&mut command).ok();
    assert!(said.contains("\"published\":true"), "{said}");
    assert!(!pod.passes(&relay, "readinessProbe"));
    assert!(pod.passes(&relay, "startupProbe") && pod.passes(&relay, "livenessProbe"));
    // What comes all the same is taken until the signal.
    relay.accept(&Callback::new("brand", "created"));
    relay.stop();
}
