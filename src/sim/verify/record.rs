//! A line of a reading: an event in a file, or a record as a broker's client prints it.
//!
//! ```text
//! {"specversion": …, …}                                                        an event, as files have it
//! {"topic": …, "partition": …, "headers": {…}, "value": …}                     a record, its value as JSON
//! {"topic": …, "partition": …, "headers": ["name", "value", …], "payload": …}  `kcat -J`, its value as text
//! {"Subject": …, "Header": {"name": ["value"]}, "Data": …}                     `nats sub --dump=-`, in base64
//! ```

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A record as a consumer read it.
#[derive(Debug, Default)]
pub struct Record {
    topic: Option<String>,
    partition: Option<i64>,
    headers: HashMap<String, String>,
    value: Value,
}

impl Record {
    /// From a line.
    ///
    /// # Errors
    /// When it is no JSON, or has a value that is none.
    pub fn read(line: &str) -> Result<Self, String> {
        let mut line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let has = |name: &str| line.get(name).is_some();
        let (topic, names, value) = if has("specversion") {
            return Ok(Record { value: line, ..Record::default() });
        } else if has("payload") {
            ("topic", "headers", parsed(line["payload"].as_str().map(str::as_bytes))?)
        } else if has("Data") {
            let data = line["Data"].as_str().and_then(|data| STANDARD.decode(data).ok());
            ("Subject", "Header", parsed(data.as_deref())?)
        } else if has("value") {
            ("topic", "headers", line["value"].take())
        } else {
            return Err("no event, and no record that could have one".to_owned());
        };
        Ok(Record {
            topic: line[topic].as_str().map(str::to_owned),
            partition: line["partition"].as_i64(),
            headers: headers(&line[names]),
            value,
        })
    }

    /// The topic, and the partition where there is one. `topic` is where the line is from, where it does not say so.
    pub fn place(&self, topic: &str) -> String {
        let topic = self.topic.as_deref().unwrap_or(topic);
        match self.partition {
            Some(partition) => format!("{topic}[{partition}]"),
            None => topic.to_owned(),
        }
    }

    /// Whether it has a header of this name.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// An attribute of its event. In binary mode attributes are headers, `ce_` on Kafka and `ce-` on NATS.
    pub fn attribute(&self, name: &str) -> Option<String> {
        if self.is_structured() {
            return self.value[name].as_str().map(str::to_owned);
        }
        let on_kafka = self.headers.get(&format!("ce_{name}")).cloned();
        // There the headers are HTTP's, which hold no other characters.
        let on_nats = || self.headers.get(&format!("ce-{name}")).map(|text| decoded(text));
        on_kafka.or_else(on_nats)
    }

    /// The data of its event.
    pub fn data(&self) -> &Value {
        if self.is_structured() { &self.value["data"] } else { &self.value }
    }

    fn is_structured(&self) -> bool {
        self.value.get("specversion").is_some()
    }
}

fn parsed(value: Option<&[u8]>) -> Result<Value, String> {
    let value = value.ok_or("no event: its value is no text")?;
    serde_json::from_slice(value).map_err(|error| format!("no event: its value is no JSON: {error}"))
}

/// As an object, of whose values the first counts where there are several, or one name after the other, each before its
/// value.
fn headers(found: &Value) -> HashMap<String, String> {
    let text = |value: &Value| {
        let first = value.as_array().and_then(|values| values.first()).unwrap_or(value);
        first.as_str().unwrap_or_default().to_owned()
    };
    let pairs: Vec<(String, String)> = match found {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        Value::Array(items) => items.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(line: &Value) -> Record {
        Record::read(&line.to_string()).unwrap()
    }

    #[test]
    fn one_event_in_every_clothing() {
        let event = json!({"specversion": "1.0", "id": "i", "subject": "brand/B ä", "data": {"a": 1}});
        let data = event["data"].clone();
        let kafka = json!({"ce_id": "i", "ce_subject": "brand/B ä"});
        let nats = json!({"ce-id": "i", "ce-subject": "brand/B%20%C3%A4"});
        for line in [
            event.clone(),
            json!({"topic": "t", "value": event}),
            json!({"topic": "t", "headers": kafka, "value": data}),
            json!({"topic": "t", "headers": nats, "value": data}),
            json!({"topic": "t", "headers": ["x", "y"], "key": "B", "payload": event.to_string()}),
            json!({"topic": "t", "headers": ["ce_id", "i", "ce_subject", "brand/B ä"], "payload": data.to_string()}),
            json!({"Subject": "t", "Header": null, "Data": STANDARD.encode(event.to_string())}),
            json!({
                "Subject": "t", "Header": {"ce-id": ["i"], "ce-subject": ["brand/B%20%C3%A4"]},
                "Data": STANDARD.encode(data.to_string()),
            }),
        ] {
            let record = read(&line);
            let attributes = ["id", "subject", "none"].map(|name| record.attribute(name));
            assert_eq!(attributes, [Some("i".into()), Some("brand/B ä".into()), None], "{line}");
            assert_eq!(record.data(), &data, "{line}");
        }
    }

    #[test]
    fn where_it_is_from() {
        assert_eq!(read(&json!({"topic": "t", "partition": 2, "payload": "{}"})).place("file"), "t[2]");
        assert_eq!(read(&json!({"topic": "t", "value": {}})).place("file"), "t");
        assert_eq!(read(&json!({"Subject": "s", "Data": STANDARD.encode("{}")})).place("file"), "s");
        assert_eq!(read(&json!({"specversion": "1.0"})).place("file"), "file");
        let replayed = read(&json!({"headers": ["tendlc-replay", "1"], "payload": "{}"}));
        assert!(replayed.has_header("tendlc-replay") && !replayed.has_header("other"));
    }

    #[test]
    fn a_value_that_is_no_json_is_told() {
        for value in [json!(null), json!("text"), json!("")] {
            for name in ["payload", "Data"] {
                let error = Record::read(&json!({ name: value }).to_string()).unwrap_err();
                assert!(error.contains("its value is no"), "{error}");
            }
        }
    }
}
