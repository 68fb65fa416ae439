//! From the tree to types: a deserializer that makes of a text from the environment whatever type is asked for, and
//! whose errors say what is accepted without repeating a value.

mod error;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use self::error::{ReadError, not_a_number};
use super::problem::{Problem, Problems};
use super::tree::{Node, Value};

/// More than this is noise.
const PROBLEMS_MAX: usize = 50;

/// Reads a `T` at `path`. What is wrong is noted, taken out, and reading goes on with the rest, so that everything
/// wrong is found at once. `None` when something was wrong.
pub(super) fn read<T: DeserializeOwned>(mut node: Node, path: &[&str], problems: &mut Problems) -> Option<T> {
    let mut flawless = true;
    for _ in 0..PROBLEMS_MAX {
        let error = match attempt(&node) {
            Ok(value) if flawless => return Some(value),
            Ok(_) => return None,
            Err(error) => error,
        };
        flawless = false;
        let below = keys(error.path());
        let key = path.iter().map(|key| (*key).to_owned()).chain(below.iter().cloned()).collect::<Vec<_>>();
        problems.push(Problem::new(node.origin_of(&below), key.join("."), error.into_inner().to_string()));
        if !node.prune(&below) {
            return None;
        }
    }
    None
}

fn attempt<T: DeserializeOwned>(node: &Node) -> Result<T, serde_path_to_error::Error<ReadError>> {
    serde_path_to_error::deserialize(Reader(node))
}

/// The table keys at the start of a path: what can be found again in the tree.
fn keys(path: &serde_path_to_error::Path) -> Vec<String> {
    path.iter()
        .map_while(|segment| match segment {
            serde_path_to_error::Segment::Map { key } => Some(key.clone()),
            _ => None,
        })
        .collect()
}

/// Reads one place of the tree.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Node);

impl<'a> Reader<'a> {
    fn text(self) -> Option<&'a str> {
        match &self.0.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number out of a text, or what the value is anyway.
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let text = match &self.0.value {
            Value::Text(text) => text,
            // No secret is a number, so that the slip can be shown.
            Value::Leaf(toml::Value::String(text)) => return Err(not_a_number(text, &visitor)),
            _ => return self.deserialize_any(visitor),
        };
        match (text.trim().parse::<i64>(), text.trim().parse::<u64>()) {
            (Ok(number), _) => visitor.visit_i64(number),
            (_, Ok(number)) => visitor.visit_u64(number),
            _ => Err(not_a_number(text, &visitor)),
        }
    }
}

