//! Every callback that Plivo can send lands where it should, on every kind of sink, as independent clients see it.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::support::brokers;
use crate::support::callback::{ACCOUNT, AUTH_ID, Callback, PAIRS, Scheme, Shape};
use crate::support::config::{Config, account, fresh_prefix};
use crate::support::files;
use crate::support::readers::{self, Delivered, topics};
use crate::support::relay::Home;

/// What was sent, by the id that it was answered with.
type Sent = HashMap<String, (&'static str, &'static str, Callback)>;

/// Every pair, in every shape, by every scheme.
fn story() -> Vec<(&'static str, &'static str, Callback)> {
    let mut story = Vec::new();
    for (endpoint, status) in PAIRS {
        for shape in Shape::ALL {
            for scheme in Scheme::ALL {
                story.push((endpoint, status, Callback::new(endpoint, status).shape(shape).scheme(scheme)));
            }
        }
    }
    story
}

#[test]
fn every_pair_shape_and_scheme_arrives_on_kafka_nats_and_files() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let prefix = fresh_prefix("all");
    let home =
        Home::new(&Config::files().kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").text());
    let relay = home.start();
    let sent: Sent = story().into_iter().map(|each| (relay.accept(&each.2), each)).collect();
    assert_eq!(sent.len(), PAIRS.len() * 12, "ids are not unique");
    relay.drained();
    for sink in ["kafka", "nats", "files"] {
        let published = relay.metrics().sum("tendlc_published_total", &[("sink", sink)]);
        assert_eq!(published, sent.len() as f64, "by the relay's own count, on {sink}");
    }

    let on_kafka = readers::kafka(&kafka, &topics(&prefix));
    let on_nats = readers::nats(&nats, &prefix, &[]);
    let in_files = files::events(&home.events());
    for delivered in [&on_kafka, &on_nats] {
        assert_eq!(missing(delivered, &sent), [""; 0], "of {} only {} arrived", sent.len(), delivered.len());
        assert_eq!(delivered.len(), sent.len(), "one arrived twice");
        for one in delivered {
            assert_structured(one);
            assert_event(&one.value, &sent);
            assert_eq!(one.topic, format!("{prefix}.{}", sent[one.id()].0));
        }
    }
    for one in &on_kafka {
        assert_eq!(one.key.as_deref(), Some(sent[one.id()].2.entity()));
    }
    for one in &on_nats {
        assert_eq!(one.header("Nats-Msg-Id"), one.id());
    }
    assert_eq!(in_files.len(), sent.len());
    in_files.iter().for_each(|event| assert_event(event, &sent));
    for lines in [lines(&on_kafka), lines(&on_nats), in_files.iter().collect()] {
        assert_eq!(readers::validate(lines), (sent.len(), 0));
    }
}

/// What was sent and did not arrive: id, endpoint and entity.
fn missing(delivered: &[Delivered], sent: &Sent) -> Vec<String> {
    let arrived: HashSet<&str> = delivered.iter().map(Delivered::id).collect();
    let missing = sent.iter().filter(|(id, _)| !arrived.contains(id.as_str()));
    missing.map(|(id, (endpoint, _, callback))| format!("{id} {endpoint} {}", callback.entity())).collect()
}

fn lines(delivered: &[Delivered]) -> Vec<&Value> {
    delivered.iter().map(|one| &one.line).collect()
}

fn assert_structured(one: &Delivered) {
    assert!(one.header("content-type").starts_with("application/cloudevents+json"), "{:?}", one.headers);
    assert_eq!(one.value["id"], one.id());
    assert!(!one.headers.contains_key("tendlc-replay"));
}

fn assert_event(event: &Value, sent: &Sent) {
    let id = event["id"].as_str().unwrap();
    let (endpoint, status, callback) = &sent[id];
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], format!("com.plivo.10dlc.{endpoint}.{status}"));
    assert_eq!(event["source"], format!("/plivo/{AUTH_ID}/10dlc"));
    assert_eq!(event["subject"], format!("{endpoint}/{}", callback.entity()));
    assert_eq!(event["partitionkey"], callback.entity());
    let data = &event["data"];
    assert_eq!((data["endpoint"].as_str(), data["status"].as_str()), (Some(*endpoint), Some(*status)));
    assert_eq!(data["provider_status"], *status);
    assert_eq!(data["occurrence"], 0);
    let field = match *endpoint {
        "brand" => "brand_id",
        "campaign" => "campaign_id",
        _ => "number",
    };
    assert_eq!(data[field], callback.entity());
    assert_verification(&data["verification"], callback);
    assert_raw(&data["raw"], callback);
}

