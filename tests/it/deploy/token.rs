//! The first step of docker-compose.yml: a token for the relay, and the same for plivo-sim.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::callback::{AUTH_ID, Callback, ORIGIN, TOKEN};
use crate::support::cli;
use crate::support::config::Config;
use crate::support::readers::manifest;
use crate::support::relay::Home;

/// Runs it with this file given, and answers what it said.
fn run(given: &str, dir: &TempDir) -> String {
    let mut command = Command::new("sh");
    command.arg(manifest("deploy/relay/token.sh")).arg(given).arg(dir.path());
    cli::run(command.env("PLIVO_AUTH_ID", AUTH_ID)).ok()
}

fn token(dir: &TempDir) -> String {
    std::fs::read_to_string(dir.path().join("token")).unwrap()
}

#[test]
fn a_token_is_made_up_once_and_gives_way_to_one_that_is_given() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(run("/dev/null", &dir).contains("made up"));
    let made = token(&dir);
    assert!(made.len() == 64 && made.chars().all(|c| c.is_ascii_hexdigit()), "{made}");
    assert_eq!(run("/dev/null", &dir), "");
    assert_eq!(token(&dir), made);
    run("/dev/null", &other);
    assert_ne!(token(&other), made);

    let given = other.path().join("given");
    std::fs::write(&given, format!("{TOKEN}\nthe-old-one\n")).unwrap();
    assert_eq!(run(given.to_str().unwrap(), &dir), "");
    assert_eq!(token(&dir), format!("{TOKEN}\nthe-old-one\n"));
    for name in ["token", "world.toml"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_relay_and_the_simulator_agree_on_it() {
    let dir = tempfile::tempdir().unwrap();
    run("/dev/null", &dir);
    let file = dir.path().join("token");
    let account =
        format!("[accounts.default]\nauth_id = \"{AUTH_ID}\"\ntokens_file = \"{}\"", file.display());
    let home = Home::new(&Config::files().accounts(&account).text());
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created").token(&token(&dir)));
    let to = format!("{ORIGIN}/tendlc_status/");
    let via = format!("http://{}", relay.callbacks);
    let arguments = ["send", "--world", "world.toml", "--to", &to, "--via", &via, "--callbacks", "30"];
    let simulator = Path::new(env!("CARGO_BIN_EXE_plivo-sim"));
    cli::run(&mut cli::command_of(simulator, dir.path(), &arguments)).ok();
    let metrics = relay.metrics();
    assert_eq!(metrics.sum("tendlc_verifications_total", &[("result", "refused")]), 0.0);
    assert_eq!(metrics.sum("tendlc_verifications_total", &[("result", "ok")]), 31.0);
    relay.stop();
}
