//! The event's `data`.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::json::{Object, push_list, push_text, push_value};
use super::{Covers, Endpoint, KeyOwner, Status, Transition, Unrecognized, VerificationScheme};

/// What the callback says, how it was proven, and every parameter as received.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventData<'a> {
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
    pub provider_status: Option<&'a str>,
    /// The brand's id, where the callback has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<&'a str>,
    /// The campaign's id, where the callback has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<&'a str>,
    /// The phone number in E.164 with `+`, or as received where it cannot be placed. The first one where the
    /// callback lists several; `raw` has them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'a str>,
    /// Rejection or failure text or code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// The tenant's tag from the callback's path, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<&'a str>,
    /// The status that the same account's entity had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<Status>,
    /// How the status stands to the previous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// How many times the same content was accepted before, outside the window in which it counts as a retry.
    pub occurrence: u32,
    /// How the callback was proven to be Plivo's.
    pub verification: Verification<'a>,
    /// What was received.
    pub raw: Raw<'a>,
    /// How many times the record was normalized again. Absent on the first event of a record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub revision: Option<u32>,
    /// The id of the event that this one replaces, on one that was normalized again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
}

impl EventData<'_> {
    /// Appends it as JSON.
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        let mut data = Object::begin(json);
        data.word("endpoint", self.endpoint.map(Endpoint::as_str));
        data.word("status", self.status.map(Status::as_str));
        data.word("unrecognized", self.unrecognized.map(Unrecognized::as_str));
        data.text("provider_status", self.provider_status);
        data.text("brand_id", self.brand_id);
        data.text("campaign_id", self.campaign_id);
        data.text("number", self.number);
        data.text("reason", self.reason);
        data.text("tag", self.tag);
        data.word("previous_status", self.previous_status.map(Status::as_str));
        data.word("transition", self.transition.map(Transition::as_str));
        push_value(data.member("occurrence"), &self.occurrence);
        self.verification.write(data.member("verification"));
        self.raw.write(data.member("raw"));
        if let Some(revision) = self.revision {
            push_value(data.member("revision"), &revision);
        }
        data.text("supersedes", self.supersedes.as_deref());
        data.end();
    }
}

/// How the callback was proven to be Plivo's, decided for each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verification<'a> {
    /// The best scheme that matched.
    pub scheme: VerificationScheme,
    /// Whose auth token signed. Absent where verification is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyOwner>,
    /// The account's name in the relay's configuration.
    pub account: &'a str,
    /// What the signature covers.
    pub covers: Covers,
}

impl Verification<'_> {
    fn write(&self, json: &mut Vec<u8>) {
        let mut verification = Object::begin(json);
        verification.plain("scheme", &[self.scheme.as_str()]);
        verification.word("key", self.key.map(KeyOwner::as_str));
        verification.text("account", Some(self.account));
        verification.plain("covers", &[self.covers.as_str()]);
        verification.end();
    }
}

/// The parameters as received: the query, and the body as `form`, `json` or `body`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Raw<'a> {
    /// The query's parameters. Absent where there are none.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub query: Parameters<'a>,
    /// The parameters of a form body. Absent where the body is none.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub form: Parameters<'a>,
    /// The document of a JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A body that is neither form nor JSON, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("contentEncoding" = "base64"))]
    pub body: Option<String>,
    /// The content type that came with `body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<&'a str>,
    /// The content encoding that came with `body`: it was not decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<&'a str>,
}

impl Raw<'_> {
    /// Keeps the parameters whose names `keep` takes; of a JSON document the members of such names with all that they
    /// hold, and the way to them. A body that has no names goes.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.query.0.retain(|(name, _)| keep(name));
        self.form.0.retain(|(name, _)| keep(name));
        self.json = self.json.take().and_then(|document| retained(document, &keep));
        self.body = None;
        (self.content_type, self.content_encoding) = (None, None);
    }

    fn write(&self, json: &mut Vec<u8>) {
        let mut raw = Object::begin(json);
        for (name, parameters) in [("query", &self.query), ("form", &self.form)] {
            if !parameters.is_empty() {
                parameters.write(raw.member(name));
            }
        }
        if let Some(document) = &self.json {
            push_value(raw.member("json"), document);
        }
        // Base64 needs no escaping.
        raw.word("body", self.body.as_deref());
        raw.text("content_type", self.content_type);
        raw.text("content_encoding", self.content_encoding);
        raw.end();
    }
}

/// What is left of a document. It is no deeper than what was parsed may be.
fn retained(document: Value, keep: &impl Fn(&str) -> bool) -> Option<Value> {
    match document {
        Value::Object(members) => {
            let left = members.into_iter().filter_map(|(name, member)| {
                let member = if keep(&name) { Some(member) } else { retained(member, keep) };
                member.map(|member| (name, member))
            });
            let left: serde_json::Map<_, _> = left.collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        Value::Array(items) => {
            let left: Vec<Value> = items.into_iter().filter_map(|item| retained(item, keep)).collect();
            (!left.is_empty()).then_some(Value::Array(left))
        }
        _ => None,
    }
}

/// Every parameter by name, in the order in which the names first appear; values are always lists. The pairs of one
/// name stand side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters<'a>(Vec<Pair<'a>>);

/// A parameter's name and one of its values, borrowed from the request where nothing had to be decoded.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The pairs of one name, as the list of its values.
struct Values<'a>(&'a [Pair<'a>]);

impl Parameters<'_> {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The values of each name.
    fn names(&self) -> impl Iterator<Item = (&str, Values<'_>)> {
        self.0.chunk_by(|(one, _), (next, _)| one == next).map(|pairs| (&*pairs[0].0, Values(pairs)))
    }

    fn write(&self, json: &mut Vec<u8>) {
        let mut object = Object::begin(json);
        for (name, Values(pairs)) in self.names() {
            let values = pairs.iter().map(|(_, value)| &**value);
            object.any(name, |json| push_list(json, values, push_text));
        }
        object.end();
    }
}

impl<'a> FromIterator<Pair<'a>> for Parameters<'a> {
    fn from_iter<I: IntoIterator<Item = Pair<'a>>>(pairs: I) -> Self {
        let pairs: Vec<Pair<'a>> = pairs.into_iter().collect();
        if are_distinct(&pairs) {
            return Parameters(pairs);
        }
        let mut placed: Vec<(usize, Pair<'a>)> = places(&pairs).into_iter().zip(pairs).collect();
        placed.sort_by_key(|(place, _)| *place);
        Parameters(placed.into_iter().map(|(_, pair)| pair).collect())
    }
}

/// Whether these are a few pairs of as many names, as nearly all callbacks have: comparing them all is cheaper than
/// hashing.
fn are_distinct(pairs: &[Pair<'_>]) -> bool {
    const FEW: usize = 16;
    let is_new =
        |(place, (name, _)): (usize, &Pair<'_>)| pairs[..place].iter().all(|(other, _)| other != name);
    pairs.len() <= FEW && pairs.iter().enumerate().all(is_new)
}

/// For each pair, where its name comes first.
fn places(pairs: &[Pair<'_>]) -> Vec<usize> {
    let mut first = HashMap::with_capacity(pairs.len());
    pairs.iter().enumerate().map(|(place, (name, _))| *first.entry(&**name).or_insert(place)).collect()
}

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names())
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(_, value)| value))
    }
}

impl JsonSchema for Parameters<'_> {
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