fn assert_verification(verification: &Value, callback: &Callback) {
    let v3 = callback.scheme.is_v3();
    assert_eq!(verification["scheme"], if v3 { "v3" } else { "v2" });
    assert_eq!(verification["key"], if callback.scheme.is_main() { "main" } else { "account" });
    assert_eq!(verification["account"], ACCOUNT);
    assert_eq!(verification["covers"], if v3 { "url_and_params" } else { "url" });
}

fn assert_raw(raw: &Value, callback: &Callback) {
    for (name, value) in &callback.params {
        match callback.shape {
            Shape::Form => assert_eq!(raw["form"][name], Value::from(vec![value.as_str()])),
            Shape::Query => assert_eq!(raw["query"][name], Value::from(vec![value.as_str()])),
            Shape::Json => assert_eq!(raw["json"][name], *value),
        }
    }
}

#[test]
fn binary_mode_has_the_attributes_in_headers() {
    let (Some(kafka), Some(nats)) = (brokers::kafka(), brokers::nats()) else { return };
    let (prefix, binary) = (fresh_prefix("binary"), "content_mode = \"binary\"");
    let config = Config::new().kafka_sink(&kafka, &prefix, binary).nats_sink(&nats, &prefix, binary);
    let home = Home::new(&config.text());
    let relay = home.start();
    let callbacks = PAIRS.map(|(endpoint, status)| (endpoint, status, Callback::new(endpoint, status)));
    let sent: Sent = callbacks.into_iter().map(|each| (relay.accept(&each.2), each)).collect();
    relay.drained();
    let on_kafka = readers::kafka(&kafka, &topics(&prefix));
    let on_nats = readers::nats(&nats, &prefix, &[]);
    for (delivered, mark) in [(&on_kafka, "ce_"), (&on_nats, "ce-")] {
        assert_eq!(delivered.len(), sent.len());
        for one in delivered {
            assert_eq!(one.header("content-type"), "application/json");
            let (endpoint, status, callback) = &sent[one.id()];
            assert_eq!(one.header(&format!("{mark}id")), one.id());
            assert_eq!(one.header(&format!("{mark}type")), format!("com.plivo.10dlc.{endpoint}.{status}"));
            assert_eq!(one.header(&format!("{mark}specversion")), "1.0");
            assert_verification(&one.value["verification"], callback);
        }
        assert_eq!(readers::validate(lines(delivered)), (0, sent.len()));
    }
}

#[test]
fn a_callback_for_the_one_path_that_serves_all_is_told_apart_by_what_it_says() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let at = |params: &[(&str, &str)]| relay.accept(&Callback::with_params("/tendlc_status/", params));
    at(&[("BrandID", "B77"), ("Status", "REGISTERED")]);
    at(&[("campaign-id", "C77"), ("brand_id", "B77"), ("campaign_status", "ACTIVE")]);
    at(&[("event", "number_unlinking"), ("phoneNumber", "(415) 555-0077"), ("status", "success")]);
    let nested =
        r#"{"data":{"campaign":{"CampaignId":"C78"}},"status":"Campaign failed","reason":"no opt-out"}"#;
    let document = Callback::with_params("/tendlc_status/", &[]).shape(Shape::Json).request().body(nested);
    assert_eq!(relay.request(&document).text("status"), "accepted");
    relay.drained();
    let types: Vec<String> = ["brand", "campaign", "number_unlinking"]
        .iter()
        .flat_map(|endpoint| files::topic_events(&home.events(), &format!("plivo.10dlc.{endpoint}")))
        .map(|event| format!("{} {}", event["type"].as_str().unwrap(), event["subject"].as_str().unwrap()))
        .collect();
    assert_eq!(
        types,
        [
            "com.plivo.10dlc.brand.registered brand/B77",
            "com.plivo.10dlc.campaign.registered campaign/C77",
            "com.plivo.10dlc.campaign.rejected campaign/C78",
            "com.plivo.10dlc.number_unlinking.success number_unlinking/+14155550077",
        ]
    );
}

