//! Events, and the schemas that they keep to.

use serde_json::{Value, json as value};

use super::validator::problems;
use super::*;
use crate::event::Event;
use crate::normalize::event;
use crate::normalize::schema::{KINDS, schema};

/// What an event is made from.
struct Made {
    request: Request,
    verdict: Verdict,
    facts: Facts,
    stamp: Stamp,
}

impl Made {
    fn event(&self) -> Event<'_> {
        event(&self.request, &self.verdict, &self.facts, &self.stamp)
    }
}

fn made_of(request: &Request, stamp: Stamp) -> Made {
    let facts = Facts { tag: Some("tenant-7".into()), ..facts(request) };
    Made { request: request.clone(), verdict: verdict(), facts, stamp }
}

fn structured(event: &Event<'_>) -> Value {
    serde_json::from_slice(&event.to_structured()).unwrap()
}

fn assert_valid(event: &Event<'_>) {
    let found = problems(&schema(event.kind()), &structured(event));
    assert!(found.is_empty(), "{found:#?}");
}

fn written(endpoint: Endpoint, status: &str) -> Request {
    form(&format!("brand_id=B1&campaign_id=C1&number=14155550123&status={status}&type={endpoint}&reason=why"))
}

#[test]
fn an_event_whole() {
    let callback = request(
        Method::Post,
        "/tendlc_status/acme/tenant-7/?source=portal",
        Some(FORM),
        "BrandID=BRPXS6E&CampaignID=CMPT4EP&Status=FAILED&Reason=Opt-in+not+described&Tag=a&Tag=b",
    );
    let expected = value!({
        "specversion": "1.0",
        "id": stamp().id.as_str(),
        "source": "/plivo/MAXXXXXXXXXXXXXXXXXX/10dlc",
        "type": "com.plivo.10dlc.campaign.rejected",
        "subject": "campaign/CMPT4EP",
        "time": "2026-11-24T13:14:15.016Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:tendlc-relay:schema:plivo.10dlc.campaign:1",
        "sequence": "00000000000000000042",
        "partitionkey": "CMPT4EP",
        "data": {
            "endpoint": "campaign",
            "status": "rejected",
            "provider_status": "FAILED",
            "brand_id": "BRPXS6E",
            "campaign_id": "CMPT4EP",
            "reason": "Opt-in not described",
            "tag": "tenant-7",
            "previous_status": "created",
            "transition": "advanced",
            "occurrence": 0,
            "verification": { "scheme": "v2", "key": "account", "account": "acme", "covers": "url" },
            "raw": {
                "query": { "source": ["portal"] },
                "form": {
                    "BrandID": ["BRPXS6E"],
                    "CampaignID": ["CMPT4EP"],
                    "Status": ["FAILED"],
                    "Reason": ["Opt-in not described"],
                    "Tag": ["a", "b"]
                }
            }
        }
    });
    let made = made_of(&callback, stamp());
    let event = made.event();
    assert_eq!(
        serde_json::to_string_pretty(&event).unwrap(),
        serde_json::to_string_pretty(&expected).unwrap()
    );
    assert_eq!(structured(&event)["data"], serde_json::from_slice::<Value>(&event.to_data()).unwrap());
    assert_valid(&event);
}

#[test]
fn events_of_every_endpoint_and_status_keep_to_their_schema() {
    for endpoint in Endpoint::ALL {
        for status in endpoint.statuses().into_iter().chain([Status::Unknown]) {
            let made = made_of(&written(endpoint, status.as_str()), stamp());
            let event = made.event();
            assert_eq!(event.event_type(), format!("com.plivo.10dlc.{endpoint}.{status}"));
            assert_valid(&event);
            for other in KINDS.into_iter().filter(|kind| kind.0 != Some(endpoint)) {
                assert!(
                    !problems(&schema(other.0), &structured(&event)).is_empty(),
                    "{endpoint} is no {other}"
                );
            }
        }
    }
}

#[test]
fn unrecognized_events_keep_to_theirs() {
    for callback in [form("number=14155550123&status=success"), json("{"), get(""), json("null")] {
        let none = Stamp { previous_status: None, transition: None, ..stamp() };
        let made = made_of(&callback, none);
        let event = made.event();
        assert_eq!((event.kind(), event.event_type()), (None, "com.plivo.10dlc.unrecognized"));
        assert_eq!(event.partition_key(), "MAXXXXXXXXXXXXXXXXXX");
        assert_eq!(structured(&event).get("subject"), None);
        assert_valid(&event);
    }
}