/// The elements of a list in a text: a TOML array, or parted by commas.
fn elements(node: &Node, text: &str) -> Vec<Node> {
    let array = || {
        let table = format!("list = {text}").parse::<toml::Table>().ok()?;
        match Node::from_toml(toml::Value::Table(table), &node.origin).take("list")?.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    };
    let by_comma = || {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| Node { origin: node.origin.clone(), value: Value::Text(part.to_owned()) }).collect()
    };
    if text.trim_start().starts_with('[') { array().unwrap_or_else(by_comma) } else { by_comma() }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.number(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.0.value {
            Value::Table(entries) => {
                let mut map =
                    MapDeserializer::new(entries.iter().map(|(key, node)| (key.as_str(), Reader(node))));
                let value = visitor.visit_map(&mut map)?;
                map.end().map(|()| value)
            }
            Value::List(items) => {
                let mut list = SeqDeserializer::new(items.iter().map(Reader));
                let value = visitor.visit_seq(&mut list)?;
                list.end().map(|()| value)
            }
            Value::Text(text) => visitor.visit_str(text),
            Value::Leaf(toml::Value::String(text)) => visitor.visit_str(text),
            Value::Leaf(toml::Value::Integer(number)) => visitor.visit_i64(*number),
            Value::Leaf(toml::Value::Float(number)) => visitor.visit_f64(*number),
            Value::Leaf(toml::Value::Boolean(flag)) => visitor.visit_bool(*flag),
            Value::Leaf(other) => visitor.visit_string(other.to_string()),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.text().map(str::trim) {
            Some("true") => visitor.visit_bool(true),
            Some("false") => visitor.visit_bool(false),
            Some(_) => Err(de::Error::custom("accepted are true and false")),
            None => self.deserialize_any(visitor),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.text().map(|text| text.trim().parse::<f64>()) {
            Some(Ok(number)) => visitor.visit_f64(number),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(text) = self.text() else { return self.deserialize_any(visitor) };
        let items = elements(self.0, text);
        let mut list = SeqDeserializer::new(items.iter().map(Reader));
        let value = visitor.visit_seq(&mut list)?;
        list.end().map(|()| value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_enum(text.trim().into_deserializer()),
            Value::Leaf(toml::Value::String(text)) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Table(entries) => visitor.visit_enum(de::value::MapAccessDeserializer::new(
                MapDeserializer::new(entries.iter().map(|(key, node)| (key.as_str(), Reader(node)))),
            )),
            // Lets the visitor say what it expects.
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, ReadError> for Reader<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::SocketAddr;
    use std::path::PathBuf;

    use serde::Deserialize;

    use super::super::problem::Origin;
    use super::*;
    use crate::units::{Secret, Size, Span};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Wanted {
        flag: bool,
        small: u8,
        count: usize,
        below_zero: i64,
        ratio: f64,
        name: String,
        names: Vec<String>,
        numbers: Vec<u16>,
        span: Span,
        size: Size,
        tokens: Vec<Secret>,
        maybe: Option<u32>,
        maybe_names: Option<Vec<String>>,
        path: PathBuf,
        listen: Option<SocketAddr>,
        mode: Mode,
        map: BTreeMap<String, String>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Structured,
        Binary,
    }

    fn from_text(key: &str, text: &str) -> Result<Wanted, String> {
        let mut node = Node::table(Origin::BuiltIn);
        let origin = Origin::Variable(format!("TENDLC_{}", key.to_uppercase()));
        let leaf = Node { origin, value: Value::Text(text.to_owned()) };
        node.entries_mut().unwrap().insert(key.to_owned(), leaf);
        let mut problems = Problems::default();
        read(node, &[], &mut problems).ok_or_else(|| problems.to_string())
    }

    fn from_toml(text: &str) -> Result<Wanted, String> {
        let node = Node::parse(text, Origin::File("relay.toml".into())).unwrap();
        let mut problems = Problems::default();
        read(node, &["table"], &mut problems).ok_or_else(|| problems.to_string())
    }

    #[test]
    fn texts_become_the_type_that_is_asked_for() {
        let strings = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let default = Wanted::default;
        for (key, text, expected) in [
            ("flag", "true", Wanted { flag: true, ..default() }),
            ("small", "255", Wanted { small: 255, ..default() }),
            ("count", " 12 ", Wanted { count: 12, ..default() }),
            ("below_zero", "-3", Wanted { below_zero: -3, ..default() }),
            ("ratio", "0.5", Wanted { ratio: 0.5, ..default() }),
            ("ratio", "2", Wanted { ratio: 2.0, ..default() }),
            ("name", " 007, \"x\"", Wanted { name: " 007, \"x\"".to_owned(), ..default() }),
            ("name", "true", Wanted { name: "true".to_owned(), ..default() }),
            ("names", "a, b,,c", Wanted { names: strings(&["a", "b", "c"]), ..default() }),
            ("names", "[\"a,b\", 'c']", Wanted { names: strings(&["a,b", "c"]), ..default() }),
            ("names", "[::1]:1,b", Wanted { names: strings(&["[::1]:1", "b"]), ..default() }),
            ("numbers", "1,2", Wanted { numbers: vec![1, 2], ..default() }),
            ("numbers", "[1, 2]", Wanted { numbers: vec![1, 2], ..default() }),
            ("span", "90", Wanted { span: Span::from_secs(90), ..default() }),
            ("span", "1h30m", Wanted { span: Span::from_secs(5400), ..default() }),
            ("size", "64KiB", Wanted { size: Size(65_536), ..default() }),
            ("tokens", "x,y", Wanted { tokens: vec!["x".into(), "y".into()], ..default() }),
            ("tokens", "12", Wanted { tokens: vec!["12".into()], ..default() }),
            ("maybe", "7", Wanted { maybe: Some(7), ..default() }),
            ("maybe_names", "a", Wanted { maybe_names: Some(strings(&["a"])), ..default() }),
            ("path", "/a b", Wanted { path: "/a b".into(), ..default() }),
            ("listen", "[::]:80", Wanted { listen: "[::]:80".parse().ok(), ..default() }),
            ("mode", "binary", Wanted { mode: Mode::Binary, ..default() }),
        ] {
            assert_eq!(from_text(key, text), Ok(expected), "{key} = {text}");
        }
    }

    #[test]
    fn texts_that_do_not_fit_are_refused_with_variable_key_and_what_is_accepted() {
        for (key, text, expected) in [
            ("flag", "yes", "accepted are true and false"),
            ("small", "256", "256 is not accepted: expected an integer from 0 to 255"),
            ("count", "-1", "-1 is not accepted: expected an integer from 0"),
            ("count", "many", "\"many\" is not accepted: expected an integer from 0"),
            ("numbers", "1,x", "\"x\" is not accepted: expected an integer from 0 to 65535"),
            ("span", "soon", "accepted are an integer (seconds)"),
            ("mode", "binery", "did you mean `binary`? accepted are structured, binary"),
            ("map", "x", "a string is not accepted: expected a table"),
            ("lisen", "x", "unknown key: did you mean `listen`?"),
            ("listen", "here", "invalid socket address"),
        ] {
            let error = from_text(key, text).unwrap_err();
            let start = format!("environment variable TENDLC_{}: {key}: ", key.to_uppercase());
            assert!(error.starts_with(&start) && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn all_problems_of_a_file_come_at_once() {
        let error = from_toml("flag = 1\ncuont = 2\nsmall = -1\nnames = 3\nmode = \"x\"\n").unwrap_err();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 5, "{error}");
        assert!(lines.iter().all(|line| line.starts_with("relay.toml: table.")), "{error}");
        assert!(lines.iter().any(|line| line.contains("table.cuont: unknown key: did you mean `count`?")));
        assert!(lines.iter().any(|line| line.contains("table.names: an integer is not accepted")));
    }

    #[test]
    fn values_of_the_wrong_type_are_not_repeated() {
        let error = from_toml("tokens = \"verysecret\"\nnames = [[\"verysecret\"]]\nmap = \"verysecret\"\n")
            .unwrap_err();
        assert!(error.contains("table.tokens") && !error.contains("verysecret"), "{error}");
    }

    #[test]
    fn toml_values_are_not_coerced() {
        for text in ["small = \"1\"", "flag = \"true\"", "names = \"a,b\"", "name = 5"] {
            assert!(from_toml(text).is_err(), "{text}");
        }
    }
}
