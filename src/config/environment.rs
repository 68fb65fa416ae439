//! The environment as a layer over the configuration file.
//!
//! Every key has a variable: `TENDLC_` and the path, with `__` between the parts. `TENDLC_INGRESS__LISTEN` is
//! `ingress.listen`, `TENDLC_ACCOUNTS__ACME__TOKENS` is `accounts.acme.tokens`.

use std::collections::BTreeMap;

use super::problem::{Origin, Problem, Problems};
use super::tree::{Node, Value};

const PREFIX: &str = "TENDLC_";

/// The variables as they were at start.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Names only: the values hold tokens.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Environment(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl Environment {
    /// The process's own. Variables that are not Unicode can only be foreign, and are left out.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable that is set to something. An empty one counts as not set: `${TOKEN:-}` in a compose file.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variables that stand for keys, as paths.
    fn keys(&self) -> impl Iterator<Item = (&str, Vec<&str>, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX)?;
            let counts = !value.is_empty() && !is_foreign(path);
            counts.then(|| (name.as_str(), path.split("__").collect(), value.as_str()))
        })
    }

    /// The names under `table` that some variable gives a value to, in lower case.
    pub(super) fn names_under(&self, table: &[&str]) -> Vec<String> {
        self.keys()
            .filter(|(_, path, _)| {
                path.len() > table.len()
                    && path.iter().zip(table).all(|(part, key)| part.eq_ignore_ascii_case(key))
            })
            .map(|(_, path, _)| path[table.len()].to_lowercase())
            .collect()
    }

    /// Lays every variable over `tree`.
    pub(super) fn overlay(&self, tree: &mut Node) -> Problems {
        let mut problems = Problems::default();
        self.plivo_account(tree).err().into_iter().for_each(|problem| problems.push(problem));
        for (name, path, value) in self.keys() {
            if let Err(what) = put(tree, name, &path, value) {
                problems.push(Problem::new(
                    Origin::Variable(name.to_owned()),
                    path.join(".").to_lowercase(),
                    what,
                ));
            }
        }
        problems
    }

    /// `PLIVO_AUTH_ID` and `PLIVO_AUTH_TOKEN`, as every Plivo SDK reads them, make the account `default`.
    fn plivo_account(&self, tree: &mut Node) -> Result<(), Problem> {
        const ID: &str = "PLIVO_AUTH_ID";
        const TOKEN: &str = "PLIVO_AUTH_TOKEN";
        let (given, missing) = match (self.get(ID), self.get(TOKEN)) {
            (None, None) => return Ok(()),
            (Some(id), Some(token)) => {
                let what =
                    |problem| Problem::new(Origin::Variable(ID.to_owned()), "accounts.default", problem);
                put(tree, ID, &["accounts", "default", "auth_id"], id).map_err(what)?;
                return put(tree, TOKEN, &["accounts", "default", "tokens"], token).map_err(what);
            }
            (Some(_), None) => (ID, TOKEN),
            (None, Some(_)) => (TOKEN, ID),
        };
        let what = format!("is set without {missing}: set both, or neither");
        Err(Problem::new(Origin::Variable(given.to_owned()), "", what))
    }
}

/// Whether a name without the prefix belongs to something else: the program's own switches, the tests', or the
/// variables that Kubernetes and Docker make for a service called `tendlc…`.
fn is_foreign(path: &str) -> bool {
    matches!(path, "CONFIG" | "CACHE") || path.starts_with("TEST_") || is_service_variable(path)
}

/// `…_SERVICE_HOST`, `…_SERVICE_PORT`, `…_SERVICE_PORT_HTTP`, `…_PORT`, `…_PORT_8080_TCP`, `…_PORT_8080_TCP_ADDR`:
/// set in every pod of a namespace that has a service `tendlc-relay`.
fn is_service_variable(path: &str) -> bool {
    let port = |rest: &str| {
        let parts: Vec<&str> = rest.split('_').collect();
        parts[0].bytes().all(|byte| byte.is_ascii_digit())
            && parts.get(1).is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(protocol))
    };
    !path.contains("__")
        && (path.ends_with("_SERVICE_HOST")
            || path.ends_with("_PORT")
            || path.contains("_SERVICE_PORT_")
            || path.rsplit_once("_PORT_").is_some_and(|(_, rest)| port(rest))
            || path.split_once("_PORT_").is_some_and(|(_, rest)| port(rest)))
}

fn put(tree: &mut Node, variable: &str, path: &[&str], value: &str) -> Result<(), String> {
    let origin = Origin::Variable(variable.to_owned());
    let mut node = tree;
    let mut parent = "";
    for part in path {
        if part.is_empty() {
            return Err("has an empty part: `__` stands between two keys".to_owned());
        }
        let key = key_for(node, parent, part)?;
        parent = part;
        let entries = node.entries_mut().ok_or("stands for a key below one that is not a table")?;
        node = entries.entry(key).or_insert_with(|| Node::table(origin.clone()));
    }
    if node.entries().is_some_and(|entries| !entries.is_empty()) {
        return Err("stands for a table: name one of its keys".to_owned());
    }
    *node = Node { origin, value: Value::Text(value.to_owned()) };
    Ok(())
}

