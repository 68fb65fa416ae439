//! An event as a consumer read it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::record::Record;
use crate::sim::content::{Content, Parameters, sha256, shortened};
use crate::sim::meaning::Meaning;

/// An event as a consumer read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The idempotency key.
    pub id: String,
    /// The account's auth id.
    pub account: String,
    /// Its `type`.
    pub kind: String,
    /// What it is about, where it says so.
    pub subject: Option<String>,
    /// What it says.
    pub means: Meaning,
    /// [`Content::key`] of what it repeats.
    pub content: String,
    /// Whether it says that the signature covers its parameters.
    pub covers_params: bool,
    /// Whether it says that it is a replay.
    pub is_replay: bool,
    /// Whether it replaces one that was normalized before.
    pub is_revision: bool,
    /// The topic, and the partition where there is one.
    pub place: String,
}

impl Event {
    /// From a line as [`Record`] reads it. `topic` is where it is from, where the line does not say so.
    ///
    /// # Errors
    /// When it is no event.
    pub fn read(line: &str, topic: &str) -> Result<Self, String> {
        let record = Record::read(line)?;
        let needed = |name: &str| record.attribute(name).ok_or(format!("no event: it has no {name}"));
        let (id, source) = (needed("id")?, needed("source")?);
        let data = record.data();
        Ok(Event {
            id,
            account: source.split('/').nth(2).unwrap_or_default().to_owned(),
            kind: record.attribute("type").unwrap_or_default(),
            subject: record.attribute("subject"),
            means: means(data),
            content: content(&data["raw"])?.key(),
            covers_params: data["verification"]["covers"] == "url_and_params",
            is_replay: record.has_header("tendlc-replay"),
            is_revision: data.get("revision").is_some(),
            place: record.place(topic),
        })
    }
}

fn means(data: &Value) -> Meaning {
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    Meaning {
        endpoint: text("endpoint"),
        status: text("status"),
        brand_id: text("brand_id"),
        campaign_id: text("campaign_id"),
        number: text("number"),
        reason: text("reason"),
    }
}

fn content(raw: &Value) -> Result<Content, String> {
    let parameters = |name: &str| -> Result<Parameters, String> {
        let found = raw.get(name).cloned().map(shortened).map(serde_json::from_value).transpose();
        Ok(found.map_err(|error| format!("data.raw.{name}: {error}"))?.unwrap_or_default())
    };
    let body = raw.get("body").and_then(Value::as_str);
    let body = body.map(|body| STANDARD.decode(body)).transpose();
    Ok(Content {
        query: parameters("query")?,
        form: parameters("form")?,
        json: raw.get("json").cloned().map(shortened),
        body_sha256: body.map_err(|error| format!("data.raw.body: {error}"))?.map(|body| sha256(&body)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sim::content::{FORM, JSON};

    fn event(raw: &Value) -> Value {
        json!({
            "specversion": "1.0",
            "id": "i1",
            "source": "/plivo/MA1/10dlc",
            "type": "com.plivo.10dlc.brand.created",
            "subject": "brand/B1",
            "data": {"endpoint": "brand", "status": "created", "brand_id": "B1", "verification": {"covers": "url"}, "raw": raw},
        })
    }

    #[test]
    fn what_is_sent_and_what_is_read_have_the_same_content() {
        let long = "x".repeat(5000);
        for (url, content_type, body, raw) in [
            (
                "u?q=1",
                Some(FORM),
                "a=1&b=&a=2",
                json!({"query": {"q": ["1"]}, "form": {"b": [""], "a": ["1", "2"]}}),
            ),
            ("u", Some(JSON), r#"{"a":{"b":"1"}}"#, json!({"query": {}, "json": {"a": {"b": "1"}}})),
            ("u", Some(JSON), r#"{"a":"#, json!({"body": STANDARD.encode(r#"{"a":"#), "content_type": JSON})),
            ("u", Some(FORM), "", json!({})),
            ("u", Some(FORM), &format!("a={long}"), json!({"form": {"a": [long]}})),
            ("u", Some(JSON), &format!(r#"{{"a":"{long}"}}"#), json!({"json": {"a": long}})),
        ] {
            let read = Event::read(&event(&raw).to_string(), "t").unwrap();
            assert_eq!(read.content, Content::of_request(url, content_type, body.as_bytes()).key(), "{raw}");
        }
    }

    #[test]
    fn files_records_and_binary_records() {
        let plain = event(&json!({}));
        let read = |line: Value| Event::read(&line.to_string(), "file").unwrap();
        assert_eq!(read(plain.clone()).place, "file");
        let kafka =
            read(json!({"topic": "t", "partition": 2, "headers": {"tendlc-replay": "1"}, "value": plain}));
        assert_eq!((kafka.place.as_str(), kafka.is_replay, kafka.account.as_str()), ("t[2]", true, "MA1"));
        let headers = json!({
            "ce_specversion": "1.0", "ce_id": "i1", "ce_source": "/plivo/MA1/10dlc",
            "ce_type": "com.plivo.10dlc.brand.created", "ce_subject": "brand/B1",
        });
        let binary = read(json!({"topic": "t", "headers": headers, "value": plain["data"]}));
        assert_eq!((binary.means.status.as_deref(), binary.means.number.as_deref()), (Some("created"), None));
        assert_eq!(Event { place: "file".into(), ..binary }, read(plain));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for line in ["", "[]", "{}", r#"{"value":"text","topic":"t"}"#, r#"{"specversion":"1.0","id":"1"}"#] {
            assert!(Event::read(line, "t").is_err(), "{line}");
        }
    }
}
