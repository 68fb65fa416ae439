//! The configuration before it has types: one tree whose leaves are TOML values or texts from the environment, each
//! knowing where it comes from.

use std::collections::BTreeMap;
use std::path::Path;

use super::problem::{Origin, Problem};

/// One place in the tree.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// What stands at a place.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Keys with their places.
    Table(BTreeMap<String, Node>),
    /// A TOML array.
    List(Vec<Node>),
    /// A TOML value that holds no other.
    Leaf(toml::Value),
    /// A text from the environment, which becomes whatever type is asked for.
    Text(String),
}

impl Node {
    /// An empty table.
    pub(super) fn table(origin: Origin) -> Self {
        Node { origin, value: Value::Table(BTreeMap::new()) }
    }

    /// Reads TOML.
    pub(super) fn parse(text: &str, origin: Origin) -> Result<Self, Problem> {
        match text.parse::<toml::Table>() {
            Ok(table) => Ok(Node::from_toml(toml::Value::Table(table), &origin)),
            Err(error) => Err(syntax_problem(text, &error, origin)),
        }
    }

    /// Takes over a TOML value.
    pub(super) fn from_toml(value: toml::Value, origin: &Origin) -> Self {
        let value = match value {
            toml::Value::Table(table) => Value::Table(
                table.into_iter().map(|(key, value)| (key, Node::from_toml(value, origin))).collect(),
            ),
            toml::Value::Array(items) => {
                Value::List(items.into_iter().map(|item| Node::from_toml(item, origin)).collect())
            }
            leaf => Value::Leaf(leaf),
        };
        Node { origin: origin.clone(), value }
    }

    /// The entries, when this is a table.
    pub(super) fn entries(&self) -> Option<&BTreeMap<String, Node>> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries, to be changed, when this is a table.
    pub(super) fn entries_mut(&mut self) -> Option<&mut BTreeMap<String, Node>> {
        match &mut self.value {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// What stands at `path`.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.entries()?.get(*key))
    }

    /// Takes a key out of this table.
    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        self.entries_mut()?.remove(key)
    }

    /// The origin of the deepest place that exists on the way to `path`.
    pub(super) fn origin_of(&self, path: &[String]) -> Origin {
        let mut node = self;
        for key in path {
            match node.entries().and_then(|entries| entries.get(key)) {
                Some(next) => node = next,
                None => break,
            }
        }
        node.origin.clone()
    }

    /// Takes out what stands at `path`, or the value that holds it. False when there was nothing to take.
    pub(super) fn prune(&mut self, path: &[String]) -> bool {
        let Some((key, rest)) = path.split_first() else { return false };
        let Some(entries) = self.entries_mut() else { return false };
        let deeper = entries.get_mut(key).is_some_and(|next| next.prune(rest));
        deeper || entries.remove(key).is_some()
    }
}

/// Reads a configuration file.
pub(super) fn read_file(path: &Path) -> Result<Node, Problem> {
    let origin = Origin::File(path.to_owned());
    let text = read_text(path)?;
    Node::parse(&text, origin)
}

/// Files of the configuration are small; anything larger is a mistake such as a device or a log.
const FILE_LIMIT: u64 = 4 << 20;

/// Reads a text file whole, up to a limit.
pub(super) fn read_text(path: &Path) -> Result<String, Problem> {
    use std::io::Read;
    let problem = |what: String| Problem::new(Origin::File(path.to_owned()), "", what);
    let file = std::fs::File::open(path).map_err(|error| problem(format!("cannot be opened: {error}")))?;
    let mut text = String::new();
    let read = file.take(FILE_LIMIT + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > FILE_LIMIT => Err(problem("is larger than 4 MiB".to_owned())),
        Ok(_) => Ok(text),
        Err(error) => Err(problem(format!("cannot be read: {error}"))),
    }
}

/// The parser's message with the line, without its quotation of the source, which may hold a token.
fn syntax_problem(text: &str, error: &toml::de::Error, origin: Origin) -> Problem {
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    let Some(span) = error.span() else { return Problem::new(origin, "", what) };
    let before = &text.as_bytes()[..span.start.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    Problem::new(origin, "", format!("line {line}: not valid TOML: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_name_the_line_and_quote_nothing() {
        let text = "[accounts.acme]\nauth_id = \"MA\"\ntokens = [\"verysecret\n";
        let problem = Node::parse(text, Origin::File("relay.toml".into())).unwrap_err().to_string();
        assert!(problem.starts_with("relay.toml: line 3: not valid TOML"), "{problem}");
        assert!(!problem.contains("verysecret"), "{problem}");
    }

    #[test]
    fn a_key_twice_is_a_syntax_error() {
        let problem = Node::parse("[log]\nlevel = 1\nlevel = 2\n", Origin::BuiltIn).unwrap_err().to_string();
        assert!(problem.contains("line 3") && problem.contains("duplicate"), "{problem}");
    }

    #[test]
    fn pruning_takes_the_deepest_place_that_exists() {
        let mut tree = Node::parse("[a]\nb = 1\nc = [1]\n", Origin::BuiltIn).unwrap();
        let path = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        assert!(tree.prune(&path(&["a", "c", "0"])));
        assert!(tree.at(&["a", "c"]).is_none() && tree.at(&["a", "b"]).is_some());
        assert!(tree.prune(&path(&["a", "b"])));
        assert!(!tree.prune(&path(&["z"])) && !tree.prune(&[]));
    }
}
