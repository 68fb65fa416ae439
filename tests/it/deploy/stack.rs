//! All that docker-compose.yml starts, as plain processes: `make stack`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use super::api::Api;
use crate::runbook::read;
use crate::support::brokers::variable;
use crate::support::callback::Callback;
use crate::support::http::{self, Response};
use crate::support::process::Process;
use crate::support::wait::{until, until_true};

/// A stack that runs.
struct Stack {
    process: Process,
    directory: PathBuf,
}

impl Stack {
    /// Starts it, and waits until it has told where everything is.
    fn start() -> Option<Self> {
        let parts = ["KAFKA_JARS", "NATS_BIN", "PROMETHEUS", "ALERTMANAGER"];
        if parts.iter().any(|part| variable(&format!("TENDLC_TEST_{part}")).is_none()) {
            return None;
        }
        let mut command = Command::new(variable("TENDLC_TEST_BROKERS")?);
        let built = Path::new(env!("CARGO_BIN_EXE_tendlc-relay")).parent().unwrap();
        command.arg("stack").arg(built).args(["--free-ports", "--interval=1s"]);
        let mut process = Process::spawn_heard(&mut command);
        let directory = until("a stack that runs", || {
            let ended = process.ended();
            assert!(ended.is_none(), "{ended:?}:\n{}", process.log.tail());
            shown(&process, "directory").map(PathBuf::from)
        });
        Some(Stack { process, directory })
    }

    /// Where this is.
    fn address(&self, what: &str) -> SocketAddr {
        let shown = shown(&self.process, what).unwrap_or_else(|| panic!("no {what}"));
        let address = shown.split("://").last().unwrap().split('/').next().unwrap();
        address.parse().unwrap_or_else(|error| panic!("{error}: {shown}"))
    }

    fn api(&self, what: &str) -> Api {
        Api(self.address(what))
    }

    fn send(&self, callback: &Callback) -> Response {
        http::send(self.address("callbacks"), &callback.request()).unwrap()
    }

    /// The token that was made up for it.
    fn token(&self) -> String {
        std::fs::read_to_string(self.directory.join("volumes/relay-account/token")).unwrap()
    }

    /// The ids that the consumer has printed of this broker's.
    fn ids(&self, broker: &str) -> BTreeSet<String> {
        let lines = self.process.log.lines();
        let fields = lines.iter().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        let events = fields.filter(|fields| fields.len() == 5 && fields[0] == broker);
        events.map(|fields| fields[4].to_owned()).collect()
    }

    /// Ctrl-C: nothing may be left, neither a process nor a file.
    fn end(mut self) {
        let all = descendants(self.process.pid().as_raw_nonzero().get());
        assert!(all.len() >= 6, "the services are processes: {all:?}");
        self.process.signal(Signal::INT);
        let status = self.process.wait();
        assert!(status.success(), "{status}:\n{}", self.process.log.tail());
        for (pid, began) in all {
            assert_ne!(started(pid), Some(began), "process {pid} is left");
        }
        assert!(!self.directory.exists(), "{} is left", self.directory.display());
    }
}

/// What the stack says of this, once it has.
fn shown(process: &Process, what: &str) -> Option<String> {
    let lines = process.log.lines();
    let line = lines.iter().find(|line| line.split(' ').next() == Some(what))?;
    line.split_ascii_whitespace().nth(1).map(str::to_owned)
}

/// Every process that this one started, and those that they did, with the time that each began: numbers come again.
fn descendants(pid: i32) -> Vec<(i32, String)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let children = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap());
    let children: Vec<i32> = children
        .flat_map(|line| line.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    let below = |pid| descendants(pid).into_iter().chain(started(pid).map(|began| (pid, began)));
    children.into_iter().flat_map(below).collect()
}

/// When this process began, if it is there.
fn started(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_ascii_whitespace().nth(19).map(str::to_owned)
}

/// Each target's job, and whether it is up.
fn targets(prometheus: &Api) -> Vec<(String, bool)> {
    let targets = prometheus.json("/api/v1/targets");
    let targets = targets["data"]["activeTargets"].as_array().unwrap();
    let job = |target: &Value| target["labels"]["job"].as_str().unwrap().to_owned();
    targets.iter().map(|target| (job(target), target["health"] == "up")).collect()
}

/// Every rule that was loaded, with what came of its evaluation.
fn rules(prometheus: &Api) -> Vec<(String, String)> {
    let groups = prometheus.json("/api/v1/rules");
    let groups = groups["data"]["groups"].as_array().unwrap();
    let text = |rule: &Value, key: &str| rule[key].as_str().unwrap().to_owned();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    rules.map(|rule| (text(rule, "name"), text(rule, "health"))).collect()
}

#[test]
fn the_stack_relays_is_watched_and_leaves_nothing_behind() {
    let Some(stack) = Stack::start() else { return };
    let (prometheus, alertmanager) = (stack.api("prometheus"), stack.api("alertmanager"));

    // Everything that runs is scraped.
    until_true("targets that are up", || {
        let targets = targets(&prometheus);
        let is_up = |job: &str| targets.contains(&(job.to_owned(), true));
        ["tendlc-relay", "prometheus", "alertmanager"].into_iter().all(is_up)
    });

    // Every rule that is written was loaded, and none has failed.
    let written: usize = ["alerts", "records"]
        .map(|name| read(&format!("deploy/prometheus/rules/{name}.yml")))
        .iter()
        .map(|text| text.matches("      - alert: ").count() + text.matches("      - record: ").count())
        .sum();
    until_true("rules that were evaluated", || rules(&prometheus).iter().all(|(_, health)| health == "ok"));
    assert_eq!(rules(&prometheus).len(), written);

    // The story's events come out of both brokers.
    until_true("an event on both brokers", || !stack.ids("kafka").is_disjoint(&stack.ids("nats")));
    let token = stack.token();
    let callback = Callback::new("brand", "registered").token(&token);
    let accepted = stack.send(&callback);
    assert_eq!((accepted.status, accepted.text("status").as_str()), (200, "accepted"));
    let id = accepted.text("id");
    until_true("our event on both brokers", || {
        ["kafka", "nats"].iter().all(|broker| stack.ids(broker).contains(&id))
    });

    // Counters stood at 0 before: only then is there an increase.
    until_true("a scrape", || !prometheus.query("tendlc:verifications_refused:rate5m == 0").is_empty());
    let tampered = stack.send(&callback.param("reason", "another"));
    assert_eq!((tampered.status, tampered.text("status").as_str()), (200, "quarantined"));
    let alert = until("the alert at Alertmanager's", || {
        let alerts = alertmanager.json("/api/v2/alerts");
        let alerts = alerts.as_array().unwrap();
        alerts.iter().find(|alert| alert["labels"]["alertname"] == "TendlcNonceConflict").cloned()
    });
    assert_eq!(alert["receivers"][0]["name"], "tell-somebody", "{alert}");
    assert_eq!(alert["annotations"]["runbook"], "docs/runbook.md#a-nonce-conflict", "{alert}");

    stack.end();
}
