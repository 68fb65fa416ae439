//! Kafka as production has it: SASL_SSL with SCRAM, mTLS, OAUTHBEARER; each mistake has a message of its own, and the
//! lane goes on when it is mended.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::brokers::{kafka, variable};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers::{self, topics};
use crate::support::relay::{Home, Relay};
use crate::support::secured::{last_error, use_certificate};

const SCRAM: &str =
    "sasl = { mechanism = \"SCRAM-SHA-512\", username = \"relay\", password_file = \"password\" }";
const CA: &str = "tls = { ca_file = \"ca.pem\" }";
const MTLS: &str = "tls = { ca_file = \"ca.pem\", cert_file = \"client.pem\", key_file = \"client.key\" }";

/// A relay's home with a Kafka sink for this listener, and what its topics begin with.
fn home(listener: &str, lines: &str) -> (Home, String) {
    let prefix = fresh_prefix("kafka-auth");
    let server = variable(listener).unwrap();
    let home = Home::new(&Config::new().kafka_sink(&server, &prefix, lines).text());
    use_certificate(&home, "ca.pem", "ca.pem");
    home.write("password", &variable("TENDLC_TEST_KAFKA_PASSWORD").unwrap());
    (home, prefix)
}

/// One callback goes all the way.
fn delivers(relay: &Relay, prefix: &str) {
    let id = relay.accept(&Callback::new("brand", "registered"));
    relay.drained();
    let delivered = readers::kafka(&kafka().unwrap(), &topics(prefix));
    assert!(delivered.iter().any(|one| one.id() == id), "{id} is not among {delivered:?}");
    assert_eq!(relay.metrics().sum("tendlc_dead_lettered_total", &[]), 0.0);
}

#[test]
fn scram_over_tls_works_and_a_wrong_password_or_ca_is_told_and_mended() {
    if kafka().is_none() {
        return;
    }
    let (home, prefix) = home("TENDLC_TEST_KAFKA_SASL_SSL", &format!("{CA}\n{SCRAM}"));
    home.write("password", "t0ken-wrong-password");
    use_certificate(&home, "other-ca.pem", "ca.pem");
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    let wrong_ca = last_error(&relay, "kafka", &["ca_file"]);

    use_certificate(&home, "ca.pem", "ca.pem");
    let wrong_password = last_error(&relay, "kafka", &["password"]);
    assert_ne!(wrong_ca, wrong_password);
    assert_eq!(relay.admin("/readyz").status, 200);

    home.write("password", &variable("TENDLC_TEST_KAFKA_PASSWORD").unwrap());
    delivers(&relay, &prefix);
}

#[test]
fn a_client_certificate_is_shown_and_one_that_is_not_accepted_is_told_and_mended() {
    if kafka().is_none() {
        return;
    }
    let (home, prefix) = home("TENDLC_TEST_KAFKA_MTLS", MTLS);
    use_certificate(&home, "other-client.pem", "client.pem");
    use_certificate(&home, "other-client.key", "client.key");
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    last_error(&relay, "kafka", &["certificate"]);

    use_certificate(&home, "client.pem", "client.pem");
    use_certificate(&home, "client.key", "client.key");
    delivers(&relay, &prefix);
}

#[test]
fn every_way_of_being_turned_away_has_its_own_message() {
    if kafka().is_none() {
        return;
    }
    let stranger = format!(
        "{CA}\nsasl = {{ mechanism = \"SCRAM-SHA-512\", username = \"stranger\", password = \"{}\" }}",
        variable("TENDLC_TEST_KAFKA_STRANGER_PASSWORD").unwrap()
    );
    let unreadable = "tls = { ca_file = \"nowhere.pem\" }";
    let cases = [
        ("TENDLC_TEST_KAFKA_EXPIRED", CA, &["expired"][..]),
        ("TENDLC_TEST_KAFKA_MTLS", CA, &["certificate"]),
        ("TENDLC_TEST_KAFKA_SASL_SSL", &stranger, &["stranger"]),
        ("TENDLC_TEST_KAFKA_SASL_SSL", unreadable, &["nowhere.pem"]),
    ];
    let mut messages = HashSet::new();
    for (listener, lines, words) in cases {
        let (home, _) = home(listener, lines);
        let relay = home.start();
        relay.accept(&Callback::new("brand", "created"));
        assert!(messages.insert(last_error(&relay, "kafka", words)), "told before: {messages:?}");
        assert_eq!(relay.metrics().sum("tendlc_dead_lettered_total", &[]), 0.0, "{listener}: dropped");
        assert_eq!(relay.metrics().sum("tendlc_depth", &[("sink", "kafka")]), 1.0, "{listener}");
    }
}

#[test]
fn a_bearer_token_is_taken_from_a_file_and_from_a_program() {
    let Some(plain) = kafka() else { return };
    for source in ["token_file = \"token\"", "token_command = [\"cat\", \"token\"]"] {
        let sasl = format!("{CA}\nsasl = {{ mechanism = \"OAUTHBEARER\", {source} }}");
        let (home, prefix) = home("TENDLC_TEST_KAFKA_SASL_SSL", &sasl);
        // The client library cannot make topics under this mechanism, which is refused.
        let refused = home.run(&["check-config"]);
        assert!(refused.code == Some(2) && refused.err.contains("create.enabled"), "{refused:?}");
        let config = std::fs::read_to_string(home.path("relay.toml")).unwrap();
        home.write("relay.toml", &config.replace("enabled = true", "enabled = false"));
        readers::make(&["topics", &plain, &prefix]);
        home.write("token", &bearer_token());
        delivers(&home.start(), &prefix);
    }
}

/// What the test broker takes: a token that nobody signed.
pub fn bearer_token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!("{{\"sub\":\"relay\",\"iat\":{},\"exp\":{}}}", now - 10, now + 3_600);
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", part("{\"alg\":\"none\"}"), part(&claims))
}

#[test]
fn scram_sha_256_and_plain_work_too() {
    if kafka().is_none() {
        return;
    }
    for (mechanism, user) in [("SCRAM-SHA-256", "relay"), ("PLAIN", "relay")] {
        let sasl = format!(
            "sasl = {{ mechanism = \"{mechanism}\", username = \"{user}\", password_file = \"password\" }}"
        );
        let (home, prefix) = home("TENDLC_TEST_KAFKA_SASL_SSL", &format!("{CA}\n{sasl}"));
        delivers(&home.start(), &prefix);
    }
}
