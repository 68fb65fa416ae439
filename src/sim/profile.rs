//! What a callback's parameters are called.
//!
//! Plivo documents the names of a callback's fields only in pictures, so they come from a profile: `snake`, `pascal`
//! and `nested` are built in, any other is a TOML file, as in `config/plivo-sim/profile.toml`.
//!
//! A GET carries them in its query, after what the URL has there already.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sim::meaning::{Meaning, beginning};
use crate::sim::notice::{Endpoint, Notice, Status};

/// How a POST carries its parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`.
    Json,
}

/// Names and words of a callback's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// How a POST carries them.
    #[serde(default)]
    pub body: Format,
    fields: Fields,
    #[serde(default)]
    statuses: BTreeMap<String, String>,
    #[serde(default)]
    endpoints: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    status: String,
    reason: String,
    brand_id: Option<String>,
    campaign_id: Option<String>,
    number: Option<String>,
    endpoint: Option<String>,
    request_id: Option<String>,
}

const SNAKE: &str = r#"
[fields]
endpoint = "event"
status = "status"
brand_id = "brand_id"
campaign_id = "campaign_id"
number = "phone_number"
reason = "reason"
request_id = "request_uuid"
"#;

const PASCAL: &str = r#"
[fields]
endpoint = "Event"
status = "Status"
brand_id = "BrandID"
campaign_id = "CampaignID"
number = "PhoneNumber"
reason = "RejectionReason"
request_id = "RequestUUID"
"#;

const NESTED: &str = r#"
body = "json"
[fields]
endpoint = "event.type"
status = "event.status"
reason = "event.reason"
request_id = "event.request_uuid"
brand_id = "brand.id"
campaign_id = "campaign.id"
number = "phone.number"
"#;

impl Profile {
    /// The names of those that are built in.
    pub const BUILT_IN: [&str; 3] = ["snake", "pascal", "nested"];

    /// A profile by its built-in name.
    pub fn built_in(name: &str) -> Option<Self> {
        let text = match name {
            "snake" => SNAKE,
            "pascal" => PASCAL,
            "nested" => NESTED,
            _ => return None,
        };
        Profile::read(text).ok()
    }

    /// A profile by its built-in name, or from the file of this name.
    ///
    /// # Errors
    /// When there is neither, and what is wrong with the file, in words.
    pub fn named(name: &str) -> Result<Self, String> {
        if let Some(profile) = Profile::built_in(name) {
            return Ok(profile);
        }
        let text = std::fs::read_to_string(name)
            .map_err(|error| format!("{error}; built in are {}", Profile::BUILT_IN.join(", ")))?;
        Profile::read(&text)
    }

    /// A profile from a file's text.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let profile: Profile = toml::from_str(text).map_err(|error| error.to_string())?;
        let unknown = |words: &BTreeMap<String, String>, known: &dyn Fn(&str) -> bool| {
            words.keys().find(|word| !known(word)).cloned()
        };
        if let Some(word) = unknown(&profile.statuses, &|word| Status::of_word(word).is_some()) {
            return Err(format!(
                "statuses.{word}: no such status; accepted are {:?}",
                Status::ALL.map(Status::word)
            ));
        }
        if let Some(word) = unknown(&profile.endpoints, &|word| Endpoint::of_word(word).is_some()) {
            let accepted = Endpoint::ALL.map(Endpoint::word);
            return Err(format!("endpoints.{word}: no such endpoint; accepted are {accepted:?}"));
        }
        Ok(profile)
    }

    /// The parameters of a callback, in the order in which they are sent. `request_id` is that of the API request
    /// that it answers.
    pub fn pairs(&self, notice: &Notice, request_id: Option<&str>) -> Vec<(String, String)> {
        let endpoint = notice.endpoint.word();
        let status = notice.status.word();
        let fields = &self.fields;
        let found = [
            (fields.endpoint.as_ref(), Some(self.endpoints.get(endpoint).map_or(endpoint, String::as_str))),
            (fields.brand_id.as_ref(), notice.brand_id.as_deref()),
            (fields.campaign_id.as_ref(), notice.campaign_id.as_deref()),
            (fields.number.as_ref(), notice.phone_number.as_deref()),
            (Some(&fields.status), Some(self.statuses.get(status).map_or(status, String::as_str))),
            (Some(&fields.reason), notice.reason.as_deref()),
            (fields.request_id.as_ref(), request_id),
        ];
        let pairs = found.into_iter().filter_map(|(name, value)| Some((name?.clone(), value?.to_owned())));
        pairs.collect()
    }

    /// What a callback tells by these names, and by its URL.
    pub fn meaning(&self, notice: &Notice) -> Meaning {
        let Fields { brand_id, campaign_id, number, .. } = &self.fields;
        let told = |field: &Option<String>, value: &Option<String>| field.as_ref().and(value.clone());
        Meaning {
            endpoint: self.tells_endpoint(notice).then(|| notice.endpoint.word().to_owned()),
            status: Some(notice.status.word().to_owned()),
            brand_id: told(brand_id, &notice.brand_id),
            campaign_id: told(campaign_id, &notice.campaign_id),
            number: told(number, &notice.phone_number),
            reason: notice.reason.as_deref().map(beginning).filter(|reason| !reason.is_empty()),
        }
    }

    /// By a field of its own, by the URL, or by the ids; those of a link and of an unlink are the same.
    fn tells_endpoint(&self, notice: &Notice) -> bool {
        let Fields { endpoint, brand_id, campaign_id, .. } = &self.fields;
        let origin = notice.url.split_once("://").map_or("", |(_, rest)| rest);
        let by_url = origin.split_once('/').is_some_and(|(_, path)| path.contains(notice.endpoint.word()));
        let by_ids = match notice.endpoint {
            Endpoint::Brand => brand_id.is_some(),
            Endpoint::Campaign => campaign_id.is_some(),
            Endpoint::NumberLinking | Endpoint::NumberUnlinking => false,
        };
        endpoint.is_some() || by_url || by_ids
    }
}

