//! A request's parameters, in the order V3 signs them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::SignatureError;

/// One name with one of its values.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Parameters for V3, sorted by name and then by value, both by code point, as the Python SDK does.
///
/// (Node sorts by UTF-16 units: the same but for names that mix characters past U+FFFF with those
/// from U+E000 on.) A repeated name keeps all its values. Built from decoded form pairs or from JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    pairs: Vec<Pair<'a>>,
    /// There was a name, though perhaps without any value (`"a": []` in JSON).
    named: bool,
}

impl<'a> Params<'a> {
    /// No parameters at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// The decoded pairs of a form, in any order, repeated names one pair for each value.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Cow<'a, str>>,
        V: Into<Cow<'a, str>>,
    {
        let mut pairs: Vec<Pair<'a>> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        sort(&mut pairs);
        Self { named: !pairs.is_empty(), pairs }
    }

    /// The fields of a JSON object; `null` is none.
    ///
    /// An array is a name with several values, a nested object stands for its own fields sorted and run
    /// together (the Python SDK does so), other values for their text: a string itself, the rest as JSON
    /// writes it. What Plivo signs for JSON bodies is not documented; beyond strings, arrays of strings
    /// and whole numbers the SDKs do not agree either.
    ///
    /// # Errors
    /// [`SignatureError::BadParams`] for any other document.
    pub fn from_json(document: &'a Value) -> Result<Self, SignatureError> {
        match document {
            Value::Null => Ok(Self::none()),
            Value::Object(fields) => Ok(Self::from_fields(fields)),
            _ => Err(SignatureError::BadParams),
        }
    }

    fn from_fields(fields: &'a Map<String, Value>) -> Self {
        let mut pairs = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let name = || Cow::Borrowed(name.as_str());
            match value {
                Value::Array(items) => pairs.extend(items.iter().map(|item| (name(), text(item)))),
                Value::Object(nested) => {
                    let mut joined = String::new();
                    push_fields(&mut joined, nested);
                    pairs.push((name(), Cow::Owned(joined)));
                }
                other => pairs.push((name(), text(other))),
            }
        }
        sort(&mut pairs);
        Self { pairs, named: !fields.is_empty() }
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        !self.named
    }

    pub(super) fn pairs(&self) -> &[Pair<'a>] {
        &self.pairs
    }

    /// Bytes the pairs take in a signed string, with a delimiter or two for each.
    pub(super) fn text_len(&self) -> usize {
        let pair_len = |(name, value): &Pair<'_>| name.len() + value.len() + 2;
        self.pairs.iter().map(pair_len).sum()
    }
}

/// Sorts by name, then by value. Rust compares `str` by bytes, which in UTF-8 is by code point.
pub(super) fn sort(pairs: &mut [Pair<'_>]) {
    pairs.sort_unstable();
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// Appends a nested object's fields, so that however deep it is nothing is copied twice. The depth is
/// bounded by the JSON parser's own limit.
fn push_fields(out: &mut String, fields: &Map<String, Value>) {
    let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in fields {
        match value {
            Value::Array(items) => {
                let mut items: Vec<Cow<'_, str>> = items.iter().map(text).collect();
                items.sort_unstable();
                for item in items {
                    out.push_str(name);
                    out.push_str(&item);
                }
            }
            Value::Object(nested) => {
                out.push_str(name);
                push_fields(out, nested);
            }
            other => {
                out.push_str(name);
                out.push_str(&text(other));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_and_the_json_of_its_parameters_are_the_same() {
        let form = Params::from_pairs([("b", "1"), ("a", "y"), ("a", "x")]);
        let json = json!({"a": ["x", "y"], "b": 1});
        assert_eq!(Params::from_json(&json), Ok(form));
    }

    #[test]
    fn a_name_without_a_value_still_counts_as_a_parameter() {
        let json = json!({"a": []});
        let params = Params::from_json(&json).unwrap();
        assert!(params.pairs().is_empty() && !params.is_empty());
        assert!(Params::from_json(&Value::Null).unwrap().is_empty());
        assert!(Params::from_json(&json!({})).unwrap().is_empty());
    }

    #[test]
    fn a_nested_object_is_its_fields_run_together() {
        let json = json!({"o": {"b": [2, "1"], "a": {"z": null, "y": true}}});
        let pairs = [("o", "aytrueznullb1b2")];
        assert_eq!(Params::from_json(&json), Ok(Params::from_pairs(pairs)));
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        for json in [json!([]), json!("a=b"), json!(1)] {
            assert_eq!(Params::from_json(&json), Err(SignatureError::BadParams));
        }
    }
}
