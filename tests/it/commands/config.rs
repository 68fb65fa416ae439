//! `check-config`, and what a start refuses.

use crate::support::callback::{AUTH_ID, MAIN_TOKEN, ORIGIN, TOKEN};
use crate::support::cli::{self, Finished};
use crate::support::config::{Config, account};
use crate::support::relay::Home;

fn check(config: &str) -> Finished {
    Home::new(config).run(&["check-config"])
}

/// The configuration is refused, and the text has all of these parts.
fn refused(config: &str, parts: &[&str]) {
    let finished = check(config);
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    for part in parts {
        assert!(finished.err.contains(part), "no {part:?} in:\n{}", finished.err);
    }
    assert!(!finished.err.contains(TOKEN), "a token in:\n{}", finished.err);
}

#[test]
fn the_effective_configuration_is_printed_without_its_secrets() {
    let home = Home::new(&Config::files().text());
    let printed = home.run(&["check-config"]).ok();
    for secret in [TOKEN, MAIN_TOKEN] {
        assert!(!printed.contains(secret), "{printed}");
    }
    for part in ["***", AUTH_ID, ORIGIN, "request_deadline", "dedupe_window", "retention"] {
        assert!(printed.contains(part), "no {part} in:\n{printed}");
    }
    // What is printed is a configuration too.
    let again = check(&printed.replace("***", "t0ken-other"));
    assert_eq!(again.ok(), printed);
}

#[test]
fn a_mistake_is_named_with_its_file_its_key_and_what_is_accepted() {
    let file = "relay.toml";
    refused(&Config::files().ingress("listn = \"1\"").text(), &[file, "ingress.listn", "listen"]);
    refused(&Config::files().spool("max_size = \"huge\"").text(), &[file, "spool.max_size", "GiB"]);
    refused(&Config::files().spool("queue = \"many\"").text(), &[file, "spool.queue", "many"]);
    let slow = Config::files().ingress("limits = { request_deadline = \"9s\" }");
    refused(&slow.text(), &[file, "ingress.limits.request_deadline", "7500ms"]);
    let rabbit = Config::new().tables("[sinks.x]\ntype = \"rabbit\"");
    refused(&rabbit.text(), &[file, "sinks.x", "rabbit", "kafka"]);
    let unsafe_property = "[sinks.k]\ntype = \"kafka\"\nservers = [\"h:1\"]\nproperties = { acks = \"1\" }";
    refused(&Config::new().tables(unsafe_property).text(), &[file, "sinks.k", "acks", "lost"]);
    refused("[ingress\n", &[file]);
}

#[test]
fn several_mistakes_are_told_at_once() {
    let config = Config::files().ingress("listn = \"1\"").spool("max_size = \"huge\"");
    refused(&config.text(), &["listn", "max_size"]);
}

#[test]
fn a_relay_that_could_verify_nothing_does_not_start() {
    let no_account = Config::files().accounts("").text();
    refused(&no_account, &["token"]);
    let home = Home::new(&no_account);
    let started = home.run(&["serve"]);
    assert_eq!(started.code, Some(2), "{started:#?}");
    assert!(!home.path("spool").exists(), "it went on before it looked");
    let no_token = format!("[accounts.acme]\nauth_id = \"{AUTH_ID}\"");
    refused(&Config::files().accounts(&no_token).text(), &["accounts.acme", "tokens"]);
}

#[test]
fn a_route_on_which_a_callback_could_cost_too_much_is_refused() {
    let accounts: String =
        (0..40).map(|n| account(&format!("a{n}"), &format!("MA{n}"), &format!("t0ken-{n}"), None)).collect();
    refused(&Config::files().accounts(&accounts).text(), &["routes", "HMAC", "64"]);
    let pinned = "[ingress.routes.tenant]\npath = \"/cb/{account}/{tag}/\"";
    check(&Config::files().accounts(&accounts).tables(pinned).text()).ok();
}

#[test]
fn the_environment_lies_over_the_file() {
    let home = Home::new(&Config::files().accounts("").text());
    let config = home.path("relay.toml");
    let mut command = home.command(&["check-config", "--config", config.to_str().unwrap()]);
    command.env("TENDLC_INGRESS__DRAIN_DELAY", "7s").env("TENDLC_ACCOUNTS__ACME__AUTH_ID", "MAENV");
    let printed = cli::run(command.env("TENDLC_ACCOUNTS__ACME__TOKENS", "t0ken-one,t0ken-two")).ok();
    assert!(printed.contains("drain_delay = \"7s\"") && printed.contains("MAENV"), "{printed}");
    assert!(!printed.contains("t0ken"), "{printed}");

    let mut command = home.command(&["check-config", "--config", config.to_str().unwrap()]);
    let wrong = cli::run(command.env("TENDLC_INGRES__DRAIN_DELAY", "7s"));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("TENDLC_INGRES__DRAIN_DELAY"), "{}", wrong.err);
}

#[test]
fn plivos_own_variables_are_enough_for_an_account() {
    let home = Home::new("");
    let mut command = home.command(&["check-config"]);
    command.env("PLIVO_AUTH_ID", AUTH_ID).env("PLIVO_AUTH_TOKEN", TOKEN);
    let printed = cli::run(command.env("TENDLC_INGRESS__PUBLIC_URLS", ORIGIN)).ok();
    assert!(printed.contains("[accounts.default]") && printed.contains(AUTH_ID), "{printed}");
    assert!(printed.contains("type = \"file\""), "no broker is needed:\n{printed}");
}
