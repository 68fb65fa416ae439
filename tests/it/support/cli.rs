//! The binary's commands.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::readers::manifest;

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Finished {
    /// Its output, when it went well.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.out
    }

    /// Each line of its output as JSON, when it went well.
    pub fn json_lines(self) -> Vec<serde_json::Value> {
        self.ok()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }
}

/// The binary with these arguments, with an environment of nothing.
pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    command_of(&program(env!("CARGO_BIN_EXE_tendlc-relay")), dir, arguments)
}

/// The program that was built for the tests, or the one of its name in the directory `TENDLC_TEST_PROGRAMS`, such as
/// `target/release`: figures want that one.
pub fn program(built: &str) -> PathBuf {
    let built = Path::new(built);
    match std::env::var_os("TENDLC_TEST_PROGRAMS") {
        Some(programs) => manifest("").join(programs).join(built.file_name().unwrap()),
        None => built.to_owned(),
    }
}

/// The same of another version's binary.
pub fn command_of(program: &Path, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).args(arguments).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

pub fn run(command: &mut Command) -> Finished {
    finished(command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// Runs it with this on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Finished {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_bytes().to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    finished(output)
}

fn finished(output: std::process::Output) -> Finished {
    let text =
        |bytes| String::from_utf8(bytes).unwrap_or_else(|_| panic!("not UTF-8 from {:?}", output.status));
    Finished {
        code: output.status.code(),
        out: text(output.stdout.clone()),
        err: text(output.stderr.clone()),
    }
}
