//! The control socket: for the relay's own user alone, and no matter to callbacks whatever it is sent.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::faults::dice::dice;
use crate::faults::report::{size, unable};
use crate::support::callback::Callback;
use crate::support::cli;
use crate::support::config::Config;
use crate::support::relay::{Home, Relay};

/// Who owns nothing.
const NOBODY: u32 = 65_534;

fn socket(home: &Home) -> PathBuf {
    home.path("spool/control.sock")
}

fn mode(path: &PathBuf) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn allow(path: PathBuf, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn another_user_cannot_command_the_relay_even_where_the_directory_is_open() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    assert_eq!((mode(&home.path("spool")), mode(&socket(&home))), (0o700, 0o600));
    if !rustix::process::getuid().is_root() {
        return unable("only root can be another user", false).unwrap_or_default();
    }
    // Where that user gets at the program, the configuration and the directory.
    let program = home.path("tendlc-relay");
    std::fs::copy(env!("CARGO_BIN_EXE_tendlc-relay"), &program).unwrap();
    for (path, mode) in [("", 0o755), ("relay.toml", 0o644), ("tendlc-relay", 0o755), ("spool", 0o777)] {
        allow(home.path(path), mode);
    }
    let as_user = |user: u32, words: &str| {
        let mut command = Command::new(&program);
        command.current_dir(home.path("")).env_clear().uid(user).gid(user);
        cli::run(command.args(words.split(' ')).args(["--config", "relay.toml"]))
    };
    for words in [
        "drain --yes",
        "sinks list --json",
        "dead requeue --yes --sink files --all",
        "sinks forget --yes files",
    ] {
        let refused = as_user(NOBODY, words);
        assert!(refused.code.is_some_and(|code| code != 0), "{words}: {refused:?}");
    }
    let refused = as_user(NOBODY, "drain --yes");
    assert!(
        refused.err.contains("cannot reach the relay") && refused.err.contains("Permission denied"),
        "{refused:?}"
    );
    assert_eq!(relay.admin("/readyz").status, 200);
    relay.accept(&Callback::new("brand", "created"));
    assert!(home.run(&["spool", "audit", "--json"]).json_lines().is_empty());
    // The same by its own user.
    assert_eq!(as_user(0, "drain --yes").code, Some(0));
    assert_eq!(relay.admin("/readyz").status, 503);
}

/// Writes it, and answers what comes back.
fn told(home: &Home, frame: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket(home)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The relay may stop reading before all of it is written.
    let _ = stream.write_all(frame);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn assert_untouched(home: &Home, relay: &Relay) {
    assert_eq!(relay.admin("/readyz").status, 200);
    assert!(home.run(&["spool", "audit", "--json"]).json_lines().is_empty());
    assert_eq!(relay.metrics().sum("tendlc_operator_changes_total", &[]), 0.0);
    relay.accept(&Callback::new("brand", "created"));
}

#[test]
fn garbage_and_frames_without_end_are_answered_or_cut_and_change_nothing() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let mut frames: Vec<Vec<u8>> = [
        "", "\n", "{}\n", "null\n", "[]\n", "\"Drain\"\n", "\"drain\" \"drain\"\n", "drain\n", "\"dr\\u0000ain\"\n",
        "{\"drain\":{}}\n", "{\"change\":{}}\n", "{\"change\":{\"change\":{\"forget\":{\"sink\":\"files\"}}}}\n",
        "{\"change\":{\"change\":{\"replay\":{\"sink\":\"files\",\"from\":{\"sequence\":-1}}},\"by\":{\"uid\":0},\"mode\":\"unseen\"}}\n",
        "GET /drain HTTP/1.1\r\nHost: h\r\n\r\n", "\u{1b}[2J\n", "\u{202e}\n",
    ]
    .into_iter()
    .map(|frame| frame.as_bytes().to_vec())
    .collect();
    frames.push(vec![b'x'; 4 << 20]);
    frames.push([b"\"".as_slice(), &vec![b'a'; 300 << 10], b"\"\n"].concat());
    frames.push([b"[".repeat(200_000), b"\n".to_vec()].concat());
    frames.push([b"{\"change\":".repeat(20_000), b"\n".to_vec()].concat());
    let mut dice = dice("control socket");
    frames.extend((0..size(200, 5_000)).map(|_| {
        let noise: Vec<u8> = (0..dice.usize(..200)).map(|_| dice.u8(..)).collect();
        [noise, b"\n".to_vec()].concat()
    }));
    for frame in frames {
        let answer = told(&home, &frame);
        let shown = String::from_utf8_lossy(&frame[..frame.len().min(100)]).into_owned();
        assert!(answer.is_empty() || answer.contains("\"malformed\""), "{shown:?}: {answer}");
        assert!(answer.lines().count() <= 1, "{shown:?}: {answer}");
    }
    assert_untouched(&home, &relay);
    let (_, peak) = relay.process.memory();
    assert!(peak < 256 << 20, "{} MB", peak >> 20);
}

#[test]
fn slow_writers_hold_up_neither_callbacks_nor_the_relays_end() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let slow: Vec<UnixStream> = (0..12)
        .map(|number| {
            let mut stream = UnixStream::connect(socket(&home)).unwrap();
            stream.write_all(if number % 2 == 0 { b"" } else { b"\"dra" }).unwrap();
            stream
        })
        .collect();
    // A command waits its turn, callbacks do not.
    assert_untouched(&home, &relay);
    home.run(&["sinks", "list", "--json"]).ok();
    let slower: Vec<UnixStream> = (0..12).map(|_| UnixStream::connect(socket(&home)).unwrap()).collect();
    relay.stop();
    assert_eq!(slow.len() + slower.len(), 24);
    assert!(!socket(&home).exists());
}
