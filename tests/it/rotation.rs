//! Tokens and tenants change while the relay runs.

use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::process::Signal;

use crate::support::callback::{AUTH_ID, Callback};
use crate::support::config::{Config, account};
use crate::support::relay::{Home, Relay};
use crate::support::wait::until_true;

/// A configuration whose only tokens stand in `tokens`, one a line.
fn by_file() -> String {
    let account = format!("[accounts.acme]\nauth_id = \"{AUTH_ID}\"\ntokens_file = \"secrets/tokens\"");
    Config::files().accounts(&account).text()
}

fn is_taken(relay: &Relay, token: &str) -> bool {
    relay.send(&Callback::new("brand", "created").token(token)).status == 200
}

fn reloads(relay: &Relay, result: &str) -> f64 {
    relay.metrics().sum("tendlc_account_reloads_total", &[("result", result)])
}

#[test]
fn a_token_is_rotated_by_sighup_and_the_old_one_goes() {
    let home = Home::new(&by_file());
    home.write("secrets/tokens", "t0ken-old\n");
    let relay = home.start();
    assert!(is_taken(&relay, "t0ken-old") && !is_taken(&relay, "t0ken-new"));

    home.write("secrets/tokens", "t0ken-new\nt0ken-old\n");
    relay.process.signal(Signal::HUP);
    until_true("the new token in force", || is_taken(&relay, "t0ken-new"));
    assert!(is_taken(&relay, "t0ken-old"), "a rotation keeps both for a while");
    let slot = |slot| relay.metrics().sum("tendlc_key_matches_total", &[("key", "account"), ("slot", slot)]);
    assert!(slot("1") >= 1.0, "which token matched shows when the old one can go");

    home.write("secrets/tokens", "t0ken-new\n");
    relay.process.signal(Signal::HUP);
    until_true("the old token out of force", || !is_taken(&relay, "t0ken-old"));
    assert!(is_taken(&relay, "t0ken-new"));
    assert!(reloads(&relay, "ok") >= 2.0);
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_old_tokens_in_force_loudly() {
    let home = Home::new(&by_file());
    home.write("secrets/tokens", "t0ken-old\n");
    let relay = home.start();
    std::fs::remove_file(home.path("secrets/tokens")).unwrap();
    relay.process.signal(Signal::HUP);
    until_true("the failed reload counted", || reloads(&relay, "failed") >= 1.0);
    let entries = relay.process.log.entries();
    assert!(
        entries.iter().any(|entry| entry["level"] == "ERROR" && entry.to_string().contains("secrets/tokens"))
    );
    assert!(is_taken(&relay, "t0ken-old"));
    assert_eq!(relay.admin("/readyz").status, 200);

    home.write("secrets/tokens", "");
    let failed = reloads(&relay, "failed");
    relay.process.signal(Signal::HUP);
    until_true("an empty file refused as well", || reloads(&relay, "failed") > failed);
    assert!(is_taken(&relay, "t0ken-old"));
}

#[test]
fn an_account_that_is_added_to_the_main_file_is_known_without_a_restart() {
    let one = account("acme", AUTH_ID, "t0ken-one", None);
    let home = Home::new(&Config::files().accounts(&one).text());
    let relay = home.start();
    assert!(!is_taken(&relay, "t0ken-two"));
    let two = one + &account("other", "MATWO", "t0ken-two", None);
    home.write("relay.toml", &Config::files().accounts(&two).text());
    relay.process.signal(Signal::HUP);
    until_true("the new account", || is_taken(&relay, "t0ken-two"));

    home.write("relay.toml", "[accounts.acme\n");
    let failed = reloads(&relay, "failed");
    relay.process.signal(Signal::HUP);
    until_true("a broken file refused", || reloads(&relay, "failed") > failed);
    assert!(is_taken(&relay, "t0ken-one") && is_taken(&relay, "t0ken-two"));
}

#[test]
fn a_mounted_directory_of_accounts_is_followed_through_a_swapped_link_without_a_signal() {
    let home = Home::new(&Config::files().accounts("").top("accounts_dir = \"mount\"").text());
    let tenant = |name: &str, id: &str, token: &str| {
        account(name, id, token, None).lines().skip(1).map(|line| format!("{line}\n")).collect::<String>()
    };
    home.write("mount/..1/one.toml", &tenant("one", "MAONE", "t0ken-one"));
    symlink("..1", home.path("mount/..data")).unwrap();
    symlink("..data/one.toml", home.path("mount/one.toml")).unwrap();
    let relay = home.start();
    assert!(is_taken(&relay, "t0ken-one") && !is_taken(&relay, "t0ken-two"));

    // As the kubelet does it: all files anew beside the old ones, then one rename.
    home.write("mount/..2/one.toml", &tenant("one", "MAONE", "t0ken-one-rotated"));
    home.write("mount/..2/two.toml", &tenant("two", "MATWO", "t0ken-two"));
    symlink("..data/two.toml", home.path("mount/two.toml")).unwrap();
    swap(&home.path("mount"), "..2");
    until_true("the new tenant", || is_taken(&relay, "t0ken-two"));
    until_true("the rotated token", || is_taken(&relay, "t0ken-one-rotated"));
    assert!(!is_taken(&relay, "t0ken-one"));
    assert_eq!(relay.metrics().sum("tendlc_accounts", &[]), 2.0);
}

fn swap(mount: &Path, target: &str) {
    symlink(target, mount.join("..data_tmp")).unwrap();
    std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
}
