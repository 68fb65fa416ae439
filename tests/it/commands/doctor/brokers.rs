//! What `doctor` says of the brokers of the sinks: it looks, and makes nothing.

use std::net::TcpListener;

use super::{Findings, home};
use crate::kafka_auth::bearer_token;
use crate::support::brokers::{Own, kafka, lasting_port, nats, variable};
use crate::support::config::{Config, fresh_prefix, topics};
use crate::support::readers;
use crate::support::relay::Home;
use crate::support::secured::use_certificate;

#[test]
fn kafka_topics_are_looked_at_and_none_is_made() {
    let Some(server) = kafka() else { return };
    let prefix = fresh_prefix("doctor");
    let made_by_relay = home(&Config::new().kafka_sink(&server, &prefix, ""));
    let found = Findings::at(&made_by_relay);
    found.assert_fine("sink kafka");
    assert!(found.of_check("sink kafka")[0].contains("does not exist yet"), "{:#?}", found.rows);

    let sink =
        format!("[sinks.kafka]\ntype = \"kafka\"\nservers = [\"{server}\"]\n{}", topics("kafka", &prefix));
    let made_by_hand = home(&Config::new().tables(&sink));
    let found = Findings::at(&made_by_hand);
    let missing = found.problem("sink kafka");
    assert!(missing.starts_with("error") && missing.contains("does not exist"), "{missing}");
    for topic in readers::topics(&prefix) {
        assert!(missing.contains(&topic), "{topic} was made: {missing}");
    }
    found.assert_code();

    readers::make(&["topics", &server, &prefix]);
    let found = Findings::at(&made_by_hand);
    found.assert_fine("sink kafka");
    let told = found.of_check("sink kafka").join("\n");
    assert!(told.contains("1 partitions, 1 replicas, min.insync.replicas 1"), "{told}");
    assert!(told.contains("the only copy"), "{told}");

    readers::make(&["config", &server, &prefix, "min.insync.replicas", "2"]);
    let found = Findings::at(&made_by_hand);
    let wrong = found.problem("sink kafka");
    assert!(wrong.starts_with("error") && wrong.contains("min.insync.replicas is 2"), "{wrong}");
    found.assert_code();
}

#[test]
fn kafka_is_looked_at_as_whoever_the_relay_is() {
    let Some(plain) = kafka() else { return };
    let prefix = fresh_prefix("doctor");
    readers::make(&["topics", &plain, &prefix]);
    let server = variable("TENDLC_TEST_KAFKA_SASL_SSL").unwrap();
    let of = |sasl: &str, password: &str| {
        let lines = format!("tls = {{ ca_file = \"ca.pem\" }}\nsasl = {{ {sasl} }}");
        let config = Config::new().kafka_sink(&server, &prefix, &lines).text();
        let home = Home::new(&config.replace("enabled = true", "enabled = false"));
        use_certificate(&home, "ca.pem", "ca.pem");
        home.write("password", password);
        home.write("token", &bearer_token());
        Findings::at(&home)
    };
    let scram = "mechanism = \"SCRAM-SHA-512\", username = \"relay\", password_file = \"password\"";
    let password = variable("TENDLC_TEST_KAFKA_PASSWORD").unwrap();
    let good = of(scram, &password);
    good.assert_fine("sink kafka");
    let told = good.of_check("sink kafka").join("\n");
    assert!(told.contains("min.insync.replicas 1"), "{told}");
    assert!(
        good.of_check("accounts").iter().any(|it| it.contains("password holds secrets")),
        "{:#?}",
        good.rows
    );
    assert!(!format!("{:?}", good.rows).contains(&password));

    let wrong = of(scram, "t0ken-wrong-password").problem("sink kafka");
    assert!(wrong.starts_with("error") && wrong.contains("credentials are not accepted"), "{wrong}");

    // Under this mechanism the client library asks no more than what a producer asks.
    let bearer = of("mechanism = \"OAUTHBEARER\", token_file = \"token\"", "");
    bearer.assert_fine("sink kafka");
    let told = bearer.of_check("sink kafka").join("\n");
    assert!(told.contains("1 partitions, 1 replicas") && told.contains("cannot be known"), "{told}");
}

#[test]
fn a_nats_stream_is_looked_at_and_none_is_made() {
    let Some(url) = nats() else { return };
    let prefix = fresh_prefix("doctor");
    let home = home(&Config::new().nats_sink(&url, &prefix, ""));
    let found = || Findings::at(&home);
    for _ in 0..2 {
        let found = found();
        found.assert_fine("sink nats");
        let told = found.of_check("sink nats").join("\n");
        assert!(told.contains("does not exist yet"), "it was made: {told}");
    }

    readers::make(&["stream", &url, &prefix, "5"]);
    let short = found();
    let problem = short.problem("sink nats");
    assert!(problem.starts_with("error") && problem.contains("less than 10 minutes"), "{problem}");
    assert!(
        short.rows.iter().any(|row| row["next"].as_str().is_some_and(|next| next.contains("--dupe-window")))
    );
    short.assert_code();

    readers::make(&["stream", &url, &prefix, "600"]);
    let good = found();
    good.assert_fine("sink nats");
    let told = good.of_check("sink nats").join("\n");
    for part in ["takes every subject", "duplicate window 10m", "the server's clock", "cannot be known"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }

    // Longer than the stream remembers.
    let home = super::home(&Config::new().spool("dedupe_window = \"1h\"").nats_sink(&url, &prefix, ""));
    let short = Findings::at(&home);
    assert!(short.problem("sink nats").contains("spool.dedupe_window (1h)"), "{:#?}", short.rows);
}

#[test]
fn a_nats_server_that_has_monitoring_tells_that_it_syncs() {
    let Some(mut server) = Own::nats() else { return };
    let monitor = format!("127.0.0.1:{}", lasting_port());
    server.configure(&format!("http: \"{monitor}\"\n"));
    server.start();
    let home = home(&Config::new().nats_sink(&server.address(), &fresh_prefix("doctor"), ""));
    let url = format!("http://{monitor}");
    let found = Findings::of(home.run(&["doctor", "--json", "--nats-monitor", &url]));
    let told = found.of_check("sink nats");
    assert!(told.iter().any(|it| it.starts_with("ok: the server syncs before it acknowledges")), "{told:#?}");
}

#[test]
fn brokers_that_cannot_be_reached_are_findings() {
    // It takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    let of = |kafka: &str, nats: &str| {
        let config = Config::files().kafka_sink(kafka, "p", "").nats_sink(nats, "p", "");
        let found = Findings::at(&home(&config));
        found.assert_fine("sink files");
        assert_eq!(found.code, 1);
        (found.problem("sink kafka"), found.problem("sink nats"))
    };
    let (kafka, nats) = of("127.0.0.1:9", "nats://127.0.0.1:9");
    assert!(kafka.contains("refused") && nats.contains("refused"), "{kafka}\n{nats}");
    let (kafka, nats) = of(&silent.to_string(), &format!("nats://{silent}"));
    assert!(kafka.starts_with("error") && nats.starts_with("error"), "{kafka}\n{nats}");
    assert!(kafka.contains(&silent.to_string()) && nats.contains(&silent.to_string()), "{kafka}\n{nats}");
}