/// The existing key that a part of a variable's name means, or the name of a new one.
fn key_for(node: &Node, parent: &str, part: &str) -> Result<String, String> {
    let new = if parent.eq_ignore_ascii_case("properties") {
        // Properties of a client library are named with dots, which variables cannot have.
        part.to_lowercase().replace('_', ".")
    } else {
        part.to_lowercase()
    };
    let Some(entries) = node.entries() else { return Ok(new) };
    let matching: Vec<&String> = entries.keys().filter(|key| same_name(key, part)).collect();
    match matching.as_slice() {
        [] => Ok(new),
        [key] => Ok((*key).clone()),
        several if several.contains(&&new) => Ok(new),
        several => Err(format!("could mean any of {several:?}: rename all but one of them")),
    }
}

/// Equal but for case, where a variable writes `_` for what it cannot spell.
fn same_name(key: &str, part: &str) -> bool {
    let plain = |c: char| if matches!(c, '-' | '.') { '_' } else { c.to_ascii_lowercase() };
    key.chars().map(plain).eq(part.chars().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaid(toml: &str, variables: &[(&str, &str)]) -> (Node, Vec<String>) {
        let mut tree = Node::parse(toml, Origin::BuiltIn).unwrap();
        let problems = variables.iter().copied().collect::<Environment>().overlay(&mut tree);
        (tree, problems.iter().map(ToString::to_string).collect())
    }

    fn text<'a>(tree: &'a Node, path: &[&str]) -> Option<&'a str> {
        match &tree.at(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    #[test]
    fn an_existing_key_wins_whatever_its_case_and_new_ones_are_lower_case() {
        let (tree, problems) = overlaid(
            "[accounts.Acme-West]\nauth_id = \"a\"",
            &[
                ("TENDLC_ACCOUNTS__ACME_WEST__TOKENS", "t"),
                ("TENDLC_ACCOUNTS__NEW__AUTH_ID", "b"),
                ("TENDLC_SINKS__KAFKA__PROPERTIES__LINGER_MS", "5"),
                ("TENDLC_ACCOUNTS_DIR", "/etc/accounts"),
            ],
        );
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(text(&tree, &["accounts", "Acme-West", "tokens"]), Some("t"));
        assert_eq!(text(&tree, &["accounts", "new", "auth_id"]), Some("b"));
        assert_eq!(text(&tree, &["sinks", "kafka", "properties", "linger.ms"]), Some("5"));
        assert_eq!(text(&tree, &["accounts_dir"]), Some("/etc/accounts"));
    }

    #[test]
    fn variables_of_others_are_left_alone_and_empty_ones_count_as_unset() {
        let (tree, problems) = overlaid(
            "",
            &[
                ("TENDLC_CONFIG", "x"),
                ("TENDLC_CACHE", "x"),
                ("TENDLC_TEST_KAFKA", "x"),
                ("TENDLC_RELAY_SERVICE_HOST", "10.0.0.1"),
                ("TENDLC_RELAY_SERVICE_PORT", "8080"),
                ("TENDLC_RELAY_SERVICE_PORT_HTTP", "8080"),
                ("TENDLC_RELAY_PORT", "tcp://10.0.0.1:8080"),
                ("TENDLC_RELAY_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
                ("TENDLC_RELAY_PORT_8080_TCP_ADDR", "10.0.0.1"),
                ("TENDLC_RELAY_PORT_8080_TCP_PORT", "8080"),
                ("TENDLC_INGRESS__LISTEN", ""),
                ("PLIVO_AUTH_ID", ""),
                ("PATH", "/bin"),
            ],
        );
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(tree.entries().unwrap().len(), 0);
    }

    #[test]
    fn a_misspelt_table_is_not_taken_for_someone_elses() {
        let (tree, _) = overlaid("", &[("TENDLC_INGRES__PORT", "1"), ("TENDLC_SPOOOL", "1")]);
        assert!(text(&tree, &["ingres", "port"]).is_some() && text(&tree, &["spoool"]).is_some());
    }

    #[test]
    fn plivos_own_variables_make_the_account_default_together_only() {
        let (tree, problems) = overlaid("", &[("PLIVO_AUTH_ID", "MA1"), ("PLIVO_AUTH_TOKEN", "t")]);
        assert!(problems.is_empty());
        assert_eq!(text(&tree, &["accounts", "default", "auth_id"]), Some("MA1"));
        assert_eq!(text(&tree, &["accounts", "default", "tokens"]), Some("t"));
        let (_, problems) = overlaid("", &[("PLIVO_AUTH_TOKEN", "verysecret")]);
        assert_eq!(
            problems,
            ["environment variable PLIVO_AUTH_TOKEN: is set without PLIVO_AUTH_ID: set both, or neither"]
        );
    }

    #[test]
    fn impossible_paths_are_refused() {
        for (variable, expected) in [
            ("TENDLC_LOG__LEVEL__DEEPER", "below one that is not a table"),
            ("TENDLC_LOG", "name one of its keys"),
            ("TENDLC_LOG____LEVEL", "empty part"),
        ] {
            let (_, problems) = overlaid("[log]\nlevel = \"info\"", &[(variable, "x")]);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?}");
        }
    }

    #[test]
    fn two_keys_that_differ_in_case_only_need_a_name_of_their_own() {
        let toml = "[accounts.Acme]\nauth_id = \"a\"\n[accounts.ACME]\nauth_id = \"b\"";
        let (_, problems) = overlaid(toml, &[("TENDLC_ACCOUNTS__ACME__AUTH_ID", "c")]);
        assert!(problems[0].contains("could mean any of"), "{problems:?}");
    }
}