#[test]
fn a_wrong_shape_fails_and_growth_does_not() {
    let good = structured(&made_of(&written(Endpoint::Brand, "created"), stamp()).event());
    let broken = |change: fn(&mut Value)| {
        let mut event = good.clone();
        change(&mut event);
        !problems(&schema(Some(Endpoint::Brand)), &event).is_empty()
    };
    let removals: [&str; 13] = [
        "/specversion",
        "/id",
        "/source",
        "/type",
        "/time",
        "/dataschema",
        "/sequence",
        "/partitionkey",
        "/data/endpoint",
        "/data/status",
        "/data/occurrence",
        "/data/verification",
        "/data/raw",
    ];
    for path in removals {
        let mut event = good.clone();
        let (parent, name) = path.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        assert!(!problems(&schema(Some(Endpoint::Brand)), &event).is_empty(), "without {path}");
    }
    assert!(broken(|event| event["data"]["status"] = "success".into()));
    assert!(broken(|event| event["data"]["status"] = Value::Null));
    assert!(broken(|event| event["data"]["reason"] = Value::Null));
    assert!(broken(|event| event["data"]["endpoint"] = "campaign".into()));
    assert!(broken(|event| event["data"]["raw"]["form"]["x"] = "not a list".into()));
    assert!(broken(|event| event["data"]["verification"]["covers"] = "all".into()));
    assert!(broken(|event| event["sequence"] = "42".into()));
    assert!(broken(|event| event["subject"] = "campaign/C1".into()));
    assert!(!broken(|event| event["data"]["later_field"] = 1.into()));
    assert!(!broken(|event| event["laterattribute"] = "x".into()));
}

#[test]
fn what_was_received() {
    let raw = |request: &Request| structured(&made_of(request, stamp()).event())["data"]["raw"].clone();
    assert_eq!(raw(&get("b=1&a=&b=2")), value!({"query": {"b": ["1", "2"], "a": [""]}}));
    assert_eq!(raw(&json(r#"{"z":1,"a":[null,1.5]}"#)), value!({"json": {"z": 1, "a": [null, 1.5]}}));
    assert_eq!(raw(&json("null")), value!({"json": null}));
    assert_eq!(raw(&form("")), value!({}));
    let bytes = request(Method::Post, "/?q", Some("text/xml"), &b"<a>\xff"[..]);
    assert_eq!(raw(&bytes), value!({"query": {"q": [""]}, "body": "PGE+/w==", "content_type": "text/xml"}));
    let many = "a=1&".repeat(300);
    assert_eq!(raw(&form(&many))["form"]["a"].as_array().unwrap().len(), 300);
}

#[test]
fn the_order_of_names_is_kept() {
    let text = String::from_utf8(made_of(&form("z=1&a=2&z=3"), stamp()).event().to_data()).unwrap();
    assert!(text.contains(r#""form":{"z":["1","3"],"a":["2"]}"#), "{text}");
}

#[test]
fn a_revision_names_what_it_replaces() {
    let ids = |revision: u32| {
        let made = made_of(&written(Endpoint::Brand, "created"), Stamp { revision, ..stamp() });
        let event = made.event();
        assert_valid(&event);
        let data = structured(&event)["data"].clone();
        (event.id().to_owned(), data.get("supersedes").cloned(), data.get("revision").cloned())
    };
    let id = stamp().id.to_string();
    assert_eq!(ids(0), (id.clone(), None, None));
    assert_eq!(ids(1), (format!("{id}-r1"), Some(id.clone().into()), Some(1.into())));
    assert_eq!(ids(2), (format!("{id}-r2"), Some(format!("{id}-r1").into()), Some(2.into())));
}

#[test]
fn the_binary_form_has_the_same_attributes() {
    let made = made_of(&written(Endpoint::NumberLinking, "failed"), stamp());
    let event = made.event();
    let mut whole = structured(&event);
    let members = whole.as_object_mut().unwrap();
    assert_eq!(members.remove("datacontenttype"), Some(Event::DATA.into()));
    members.remove("data");
    let attributes: serde_json::Map<String, Value> =
        event.attributes().into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    assert_eq!(members, &attributes);
    assert_eq!(attributes["partitionkey"], "+14155550123");
    assert_eq!(attributes["subject"], "number_linking/+14155550123");
}

#[test]
fn control_characters_never_reach_an_attribute() {
    let made = made_of(&form("brand_id=B%0D%0Ax%3A+1&status=created"), stamp());
    let event = made.event();
    assert_eq!(event.partition_key(), "B%0D%0Ax: 1");
    assert_eq!(structured(&event)["data"]["brand_id"], "B\r\nx: 1");
    assert_valid(&event);
}

#[test]
fn many_names_are_grouped_as_few_are() {
    let form_of = |names: usize| {
        let pairs = (0..2 * names).map(|number| format!("n{}={number}", number % names));
        let made = made_of(&form(&pairs.collect::<Vec<_>>().join("&")), stamp());
        String::from_utf8(made.event().to_data()).unwrap()
    };
    for names in [8, 9, 200] {
        let groups = (0..names).map(|name| format!(r#""n{name}":["{name}","{}"]"#, name + names));
        let expected = format!(r#""form":{{{}}}"#, groups.collect::<Vec<_>>().join(","));
        assert!(form_of(names).contains(&expected), "{names}");
    }
}
