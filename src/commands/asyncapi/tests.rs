use std::collections::BTreeSet;

use super::*;

const KAFKA: &str = "type = \"kafka\"\nservers = [\"k1:9092\", \"k2:9092\"]\n";
const NATS: &str = "type = \"nats\"\nservers = [\"nats://n:4222\"]\n";
const FILES: &str = "type = \"file\"\ndir = \"./var/events\"\n";
const BINARY: &str = "content_mode = \"binary\"\n";

fn of(sinks: &[(&str, String)]) -> Value {
    with(sinks, &NormalizeConfig::default())
}

fn with(sinks: &[(&str, String)], normalize: &NormalizeConfig) -> Value {
    let sinks = sinks.iter().map(|(name, text)| {
        let config: SinkConfig = toml::from_str(text).unwrap();
        config.validate().unwrap();
        ((*name).to_owned(), config)
    });
    document(&sinks.collect(), normalize).unwrap()
}

/// Every reference in the document.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| match member {
            Value::String(text) if name == "$ref" => found.push(text),
            member => references(member, found),
        }),
        _ => {}
    }
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_topic_of_every_sink_is_a_channel_and_every_reference_leads_somewhere() {
    let document = of(&[
        ("files", FILES.to_owned()),
        ("main", KAFKA.to_owned()),
        ("side", format!("{NATS}{BINARY}required = false\n")),
    ]);
    let channels = document["channels"].as_object().unwrap();
    assert_eq!(channels.len(), 15);
    let addresses: BTreeSet<&str> = channels.values().map(|one| one["address"].as_str().unwrap()).collect();
    assert!(
        addresses.contains("plivo.10dlc.number_linking") && addresses.contains("plivo.10dlc.brand.jsonl")
    );
    assert_eq!(keys(&document["servers"]), ["files", "main-1", "main-2", "side"]);
    assert_eq!(channels["main.brand"]["servers"].as_array().unwrap().len(), 2);
    assert!(channels["side.brand"]["description"].as_str().unwrap().contains("skipped"));
    assert_eq!(document["operations"].as_object().unwrap().len(), 15);
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 60, "{found:?}");
    for one in found {
        assert!(document.pointer(&one[1..]).is_some(), "{one} leads nowhere");
    }
}

#[test]
fn endpoints_that_share_a_topic_share_a_channel_and_an_account_is_a_parameter() {
    let topics =
        "[topics]\nnumber_linking = \"t.{account}.numbers\"\nnumber_unlinking = \"t.{account}.numbers\"\n";
    let document = of(&[("nats", format!("{NATS}{topics}"))]);
    assert_eq!(document["channels"].as_object().unwrap().len(), 4);
    let shared = &document["channels"]["nats.number_linking-number_unlinking"];
    assert_eq!(shared["address"], "t.{account}.numbers");
    assert_eq!(shared["x-jetstream"], json!({ "stream": "PLIVO_10DLC", "filterSubject": "t.*.numbers" }));
    assert_eq!(keys(&shared["parameters"]), ["account"]);
    assert_eq!(keys(&shared["messages"]), ["number_linking", "number_unlinking"]);
    let sent = &document["operations"]["publish.nats.number_linking-number_unlinking"];
    assert_eq!((&sent["action"], sent["messages"].as_array().unwrap().len()), (&json!("send"), 2));
}

#[test]
fn headers_follow_from_broker_and_content_mode() {
    let binary = |text: &str| format!("{text}{BINARY}");
    let document =
        of(&[("k", KAFKA.to_owned()), ("kb", binary(KAFKA)), ("n", NATS.to_owned()), ("nb", binary(NATS))]);
    let messages = &document["components"]["messages"];
    let headers = |message: &str| keys(&messages[message]["headers"]["properties"]);
    assert_eq!(headers("k.brand"), ["idempotency-key", "content-type", "tendlc-replay"]);
    assert!(
        headers("kb.brand").contains(&"ce_subject") && !headers("kb.unrecognized").contains(&"ce_subject")
    );
    assert!(headers("n.brand").ends_with(&["Nats-Msg-Id", "Nats-Expected-Stream"]));
    assert!(headers("nb.brand").contains(&"ce-partitionkey"));
    for (message, payload) in [("k.brand", "brand"), ("nb.brand", "brand.data")] {
        assert_eq!(messages[message]["payload"]["$ref"], format!("#/components/schemas/{payload}"));
    }
    let brand = &document["components"]["schemas"]["brand"]["schema"];
    assert_eq!(document["components"]["schemas"]["brand.data"]["schema"], brand["properties"]["data"]);
}

/// What an example has in its headers is what the document says that it has.
#[test]
fn every_documented_status_has_an_example_with_the_headers_of_its_message() {
    for mode in ["", BINARY] {
        let document = of(&[("k", format!("{KAFKA}{mode}")), ("n", format!("{NATS}{mode}"))]);
        let messages = document["components"]["messages"].as_object().unwrap();
        for (name, message) in messages {
            let examples = message["examples"].as_array().unwrap_or_else(|| panic!("{name} has none"));
            assert_eq!(examples.len(), if name.ends_with("unrecognized") { 1 } else { 3 }, "{name}");
            for example in examples {
                let mut expected = keys(&message["headers"]["properties"]);
                // First events, not replayed.
                expected.retain(|header| *header != "tendlc-replay");
                let mut found = keys(&example["headers"]);
                expected.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, expected, "{name}");
            }
        }
    }
}

