//! From the merged tree to the parts of the configuration, each as its stage's own type.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::de::DeserializeOwned;

use super::problem::{Origin, Problem, Problems, accepted};
use super::read::read;
use super::tree::Node;
use super::{Config, sinks};
use crate::callback::Keyring;
use crate::ingress::{IngressConfig, Verification};
use crate::units::Span;

const PARTS: [&str; 10] = [
    "accounts_dir",
    "grace_period",
    "log",
    "ingress",
    "admin",
    "normalize",
    "spool",
    "relay",
    "accounts",
    "sinks",
];

/// With the drain delay and the lanes, less than the 30 s that Kubernetes gives.
const GRACE_PERIOD: Span = Span::from_secs(10);

/// Reads every part; where one is wrong its default stands in, so that the others are checked as well. What is wrong
/// with accounts is told apart.
pub(super) fn compose(mut tree: Node, problems: &mut Problems, in_accounts: &mut Problems) -> Config {
    let config = Config {
        accounts_dir: part(&mut tree, "accounts_dir", problems),
        grace_period: tree
            .take("grace_period")
            .and_then(|node| read(node, &["grace_period"], problems))
            .unwrap_or(GRACE_PERIOD),
        log: part(&mut tree, "log", problems),
        ingress: part(&mut tree, "ingress", problems),
        admin: part(&mut tree, "admin", problems),
        normalize: part(&mut tree, "normalize", problems),
        spool: part(&mut tree, "spool", problems),
        relay: part(&mut tree, "relay", problems),
        accounts: accounts(&mut tree, in_accounts),
        sinks: named(&mut tree, "sinks", problems, sinks::read_sink),
    };
    for (key, node) in tree.entries().into_iter().flatten() {
        let what = format!("unknown key: {}", accepted(key, &PARTS));
        problems.push(Problem::new(node.origin.clone(), key, what));
    }
    config
}

/// The accounts alone.
pub(super) fn accounts(tree: &mut Node, problems: &mut Problems) -> BTreeMap<String, super::AccountConfig> {
    named(tree, "accounts", problems, read)
}

fn part<T: DeserializeOwned + Default>(tree: &mut Node, key: &str, problems: &mut Problems) -> T {
    tree.take(key).and_then(|node| read(node, &[key], problems)).unwrap_or_default()
}

/// A table whose keys are names: every entry is read by itself.
fn named<T>(
    tree: &mut Node,
    table: &str,
    problems: &mut Problems,
    read: impl Fn(Node, &[&str], &mut Problems) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some(node) = tree.take(table) else { return BTreeMap::new() };
    let Some(entries) = node.entries() else {
        problems.push(Problem::new(node.origin, table, "expected a table with one table for each name"));
        return BTreeMap::new();
    };
    let entries = entries
        .iter()
        .filter_map(|(name, node)| Some((name.clone(), read(node.clone(), &[table, name], problems)?)));
    entries.collect()
}

/// Asks the ingress whether it can verify callbacks.
pub(super) fn validate_ingress(config: &Config, origins: &Node, problems: &mut Problems) {
    problems.extend(config.ingress.validate().map_err(|what| problem_at(origins, &["ingress"], &what)).err());
}

/// Asks every part whether its values are possible, the ingress aside.
pub(super) fn validate(config: &Config, origins: &Node, problems: &mut Problems) {
    let mut ask = |path: &[&str], verdict: Result<(), String>| {
        if let Err(what) = verdict {
            problems.push(problem_at(origins, path, &what));
        }
    };
    if config.grace_period > Span::from_secs(600) {
        ask(&[], Err("grace_period: accepted are 0s to 10m".to_owned()));
    }
    ask(&["log"], config.log.validate());
    ask(&["admin"], config.admin.validate().map_err(text));
    ask(&["normalize"], config.normalize.validate().map_err(text));
    ask(&["spool"], config.spool.validate().map_err(text));
    ask(&["relay"], config.relay.validate().map_err(text));
    if config.sinks.is_empty() {
        ask(
            &["sinks"],
            Err("no sink is configured: add one, such as [sinks.files] with type = \"file\"".into()),
        );
    }
    for (name, sink) in &config.sinks {
        ask(&["sinks", name], sinks::validate_name(name).and_then(|()| sink.validate().map_err(text)));
    }
}

fn text(problem: impl Display) -> String {
    problem.to_string()
}

/// A stage says `key: what is accepted` below its table; the key leads to the file or variable.
fn problem_at(origins: &Node, path: &[&str], what: &str) -> Problem {
    let mut path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
    let is_key =
        |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.[]".contains(c));
    let what = match what.split_once(": ") {
        Some((key, rest)) if is_key(key) => {
            path.extend(key.split('.').map(str::to_owned));
            rest
        }
        _ => what,
    };
    Problem::new(origins.origin_of(&path), path.join("."), what)
}

/// Whether the ingress can work with these accounts: there is one, and no callback could cost too many HMACs.
pub(super) fn check_accounts(
    ingress: &IngressConfig,
    keyring: &Keyring,
    origins: &Node,
) -> Result<(), Problem> {
    if keyring.is_empty() && ingress.verification == Verification::On {
        let what = "no account is configured: set PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN, or add [accounts.NAME] with \
                    auth_id and tokens";
        return Err(problem_at(origins, &["accounts"], what));
    }
    ingress.check_cost(keyring).map_err(|what| problem_at(origins, &["ingress"], &what))
}

/// Accounts that a route names and nobody has configured. No error: a tenant may be gone, or still to come.
pub(super) fn warnings(ingress: &IngressConfig, keyring: &Keyring) -> Vec<String> {
    let mut warnings = Vec::new();
    for (route, config) in &ingress.routes {
        let named = config.accounts.iter().flatten();
        for name in named.filter(|name| keyring.get(name).is_none()) {
            warnings
                .push(format!("ingress.routes.{route}.accounts: {name:?} is not configured: is it a slip?"));
        }
    }
    warnings
}

/// The origin of a part that may be absent.
pub(super) fn origin(tree: &Node, path: &[&str]) -> Origin {
    tree.origin_of(&path.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
}
