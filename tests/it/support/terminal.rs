//! A terminal, and somebody who answers a question on it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::cli::Finished;

/// Runs a command whose input and errors are on a terminal, and answers the question that it asks there.
pub fn answer(command: &mut Command, answer: &str) -> Finished {
    let (mut master, screen) = opened();
    command.stdin(screen.try_clone().unwrap()).stderr(screen).stdout(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // Only the child holds the terminal now, so that its end is the end of what can be read.
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let mut seen = Vec::new();
    read_until(&mut master, &mut seen, Some("[y/N] "));
    writeln!(master, "{answer}").unwrap();
    read_until(&mut master, &mut seen, None);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Finished { code: output.status.code(), out: text(output.stdout), err: text(seen) }
}

/// Runs a command that writes to a terminal, and answers what is on it then.
pub fn shown(command: &mut Command) -> String {
    let (mut master, screen) = opened();
    command.stdin(Stdio::null()).stdout(screen.try_clone().unwrap()).stderr(screen);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut seen = Vec::new();
    read_until(&mut master, &mut seen, None);
    let seen = String::from_utf8(seen).unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?}: {status}: {seen}");
    seen
}

/// A terminal: what its user sees and types, and what a program has.
fn opened() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let screen = File::options().read(true).write(true).open(name).unwrap();
    (File::from(master), screen)
}

/// Reads until this was seen, or until the terminal is closed at its other end.
fn read_until(master: &mut File, seen: &mut Vec<u8>, end: Option<&str>) {
    let mut buffer = [0; 1024];
    while end.is_none_or(|end| !String::from_utf8_lossy(seen).contains(end)) {
        match master.read(&mut buffer) {
            Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
            // EIO is how Linux tells the end.
            _ => {
                assert!(end.is_none(), "no question: {}", String::from_utf8_lossy(seen));
                return;
            }
        }
    }
}
