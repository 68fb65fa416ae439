//! Exit codes, and who may touch the spool.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use crate::support::callback::Callback;
use crate::support::cli;
use crate::support::config::Config;
use crate::support::relay::Home;

#[test]
fn a_spool_that_another_relay_has_is_exit_code_3() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let second = home.run(&["serve"]);
    assert_eq!(second.code, Some(3), "{second:#?}");
    assert!(second.err.contains("spool"), "{}", second.err);
    relay.accept(&Callback::new("brand", "created"));
}

#[test]
fn a_file_that_is_no_spool_is_left_alone_with_exit_code_3() {
    let home = Home::new(&Config::files().text());
    let foreign = "these are somebody's holiday pictures, or so it may be. ".repeat(100);
    home.write("spool/spool.db", &foreign);
    for command in [
        &["serve"][..],
        &["spool", "status"],
        &["events"],
        &["replay", "--yes", "--sink", "files", "--from-sequence", "1"],
    ] {
        let finished = home.run(command);
        assert_eq!(finished.code, Some(3), "{command:?}: {finished:#?}");
        assert!(finished.err.contains("spool.db"), "{command:?}: {}", finished.err);
    }
    assert_eq!(std::fs::read_to_string(home.path("spool/spool.db")).unwrap(), foreign);
}

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_0() {
    let dir = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| cli::run(&mut cli::command(dir.path(), arguments)).code;
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["serve", "--help"]), Some(0));
    assert_eq!(code(&["dance"]), Some(2));
    assert_eq!(code(&["replay"]), Some(2));
    assert_eq!(code(&["check-config", "--config", "nowhere.toml"]), Some(2));
}

#[test]
fn a_port_that_is_taken_is_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let config = Config::files().text().replacen("127.0.0.1:0", &listen, 1);
    let finished = Home::new(&config).run(&["serve"]);
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.err.contains(&listen), "{}", finished.err);
}

#[test]
fn only_the_relays_user_may_read_the_spool_or_command_it() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    let mut sockets = 0;
    for entry in std::fs::read_dir(home.path("spool")).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.metadata().unwrap();
        assert_eq!(kind.permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        sockets += usize::from(kind.file_type().is_socket());
    }
    assert_eq!(sockets, 1, "no control socket");
}
