//! How much of what was received a sink gets: all, nothing, or the parameters of these names.

use std::fmt;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::event::Raw;

/// What of `data.raw` a sink gets. What the event says in its own fields is not touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RawConfig {
    /// Everything as received.
    #[default]
    Full,
    /// Nothing.
    None,
    /// The parameters of these names, whatever their case and punctuation; in JSON with all that they hold.
    Only(Vec<String>),
}

impl RawConfig {
    /// What is wrong with it.
    pub(super) fn validate(&self) -> Result<(), String> {
        match self {
            RawConfig::Only(names) if names.is_empty() => {
                Err(r#"raw: an empty list keeps nothing: write "none""#.to_owned())
            }
            RawConfig::Only(names) => match names.iter().find(|name| folded(name).is_empty()) {
                Some(name) => Err(format!("raw: {name:?} has neither a letter nor a digit")),
                None => Ok(()),
            },
            RawConfig::Full | RawConfig::None => Ok(()),
        }
    }

    /// As names are matched.
    pub(super) fn prepared(&self) -> RawKept {
        match self {
            RawConfig::Full => RawKept(None),
            RawConfig::None => RawKept(Some(Vec::new())),
            RawConfig::Only(names) => RawKept(Some(names.iter().map(|name| folded(name)).collect())),
        }
    }
}

/// The names that are kept, folded; all where there is no list.
#[derive(Debug, Clone)]
pub(super) struct RawKept(Option<Vec<String>>);

impl RawKept {
    /// Takes away what the sink does not get.
    pub(super) fn apply(&self, raw: &mut Raw<'_>) {
        if let Some(names) = &self.0 {
            raw.retain(|name| names.contains(&folded(name)));
        }
    }
}

/// Lower-case, letters and digits alone, as the names of fields are matched everywhere.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Serialize for RawConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            RawConfig::Full => serializer.serialize_str("full"),
            RawConfig::None => serializer.serialize_str("none"),
            RawConfig::Only(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RawConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = RawConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#""full", "none" or a list of parameter names"#)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawConfig, E> {
        match text.trim() {
            "full" => Ok(RawConfig::Full),
            "none" => Ok(RawConfig::None),
            // How the environment spells a list.
            list if list.starts_with('[') => {
                serde_json::from_str(list).map(RawConfig::Only).map_err(|_| E::custom(accepted(text)))
            }
            _ => Err(E::custom(accepted(text))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawConfig, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        if names.len() > 1000 {
            return Err(A::Error::custom("more than 1000 names"));
        }
        Ok(RawConfig::Only(names))
    }
}

fn accepted(text: &str) -> String {
    format!(r#"{text:?} is not accepted: accepted are "full", "none" and a list of parameter names"#)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(config: serde_json::Value, mut raw: Raw<'_>) -> serde_json::Value {
        let config: RawConfig = serde_json::from_value(config).unwrap();
        config.validate().unwrap();
        config.prepared().apply(&mut raw);
        serde_json::to_value(raw).unwrap()
    }

    fn received() -> Raw<'static> {
        let pairs = |all: &[(&'static str, &'static str)]| {
            all.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        Raw {
            query: pairs(&[("tenant", "7")]),
            form: pairs(&[("BrandID", "B1"), ("Owner", "Kim"), ("brand-id", "B2")]),
            json: Some(
                json!({ "who": { "name": "Kim", "brand_id": "B3" }, "list": [{ "name": "x" }], "Status": { "name": 1 } }),
            ),
            body: Some("AAAA".to_owned()),
            content_type: Some("text/plain"),
            content_encoding: Some("gzip"),
        }
    }

    #[test]
    fn all_nothing_or_the_parameters_of_these_names() {
        assert_eq!(kept(json!("full"), received()), serde_json::to_value(received()).unwrap());
        assert_eq!(kept(json!("none"), received()), json!({}));
        let some = json!({
            "form": { "BrandID": ["B1"], "brand-id": ["B2"] },
            "json": { "who": { "brand_id": "B3" }, "Status": { "name": 1 } },
        });
        assert_eq!(kept(json!(["brand_id", "status"]), received()), some);
        assert_eq!(kept(json!(["nowhere"]), received()), json!({}));
    }

    #[test]
    fn a_slip_is_refused_and_says_what_is_accepted() {
        for wrong in [json!("nome"), json!(7), json!("[1"), json!(["", 3])] {
            let error = serde_json::from_value::<RawConfig>(wrong.clone()).unwrap_err().to_string();
            assert!(error.contains("none") || error.contains("string"), "{wrong}: {error}");
        }
        for (wrong, why) in [(vec![], "none"), (vec!["--".to_owned()], "letter")] {
            let error = RawConfig::Only(wrong).validate().unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let spelled: RawConfig = serde_json::from_value(json!("[\"a\", \"b\"]")).unwrap();
        assert_eq!(spelled, RawConfig::Only(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(serde_json::to_value(&spelled).unwrap(), json!(["a", "b"]));
    }
}
