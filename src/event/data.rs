//! The event's `data`.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Covers, Endpoint, KeyOwner, Status, Transition, Unrecognized, VerificationScheme};

/// What the callback says, how it was proven, and every parameter as received.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventData {
    /// What the callback reports on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The canonical status, whatever vocabulary Plivo used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Why the callback could not be placed. It is kept whole and can be normalized again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrecognized: Option<Unrecognized>,
    /// The status as received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<String>,
    /// The brand's id, where the callback has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
    /// The campaign's id, where the callback has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<String>,
    /// The phone number in E.164 with `+`, or as received where it cannot be placed. The first one where the
    /// callback lists several; `raw` has them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Rejection or failure text or code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The tenant's tag from the callback's path, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The status that the same account's entity had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<Status>,
    /// How the status stands to the previous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// How many times the same content was accepted before, outside the window in which it counts as a retry.
    pub occurrence: u32,
    /// How the callback was proven to be Plivo's.
    pub verification: Verification,
    /// What was received.
    pub raw: Raw,
    /// How many times the record was normalized again. Absent on the first event of a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub revision: Option<u32>,
    /// The id of the event that this one replaces, on one that was normalized again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
}

/// How the callback was proven to be Plivo's, decided for each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verification {
    /// The best scheme that matched.
    pub scheme: VerificationScheme,
    /// Whose auth token signed. Absent where verification is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyOwner>,
    /// The account's name in the relay's configuration.
    pub account: String,
    /// What the signature covers.
    pub covers: Covers,
}

/// The parameters as received: the query, and the body as `form`, `json` or `body`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Raw {
    /// The query's parameters. Absent where there are none.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub query: Parameters,
    /// The parameters of a form body. Absent where the body is none.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub form: Parameters,
    /// The document of a JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A body that is neither form nor JSON, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("contentEncoding" = "base64"))]
    pub body: Option<String>,
    /// The content type that came with `body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The content encoding that came with `body`: it was not decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
}

/// Every parameter by name, in the order in which the names first appear; values are always lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, Vec<String>)>);

impl Parameters {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

impl FromIterator<(String, String)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (name, value) in pairs {
            if let Some(&place) = places.get(&name) {
                grouped[place].1.push(value);
            } else {
                places.insert(name.clone(), grouped.len());
                grouped.push((name, vec![value]));
            }
        }
        Parameters(grouped)
    }
}

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl JsonSchema for Parameters {
    fn schema_name() -> Cow<'static, str> {
        "Parameters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "type": "array", "items": { "type": "string" }, "minItems": 1 }
        })
    }
}
