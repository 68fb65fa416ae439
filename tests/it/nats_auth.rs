//! NATS as production has it: TLS with a password, a token, an nkey, credentials, a client certificate; each mistake
//! has a message of its own, and the lane goes on when it is mended.

use std::collections::HashSet;

use crate::support::brokers::{nats, variable};
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::readers;
use crate::support::relay::{Home, Relay};
use crate::support::secured::{certificate, last_error, use_certificate};

const CA: &str = "tls = { ca_file = \"ca.pem\" }";
const PASSWORD: &str = "user = \"relay\"\npassword_file = \"password\"";

/// A relay's home with a NATS sink for this server, and the name of its stream.
fn home(server: &str, lines: &str) -> (Home, String) {
    let prefix = fresh_prefix("nats-auth");
    let home = Home::new(&Config::new().nats_sink(&variable(server).unwrap(), &prefix, lines).text());
    use_certificate(&home, "ca.pem", "ca.pem");
    home.write("password", &variable("TENDLC_TEST_NATS_PASSWORD").unwrap());
    (home, prefix)
}

/// One callback goes all the way, to a reader that identifies itself like this.
fn delivers(relay: &Relay, server: &str, stream: &str, identity: &[&str]) {
    let id = relay.accept(&Callback::new("campaign", "registered"));
    relay.drained();
    let ca = certificate("ca.pem");
    let mut arguments = vec!["--ca", ca.to_str().unwrap()];
    arguments.extend(identity);
    let delivered = readers::nats(&variable(server).unwrap(), stream, &arguments);
    assert!(delivered.iter().any(|one| one.id() == id), "{id} is not among {delivered:?}");
}

#[test]
fn a_wrong_password_or_ca_is_told_and_mended() {
    if nats().is_none() {
        return;
    }
    let (home, stream) = home("TENDLC_TEST_NATS_TLS_URL", &format!("{CA}\n{PASSWORD}"));
    home.write("password", "t0ken-wrong-password");
    use_certificate(&home, "other-ca.pem", "ca.pem");
    let relay = home.start();
    relay.accept(&Callback::new("campaign", "created"));
    let wrong_ca = last_error(&relay, "nats", &["ca_file"]);

    use_certificate(&home, "ca.pem", "ca.pem");
    let wrong_password = last_error(&relay, "nats", &["password"]);
    assert_ne!(wrong_ca, wrong_password);
    assert_eq!(relay.admin("/readyz").status, 200);

    let password = variable("TENDLC_TEST_NATS_PASSWORD").unwrap();
    home.write("password", &password);
    delivers(&relay, "TENDLC_TEST_NATS_TLS_URL", &stream, &["--user", "relay", "--password", &password]);
}

#[test]
fn every_way_of_being_let_in_works() {
    if nats().is_none() {
        return;
    }
    let (token, nkey, creds) = (
        variable("TENDLC_TEST_NATS_TOKEN"),
        variable("TENDLC_TEST_NATS_NKEY"),
        variable("TENDLC_TEST_NATS_CREDS"),
    );
    let (token, nkey, creds) = (token.unwrap(), nkey.unwrap(), creds.unwrap());
    let (cert, key) = (certificate("client.pem"), certificate("client.key"));
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let mtls = format!("tls = {{ ca_file = \"ca.pem\", cert_file = \"{cert}\", key_file = \"{key}\" }}");
    let cases = [
        ("TENDLC_TEST_NATS_TOKEN_URL", format!("{CA}\ntoken = \"{token}\""), vec!["--token", &token]),
        ("TENDLC_TEST_NATS_TLS_URL", format!("{CA}\nnkey_file = \"{nkey}\""), vec!["--nkey", &nkey]),
        ("TENDLC_TEST_NATS_CREDS_URL", format!("{CA}\ncreds_file = \"{creds}\""), vec!["--creds", &creds]),
        ("TENDLC_TEST_NATS_MTLS_URL", mtls, vec!["--cert", cert, "--key", key]),
    ];
    for (server, lines, identity) in cases {
        let (home, stream) = home(server, &lines);
        delivers(&home.start(), server, &stream, &identity);
    }
}

#[test]
fn every_way_of_being_turned_away_has_its_own_message() {
    if nats().is_none() {
        return;
    }
    let cases = [
        ("TENDLC_TEST_NATS_TLS_EXPIRED_URL", CA, "expired"),
        ("TENDLC_TEST_NATS_MTLS_URL", CA, "certificate"),
        ("TENDLC_TEST_NATS_CREDS_URL", CA, "authoriz"),
        ("TENDLC_TEST_NATS_TLS_URL", "tls = { ca_file = \"nowhere.pem\" }", "nowhere.pem"),
    ];
    let mut messages = HashSet::new();
    for (server, lines, word) in cases {
        let (home, _) = home(server, lines);
        let relay = home.start();
        relay.accept(&Callback::new("campaign", "created"));
        assert!(messages.insert(last_error(&relay, "nats", &[word])), "told before: {messages:?}");
        assert_eq!(relay.metrics().sum("tendlc_depth", &[("sink", "nats")]), 1.0, "{server}: dropped");
    }
}
