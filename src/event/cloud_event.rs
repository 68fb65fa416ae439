//! The CloudEvents envelope.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::digits::twenty;
use super::json::Object;
use super::{Endpoint, EventData, Raw, Stamp, Status, Timestamp};

/// What a segment of `source` may hold as it is: RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What an event takes, or nearly so: its text is not moved while it grows.
const USUAL: usize = 1024;

/// A CloudEvents 1.0 event. Serializes to the structured JSON form. Of what the envelope has as text it holds the
/// values: that text is made where it is written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Event<'a> {
    #[schemars(extend("const" = "1.0"))]
    specversion: &'static str,
    /// The idempotency key: the same for every retry of one callback. On an event that was normalized again
    /// `-r` and the revision follow.
    #[schemars(regex(pattern = r"^[a-z2-7]{32}(-r[1-9][0-9]*)?$"))]
    id: Cow<'a, str>,
    /// The Plivo account that the callback is for.
    #[schemars(with = "String", regex(pattern = r"^/plivo/[^/]*/10dlc$"), extend("format" = "uri-reference"))]
    source: Source<'a>,
    #[serde(rename = "type")]
    event_type: &'static str,
    /// The endpoint and the entity's id. Absent where the callback has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    subject: Option<Subject<'a>>,
    /// When the callback was received, UTC.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    time: Timestamp,
    #[schemars(extend("const" = "application/json"))]
    datacontenttype: &'static str,
    /// This schema.
    #[schemars(extend("format" = "uri"))]
    dataschema: &'static str,
    /// The record's number in the relay's spool, zero-padded, so that text order is the order of acceptance.
    #[serde(serialize_with = "in_twenty_digits")]
    #[schemars(with = "String", regex(pattern = "^[0-9]{20}$"))]
    sequence: u64,
    /// The entity's id, or the account's auth id where there is no entity: events with the same key are in
    /// order.
    #[schemars(length(min = 1))]
    partitionkey: Cow<'a, str>,
    data: EventData<'a>,
}

/// `/plivo/{auth_id}/10dlc`, with the auth id as a URI's segment.
#[derive(Debug, Clone, PartialEq)]
struct Source<'a>(Cow<'a, str>);

/// `{endpoint}/{id}`.
#[derive(Debug, Clone, PartialEq)]
struct Subject<'a> {
    endpoint: Endpoint,
    id: Cow<'a, str>,
}

/// What an envelope is made from, beside the event's data.
#[derive(Debug, Clone, Copy)]
pub struct EventParts<'a> {
    /// The account's Plivo auth id.
    pub auth_id: &'a str,
    /// The id of the brand, campaign or number.
    pub entity: Option<&'a str>,
    /// When the callback was received.
    pub received_at: Timestamp,
    /// What the spool's writer stamped on the record.
    pub stamp: &'a Stamp,
}

impl<'a> Event<'a> {
    /// The content type of the structured form.
    pub const STRUCTURED: &'static str = "application/cloudevents+json";
    /// The content type of `data` alone, in the binary form.
    pub const DATA: &'static str = "application/json";

    /// Puts `data` in its envelope, with the attributes that follow from it.
    pub fn new(parts: EventParts<'a>, mut data: EventData<'a>) -> Self {
        let EventParts { auth_id, entity, received_at, stamp } = parts;
        if stamp.revision > 0 {
            data.revision = Some(stamp.revision);
            data.supersedes = Some(revised_id(stamp, stamp.revision - 1).into_owned());
        }
        let entity = entity.filter(|entity| !entity.is_empty());
        Event {
            specversion: "1.0",
            id: revised_id(stamp, stamp.revision),
            source: Source(utf8_percent_encode(auth_id, ESCAPED).into()),
            event_type: event_type(data.endpoint, data.status),
            subject: data.endpoint.zip(entity).map(|(endpoint, id)| Subject { endpoint, id: legal(id) }),
            time: received_at,
            datacontenttype: Self::DATA,
            dataschema: schema_uri(data.endpoint),
            sequence: stamp.sequence,
            partitionkey: legal(entity.unwrap_or(auth_id)),
            data,
        }
    }

    /// The idempotency key, with the revision where there is one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The CloudEvents type.
    pub fn event_type(&self) -> &str {
        self.event_type
    }

    /// The endpoint; `None` for an event of kind `unrecognized`.
    pub fn kind(&self) -> Option<Endpoint> {
        self.data.endpoint
    }

    /// The key under which a broker keeps events in order.
    pub fn partition_key(&self) -> &str {
        &self.partitionkey
    }