/// Parameters as a JSON document: what dots divide is nested.
pub fn document(pairs: &[(String, String)]) -> Value {
    let mut root = Map::new();
    for (name, value) in pairs {
        let mut members = &mut root;
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                members.insert(part.to_owned(), Value::String(value.clone()));
                break;
            }
            let inner = members.entry(part).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { break };
            members = inner;
        }
    }
    Value::Object(root)
}

/// A document's members as V3 signs them: what is nested stands for its own members, sorted and run together, as in
/// Plivo's Python SDK. What Plivo itself signs of a JSON body is not documented.
pub fn signed_pairs(document: &Value) -> Vec<(String, String)> {
    let members = document.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), run_together(value))).collect()
}

fn run_together(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(_) => {
            let mut pairs = signed_pairs(value);
            pairs.sort();
            pairs.into_iter().map(|(name, value)| name + &value).collect()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sim::testing;

    fn names(profile: &str) -> Vec<String> {
        let notice = testing::notice(1, Endpoint::NumberLinking, Status::Failed);
        let pairs = Profile::built_in(profile).unwrap().pairs(&notice, Some("r1"));
        pairs.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn those_built_in() {
        for name in Profile::BUILT_IN {
            assert_eq!(names(name).len(), 6, "{name}: all but the brand's id");
        }
        assert_eq!(names("pascal")[..3], ["Event", "CampaignID", "PhoneNumber"]);
        assert_eq!(Profile::built_in("camel"), None);
    }

    #[test]
    fn what_is_left_out_is_not_told() {
        let bare = Profile::read("[fields]\nstatus = \"s\"\nreason = \"r\"\nnumber = \"n\"\n").unwrap();
        let mut notice = testing::notice(1, Endpoint::NumberUnlinking, Status::Failed);
        let meaning = bare.meaning(&notice);
        assert_eq!(meaning.endpoint.as_deref(), Some("number_unlinking"), "its URL says so");
        assert_eq!(
            (meaning.entity("number_unlinking"), meaning.campaign_id.as_deref()),
            (Some("+14155550001"), None)
        );
        notice.url = "https://number_unlinking.example.com/all/".to_owned();
        assert_eq!(bare.meaning(&notice).endpoint, None, "a host says nothing");
        let whole = Profile::built_in("snake").unwrap().meaning(&notice);
        assert_eq!(whole.endpoint.as_deref(), Some("number_unlinking"));
        assert_eq!((whole.status.as_deref(), whole.reason.as_deref()), (Some("failed"), Some("reason 1")));
    }

    #[test]
    fn a_nested_document() {
        let notice = testing::notice(1, Endpoint::Brand, Status::Created);
        let profile = Profile::built_in("nested").unwrap();
        let found = document(&profile.pairs(&notice, None));
        assert_eq!(found, json!({"event": {"type": "brand", "status": "created"}, "brand": {"id": "B1"}}));
        let signed = [("event", "statuscreatedtypebrand"), ("brand", "idB1")];
        assert_eq!(signed_pairs(&found), signed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_file_with_other_words() {
        let text = "[fields]\nstatus = \"s\"\nreason = \"r\"\nendpoint = \"e\"\n\
                    [statuses]\nregistered = \"COMPLETED\"\n[endpoints]\nbrand = \"Brand\"\n";
        let profile = Profile::read(text).unwrap();
        let notice = testing::notice(1, Endpoint::Brand, Status::Registered);
        let pairs = profile.pairs(&notice, None);
        assert_eq!(pairs, [("e".to_owned(), "Brand".to_owned()), ("s".to_owned(), "COMPLETED".to_owned())]);
    }

    #[test]
    fn the_example_has_every_name_and_other_words() {
        let profile = Profile::read(include_str!("../../config/plivo-sim/profile.toml")).unwrap();
        let notice = testing::notice(1, Endpoint::NumberLinking, Status::Failed);
        let pairs = profile.pairs(&Notice { brand_id: Some("B1".to_owned()), ..notice }, Some("r1"));
        assert_eq!((pairs.len(), profile.body), (7, Format::Json));
        assert_eq!(pairs[0], ("event".to_owned(), "number-linking".to_owned()));
        assert_eq!(document(&pairs)["failure"]["reason"], "reason 1");
    }

    #[test]
    fn slips_in_a_file_are_told() {
        let fields = "[fields]\nstatus = \"s\"\nreason = \"r\"\n";
        for (text, told) in [
            ("[fields]\nstatus = \"s\"\n".to_owned(), "reason"),
            (format!("body = \"xml\"\n{fields}"), "xml"),
            (format!("{fields}[statuses]\nactive = \"x\"\n"), "active"),
            (format!("{fields}[endpoints]\nnumber = \"x\"\n"), "number_linking"),
        ] {
            let error = Profile::read(&text).unwrap_err();
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
