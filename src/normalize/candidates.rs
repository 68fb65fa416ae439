//! The parameters whose names mean something, in the order in which they are believed.

use std::borrow::Cow;

use serde_json::Value;

use super::names::{Field, Match, Names, Path};
use crate::callback::params::{Body, Pair, Params};

/// The most bytes of a name that say what it is about.
const LONGEST_PATH: usize = 128;

/// A parameter that may be a field's value.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The field that its name stands for.
    pub field: Field,
    /// The folded name with its parents, the last [`LONGEST_PATH`] bytes of it.
    pub path: String,
    /// The value, trimmed at its end alone: a blank in front may be a number's `+`.
    pub value: Cow<'a, str>,
    order: (Source, Match),
}

/// A body is Plivo's own; a query beside it may be part of the URL that the customer registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Body,
    Query,
}

/// The candidates of one callback: a body's before the query's, an earlier alias before a later one, a fuller
/// name before one without its parents, and else in the order received.
#[derive(Debug, Default)]
pub struct Candidates<'a>(Vec<Candidate<'a>>);

impl<'a> Candidates<'a> {
    /// Every parameter that `names` knows and that has a value.
    pub fn read(params: &'a Params<'_>, names: &Names) -> Self {
        let mut reader = Reader { names, found: Vec::new(), path: Path::default(), source: Source::Body };
        match &params.body {
            Body::Empty | Body::Opaque(_) => {}
            Body::Form(pairs) => reader.pairs(pairs),
            Body::Json(document) => reader.json(document),
        }
        reader.source = Source::Query;
        reader.pairs(&params.query);
        let mut found = reader.found;
        found.sort_by_key(|candidate| candidate.order);
        Candidates(found)
    }

    /// Those of one field.
    pub fn of(&self, field: Field) -> impl Iterator<Item = &Candidate<'a>> {
        self.0.iter().filter(move |candidate| candidate.field == field)
    }
}

struct Reader<'a, 'n> {
    names: &'n Names,
    found: Vec<Candidate<'a>>,
    path: Path,
    source: Source,
}

impl<'a> Reader<'a, '_> {
    fn pairs(&mut self, pairs: &'a [Pair<'_>]) {
        for (name, value) in pairs {
            let mark = self.path.push(name);
            self.leaf(Cow::Borrowed(value));
            self.path.pop(mark);
        }
    }

    /// Recursion is bounded by [`crate::callback::params::MAX_DEPTH`].
    fn json(&mut self, document: &'a Value) {
        match document {
            Value::Null => {}
            Value::Bool(value) => self.leaf(Cow::Borrowed(if *value { "true" } else { "false" })),
            Value::Number(number) => self.leaf(Cow::Owned(number.to_string())),
            Value::String(text) => self.leaf(Cow::Borrowed(text)),
            Value::Array(items) => items.iter().for_each(|item| self.json(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    let mark = self.path.push(name);
                    self.json(member);
                    self.path.pop(mark);
                }
            }
        }
    }

    fn leaf(&mut self, value: Cow<'a, str>) {
        if is_nothing(&value) {
            return;
        }
        if let Some((field, matched)) = self.names.find(&self.path) {
            let path = tail(self.path.as_str()).to_owned();
            self.found.push(Candidate { field, path, value, order: (self.source, matched) });
        }
    }
}

/// What a parent is called counts, but one long name must not be copied for each of its members.
fn tail(path: &str) -> &str {
    let from = path.len().saturating_sub(LONGEST_PATH);
    (from..=path.len()).find_map(|start| path.get(start..)).unwrap_or(path)
}

/// Blank, or how a sender's language spells a missing value.
fn is_nothing(value: &str) -> bool {
    let value = value.trim();
    ["", "null", "none", "nil", "<nil>", "undefined"]
        .iter()
        .any(|nothing| value.eq_ignore_ascii_case(nothing))
}