    /// The event's data.
    pub fn data(&self) -> &EventData<'a> {
        &self.data
    }

    /// What was received, for who has to pass on less of it.
    pub fn raw_mut(&mut self) -> &mut Raw<'a> {
        &mut self.data.raw
    }

    /// Every context attribute but `datacontenttype` (the binary form has it as the content type), by its
    /// name without a prefix. No value holds a control character.
    pub fn attributes(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut attributes = vec![
            ("specversion", self.specversion.into()),
            ("id", self.id().into()),
            ("source", self.source.to_string().into()),
            ("type", self.event_type.into()),
            ("time", self.time.to_rfc3339().into()),
            ("dataschema", self.dataschema.into()),
            ("sequence", str::to_owned(&twenty(self.sequence)).into()),
            ("partitionkey", self.partition_key().into()),
        ];
        attributes.extend(self.subject.as_ref().map(|subject| ("subject", subject.to_string().into())));
        attributes
    }

    /// The structured form, content type [`Event::STRUCTURED`].
    pub fn to_structured(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(USUAL);
        self.write_structured(&mut json);
        json
    }

    /// Appends the structured form.
    pub fn write_structured(&self, json: &mut Vec<u8>) {
        let mut event = Object::begin(json);
        event.plain("specversion", &[self.specversion]);
        event.text("id", Some(&self.id));
        event.plain("source", &self.source.pieces());
        event.plain("type", &[self.event_type]);
        if let Some(subject) = &self.subject {
            event.string("subject", &[subject.endpoint.as_str(), "/"], &subject.id);
        }
        event.plain("time", &[&self.time.rfc3339()]);
        event.plain("datacontenttype", &[self.datacontenttype]);
        event.plain("dataschema", &[self.dataschema]);
        event.plain("sequence", &[&twenty(self.sequence)]);
        event.text("partitionkey", Some(&self.partitionkey));
        self.data.write(event.member("data"));
        event.end();
    }

    /// The data alone, content type [`Event::DATA`].
    pub fn to_data(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(USUAL);
        self.write_data(&mut json);
        json
    }

    /// Appends the data alone.
    pub fn write_data(&self, json: &mut Vec<u8>) {
        self.data.write(json);
    }
}

impl Source<'_> {
    fn pieces(&self) -> [&str; 3] {
        ["/plivo/", &self.0, "/10dlc"]
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().into_iter().try_for_each(|piece| f.write_str(piece))
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint, self.id)
    }
}

impl Serialize for Source<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Subject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Each type of event, by endpoint and status, and each schema: made once, since every event has them.
static TYPES: LazyLock<[[String; Status::ALL.len()]; Endpoint::ALL.len()]> = LazyLock::new(|| {
    Endpoint::ALL.map(|endpoint| Status::ALL.map(|status| format!("com.plivo.10dlc.{endpoint}.{status}")))
});
static SCHEMAS: LazyLock<[String; Endpoint::ALL.len()]> = LazyLock::new(|| {
    Endpoint::ALL.map(|endpoint| format!("urn:tendlc-relay:schema:plivo.10dlc.{endpoint}:1"))
});

/// `com.plivo.10dlc.{endpoint}.{status}`, or `com.plivo.10dlc.unrecognized`.
pub(crate) fn event_type(endpoint: Option<Endpoint>, status: Option<Status>) -> &'static str {
    let Some(endpoint) = endpoint else { return "com.plivo.10dlc.unrecognized" };
    &TYPES[endpoint as usize][status.unwrap_or(Status::Unknown) as usize]
}

/// The URI of the schema of one kind of event: `dataschema`, and the schema's own `$id`.
pub(crate) fn schema_uri(kind: Option<Endpoint>) -> &'static str {
    kind.map_or("urn:tendlc-relay:schema:plivo.10dlc.unrecognized:1", |endpoint| &SCHEMAS[endpoint as usize])
}

fn revised_id(stamp: &Stamp, revision: u32) -> Cow<'_, str> {
    match revision {
        0 => stamp.id.as_str().into(),
        revision => format!("{}-r{revision}", stamp.id).into(),
    }
}

/// What CloudEvents bars from an attribute, control characters and Unicode's noncharacters, percent-encoded.
fn legal(text: &str) -> Cow<'_, str> {
    // Nearly all are printable ASCII, which is seen without decoding characters.
    if text.bytes().all(|byte| matches!(byte, 0x20..0x7f)) || !text.chars().any(is_barred) {
        return text.into();
    }
    let mut legal = String::with_capacity(text.len());
    for c in text.chars() {
        if is_barred(c) {
            let mut utf8 = [0; 4];
            legal.extend(c.encode_utf8(&mut utf8).bytes().map(percent_encoding::percent_encode_byte));
        } else {
            legal.push(c);
        }
    }
    legal.into()
}

fn in_twenty_digits<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&twenty(*number))
}

fn is_barred(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attribute_may_not_hold_is_escaped() {
        assert_eq!(legal("BRAND 1/ä"), "BRAND 1/ä");
        assert_eq!(legal("a\r\nb\u{85}\u{fdd0}\u{1ffff}"), "a%0D%0Ab%C2%85%EF%B7%90%F0%9F%BF%BF");
    }

    #[test]
    fn every_type_and_schema_is_in_its_place() {
        for endpoint in Endpoint::ALL {
            for status in Status::ALL {
                let expected = format!("com.plivo.10dlc.{endpoint}.{status}");
                assert_eq!(event_type(Some(endpoint), Some(status)), expected);
            }
            assert_eq!(
                schema_uri(Some(endpoint)),
                format!("urn:tendlc-relay:schema:plivo.10dlc.{endpoint}:1")
            );
        }
    }

    #[test]
    fn source_is_a_uri_reference_whatever_the_auth_id() {
        assert_eq!(utf8_percent_encode("MA/x y?#", ESCAPED).to_string(), "MA%2Fx%20y%3F%23");
    }
}