#[test]
fn an_entitys_story_is_told_in_transitions() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let brand = Callback::new("brand", "created").entity().to_owned();
    for status in ["created", "registered", "created"] {
        relay.accept(
            &Callback::about("brand", status, &brand)
                .param("attempt", status)
                .signed_again()
                .param("n", &crate::support::callback::next().to_string()),
        );
    }
    relay.drained();
    let events = files::topic_events(&home.events(), "plivo.10dlc.brand");
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            (event["data"]["transition"].as_str().unwrap(), event["data"]["previous_status"].as_str())
        })
        .collect();
    assert_eq!(seen, [("first", None), ("advanced", Some("created")), ("regressed", Some("registered"))]);
}

#[test]
fn a_topic_of_each_account_needs_no_more_series() {
    let Some(nats) = brokers::nats() else { return };
    let prefix = fresh_prefix("tenants");
    let accounts = account("one", "MAONE", "t0ken-one", None) + &account("two", "MATWO", "t0ken-two", None);
    let config = Config::new().accounts(&accounts).nats_sink(&nats, &prefix, "").text();
    // All endpoints of an account share its topic, so that an entity's order holds across them.
    let by_account = config.lines().map(|line| match line.split_once(&format!("\"{prefix}.")) {
        Some((key, _)) => format!("{key}\"{prefix}.{{account}}.all\"\n"),
        None => format!("{line}\n"),
    });
    let home = Home::new(&by_account.collect::<String>());
    let relay = home.start();
    let mut sent = Vec::new();
    for (name, token) in [("one", "t0ken-one"), ("two", "t0ken-two")] {
        for endpoint in ["number_linking", "number_unlinking"] {
            let id = relay.accept(&Callback::about(endpoint, "success", "+14155550100").token(token));
            sent.push((format!("{prefix}.{name}.all"), id));
        }
    }
    relay.drained();
    let mut delivered: Vec<_> = readers::nats(&nats, &prefix, &[])
        .iter()
        .map(|one| (one.topic.clone(), one.id().to_owned()))
        .collect();
    delivered.sort_by_key(|(topic, _)| topic.clone());
    assert_eq!(delivered, sent);
    let topic = format!("{prefix}.{{account}}.all");
    assert_eq!(relay.metrics().sum("tendlc_published_total", &[("topic", &topic)]), 4.0);
}

#[test]
fn a_sink_gets_as_much_of_what_was_received_as_its_configuration_says() {
    let sink =
        |name: &str, raw: &str| format!("[sinks.{name}]\ntype = \"file\"\ndir = \"{name}\"\nraw = {raw}\n");
    let config = Config::new().tables(&sink("all", "\"full\"")).tables(&sink("nothing", "\"none\""));
    let home = Home::new(&config.tables(&sink("some", "[\"Brand-ID\"]")).text());
    let relay = home.start();
    relay.accept(&Callback::about("brand", "rejected", "BRAW").param("owner", "Kim"));
    relay.drained();
    let data =
        |dir: &str| files::topic_events(&home.path(dir), "plivo.10dlc.brand").remove(0)["data"].clone();
    assert_eq!(data("all")["raw"]["form"]["owner"][0], "Kim");
    assert_eq!(data("nothing")["raw"], serde_json::json!({}));
    assert_eq!(data("some")["raw"], serde_json::json!({ "form": { "brand_id": ["BRAW"] } }));
    for dir in ["all", "nothing", "some"] {
        assert_eq!((&data(dir)["brand_id"], &data(dir)["status"]), (&"BRAW".into(), &"rejected".into()));
    }
    let wrong = Home::new(&Config::new().tables(&sink("wrong", "\"nome\"")).text()).run(&["check-config"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("sinks.wrong.raw") && wrong.err.contains("none"), "{}", wrong.err);
    relay.stop();
}