#[test]
fn examples_are_read_under_the_configured_aliases() {
    let mut normalize = NormalizeConfig::default();
    normalize.aliases.brand_id = vec!["Marke".to_owned()];
    let document = with(&[("files", FILES.to_owned())], &normalize);
    let example = &document["components"]["messages"]["files.brand"]["examples"][1]["payload"];
    assert_eq!(example["type"], "com.plivo.10dlc.brand.rejected");
    assert_eq!(example["data"]["raw"]["form"]["Marke"], json!(["BRPXS6E"]));
    assert_eq!(
        (&example["data"]["brand_id"], &example["data"]["transition"]),
        (&json!("BRPXS6E"), &json!("advanced"))
    );
    // Where nothing is understood, there is nothing to show, and the document stands.
    normalize.max_parameters = 1;
    let document = with(&[("files", FILES.to_owned())], &normalize);
    assert!(document["components"]["messages"]["files.brand"].get("examples").is_none());
}

#[test]
fn a_sink_that_gets_less_of_what_was_received_says_so_and_shows_it() {
    let document = of(&[("files", format!("{FILES}raw = \"none\"\n"))]);
    let message = &document["components"]["messages"]["files.campaign"];
    assert!(message["description"].as_str().unwrap().contains("nothing"));
    assert_eq!(message["examples"][0]["payload"]["data"]["raw"], json!({}));
}

#[test]
fn files_alone_make_a_document_without_headers_or_bindings() {
    let document = of(&[("files", format!("{FILES}rotate_size = \"1MB\"\n"))]);
    assert_eq!(document["servers"]["files"]["protocol"], "file");
    assert!(document["servers"]["files"]["description"].as_str().unwrap().contains("1MB"));
    let brand = &document["components"]["messages"]["files.brand"];
    assert!(brand.get("headers").is_none() && brand.get("bindings").is_none());
}

#[test]
fn what_the_relay_asks_for_of_a_topic_is_in_its_binding() {
    let create = "[create]\nenabled = true\npartitions = 6\nreplication = 3\nretention = \"30d\"\nmin_insync_replicas = 2\n";
    let binding = |text: &str| {
        let document = of(&[("k", format!("{KAFKA}{text}"))]);
        document["channels"]["k.brand"]["bindings"]["kafka"].clone()
    };
    let settings = json!({ "retention.ms": 2_592_000_000_u64, "min.insync.replicas": 2 });
    let expected =
        json!({ "partitions": 6, "replicas": 3, "topicConfiguration": settings, "bindingVersion": "0.5.0" });
    assert_eq!(binding(create), expected);
    assert_eq!(binding(&create.replace("true", "false")), json!({ "bindingVersion": "0.5.0" }));
}

/// Nothing that opens a door, and nobody's name.
#[test]
fn mechanisms_are_named_and_secrets_are_not() {
    let tls = "[tls]\nca_file = \"/hush/ca\"\ncert_file = \"/hush/cert\"\nkey_file = \"/hush/key\"\n";
    let sasl =
        "[sasl]\nmechanism = \"SCRAM-SHA-512\"\nusername = \"hush-user\"\npassword = \"hush-password\"\n";
    let bearer = "[sasl]\nmechanism = \"OAUTHBEARER\"\ntoken_command = [\"/hush/token\"]\n";
    let document = of(&[
        (
            "scram",
            format!(
                "{KAFKA}{tls}{sasl}[properties]\n\"ssl.endpoint.identification.algorithm\" = \"https\"\n"
            ),
        ),
        ("bearer", format!("{KAFKA}{bearer}")),
        ("mtls", format!("{KAFKA}{tls}")),
        ("user", format!("{NATS}user = \"hush-user\"\npassword = \"hush-password\"\n")),
        ("token", format!("{NATS}token = \"hush-token\"\n")),
        ("nkey", format!("{NATS}nkey_file = \"/hush/nkey\"\n{tls}")),
    ]);
    let text = document.to_string();
    assert!(!text.contains("hush"), "{text}");
    let schemes = &document["components"]["securitySchemes"];
    for (sink, kind) in [
        ("scram", "scramSha512"),
        ("bearer", "http"),
        ("mtls", "X509"),
        ("user", "userPassword"),
        ("token", "apiKey"),
        ("nkey", "asymmetricEncryption"),
    ] {
        assert_eq!(schemes[sink]["type"], kind);
    }
    assert_eq!(document["servers"]["mtls-1"]["protocol"], "kafka-secure");
    assert_eq!(document["servers"]["nkey"]["description"], "By TLS.");
    assert_eq!(document["servers"]["scram-1"]["security"][0]["$ref"], "#/components/securitySchemes/scram");
}

#[test]
fn two_servers_never_share_a_key() {
    let document = of(&[("k", KAFKA.to_owned()), ("k-1", NATS.to_owned())]);
    assert_eq!(keys(&document["servers"]), ["k-1", "k-2", "k-1_"]);
    assert_eq!(document["channels"]["k-1.brand"]["servers"], json!([{ "$ref": "#/servers/k-1_" }]));
}
