//! Where the configuration stands, and the layers of one reading.

use std::path::{Path, PathBuf};

use super::accounts::merge_dir;
use super::environment::Environment;
use super::problem::{Origin, Problem, Problems};
use super::tree::{Node, Value, read_file};

/// The commented default, which is also what a relay without a file runs on.
pub const BUILT_IN: &str = include_str!("../../config/relay.toml");

/// Looked for where no file is named, in this order.
const USUAL_PLACES: [&str; 2] = ["config/relay.toml", "/etc/tendlc-relay/relay.toml"];

/// Tables whose entries have names of the operator's choice. An entry of the built-in default stands only until the
/// operator names entries of their own.
const NAMED: [&[&str]; 2] = [&["sinks"], &["ingress", "routes"]];

/// The main file and the environment, remembered so that accounts can be read again.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    environment: Environment,
}

/// What one reading found.
pub(super) struct Layers {
    pub(super) tree: Node,
    /// How many accounts came out of `accounts_dir`.
    pub(super) from_dir: usize,
    /// What is wrong with its files, which does not concern every command.
    pub(super) in_dir: Problems,
}

impl Sources {
    /// This file, or none, and this environment.
    pub fn new(file: Option<PathBuf>, environment: Environment) -> Self {
        Sources { file, environment }
    }

    /// The named file; without one, the first that exists of the usual places; without any, the built-in default.
    pub fn find(named: Option<PathBuf>, environment: Environment) -> Self {
        let usual = || USUAL_PLACES.iter().map(PathBuf::from).find(|path| path.exists());
        let named = named.filter(|path| !path.as_os_str().is_empty());
        Sources { file: named.or_else(usual), environment }
    }

    /// The main file; `None` for the built-in default.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Reads every layer anew.
    pub(super) fn read(&self, problems: &mut Problems) -> Result<Layers, Problem> {
        let mut tree = self.base()?;
        let mut in_dir = Problems::default();
        let from_dir = match self.accounts_dir(&tree) {
            Some(dir) => merge_dir(&mut tree, Path::new(&dir), &mut in_dir),
            None => 0,
        };
        problems.extend(self.environment.overlay(&mut tree));
        Ok(Layers { tree, from_dir, in_dir })
    }

    /// The file, with the built-in entries of named tables where it says nothing of them.
    fn base(&self) -> Result<Node, Problem> {
        let built_in = Node::parse(BUILT_IN, Origin::BuiltIn)?;
        let Some(file) = &self.file else { return Ok(self.without_displaced(built_in)) };
        let mut tree = read_file(file)?;
        let default = self.without_displaced(built_in);
        for table in NAMED {
            if tree.at(table).is_none()
                && let Some(entries) = default.at(table)
            {
                insert(&mut tree, table, entries.clone());
            }
        }
        Ok(tree)
    }

    /// Takes the built-in entries out of the tables in which the environment names entries, but not those entries.
    fn without_displaced(&self, mut built_in: Node) -> Node {
        for table in NAMED {
            let named = self.environment.names_under(table);
            let Some((last, parents)) = table.split_last() else { continue };
            let parent =
                parents.iter().try_fold(&mut built_in, |node, key| node.entries_mut()?.get_mut(*key));
            let entries = parent.and_then(|node| node.entries_mut()?.get_mut(*last)?.entries_mut());
            if let (false, Some(entries)) = (named.is_empty(), entries) {
                entries.retain(|name, _| named.contains(name));
            }
        }
        built_in
    }

    /// Known before the layers are merged, since the account files go below the environment.
    fn accounts_dir(&self, tree: &Node) -> Option<String> {
        if let Some(dir) = self.environment.get("TENDLC_ACCOUNTS_DIR") {
            return Some(dir.to_owned());
        }
        match &tree.at(&["accounts_dir"])?.value {
            Value::Leaf(toml::Value::String(dir)) => Some(dir.clone()),
            _ => None,
        }
    }
}

/// Puts `node` at `path`, unless something on the way is no table.
fn insert(tree: &mut Node, path: &[&str], node: Node) {
    let Some((last, parents)) = path.split_last() else { return };
    let origin = node.origin.clone();
    let parent = parents.iter().try_fold(tree, |at, key| {
        Some(at.entries_mut()?.entry((*key).to_owned()).or_insert_with(|| Node::table(origin.clone())))
    });
    if let Some(entries) = parent.and_then(Node::entries_mut) {
        entries.insert((*last).to_owned(), node);
    }
}
