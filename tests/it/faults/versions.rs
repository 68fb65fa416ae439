//! Upgrade and rollback: a spool goes from this version to the one before, back, and there again.
//!
//! The version before is that of the last tag `v*` before this commit; `make torture` builds it. `TENDLC_TEST_PREVIOUS`
//! names another revision to be compared with, tag or not.
//!
//! Beside that a spool of the oldest format that this version has to read is kept in `tests/vectors`, as the program of
//! its time wrote it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::report::{say, unable};
use crate::support::callback::Callback;
use crate::support::cli::program;
use crate::support::config::Config;
use crate::support::files;
use crate::support::readers::{is_torture, manifest};
use crate::support::relay::{Home, Relay};

/// The program of the version before, and its revision.
fn previous() -> Option<(PathBuf, String)> {
    let Some(revision) = named().or_else(last_tag) else {
        return unable("there is no tag v* before this commit: no version before to compare with", false);
    };
    let folder =
        manifest("target/previous").join(output(git(&["rev-parse", &format!("{revision}^{{commit}}")])));
    let program = folder.join("tendlc-relay");
    if !program.exists() {
        if !is_torture() {
            return unable(&format!("{revision} was not built yet: make torture does"), false);
        }
        build(&revision, &folder);
    }
    Some((program, revision))
}

fn named() -> Option<String> {
    std::env::var("TENDLC_TEST_PREVIOUS").ok().filter(|revision| !revision.is_empty())
}

/// The last one before this commit, which may have a tag of its own.
fn last_tag() -> Option<String> {
    let found = git(&["describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^"]).output().ok()?;
    found.status.success().then(|| String::from_utf8(found.stdout).unwrap().trim().to_owned())
}

/// Builds the relay of this revision, with dependencies of its own.
fn build(revision: &str, folder: &Path) {
    let source = folder.join("source");
    std::fs::create_dir_all(&source).unwrap();
    let mut archive = git(&["archive", revision]).stdout(Stdio::piped()).spawn().unwrap();
    let unpacked = Command::new("tar").arg("-xC").arg(&source).stdin(archive.stdout.take().unwrap()).status();
    assert!(archive.wait().unwrap().success() && unpacked.unwrap().success(), "git archive {revision}");
    let target = manifest("target/previous/build");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(&source)
        .args(["build", "--locked", "--bin", "tendlc-relay", "--target-dir"])
        .arg(&target);
    output(cargo);
    std::fs::copy(target.join("debug/tendlc-relay"), folder.join("tendlc-relay")).unwrap();
}

fn git(arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(manifest("")).args(arguments);
    command
}

fn output(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A spool that goes from program to program, and what was answered while each of them ran.
struct Journey {
    home: Home,
    taken: Vec<(Callback, String)>,
}

impl Journey {
    fn new() -> Self {
        Journey { home: Home::new(&Config::files().text()), taken: Vec::new() }
    }

    /// A stretch of it with this program, to its end in good order or by kill -9: what was taken before is known, and more
    /// is taken.
    fn goes_on_with(&mut self, program: &Path, killed: bool) {
        let relay = self.home.start_program(program);
        for (callback, id) in &self.taken {
            let again = relay.send(callback);
            assert_eq!((again.text("status"), again.text("id")), ("duplicate".to_owned(), id.clone()));
        }
        for turn in 0..20 {
            self.takes(&relay, turn);
        }
        relay.drained();
        if killed { relay.kill() } else { relay.stop() }
    }

    /// Another for each number.
    fn callback(turn: usize, number: usize) -> Callback {
        let status = ["created", "rejected", "registered"][turn % 3];
        Callback::about("brand", status, &format!("B{}", turn % 4)).param("turn", &number.to_string())
    }

    fn takes(&mut self, relay: &Relay, turn: usize) {
        let callback = Journey::callback(turn, self.taken.len());
        let id = relay.accept(&callback);
        // A tampered copy, and the same again under another signature.
        let tampered = relay.send(&callback.clone().param("more", "x"));
        assert_eq!(tampered.text("status"), "quarantined");
        assert_eq!(relay.send(&callback.clone().signed_again()).text("status"), "duplicate");
        self.taken.push((callback, id));
    }

    /// Every program sees every record, and all of them were published in order.
    fn ends(self, programs: [&Path; 2]) -> usize {
        let ids: Vec<&str> = self.taken.iter().map(|(_, id)| id.as_str()).collect();
        for program in programs {
            let listed = self.home.run_program(program, &["events", "--json"]).json_lines();
            assert_eq!(listed.iter().map(id).collect::<Vec<_>>(), ids, "{program:?}");
        }
        self.home.run(&["spool", "verify"]).ok();
        let mut published: Vec<Value> = files::topic_events(&self.home.events(), "plivo.10dlc.brand");
        // What was not known to be published when it was killed goes out again.
        let mut seen = std::collections::HashSet::new();
        published.retain(|event| seen.insert(id(event).to_owned()));
        let mut missing = ids.clone();
        missing.retain(|id| !seen.contains(*id));
        assert!(missing.is_empty() && published.len() == ids.len(), "{missing:?}");
        ids.len()
    }
}

fn id(event: &Value) -> &str {
    event["id"].as_str().unwrap()
}

/// This version's program.
fn own() -> PathBuf {
    program(env!("CARGO_BIN_EXE_tendlc-relay"))
}

fn there_and_back(other: &Path) -> usize {
    let own = &own();
    let mut records = 0;
    for [first, second] in [[own, other], [other, own]] {
        let mut journey = Journey::new();
        for killed in [false, true] {
            journey.goes_on_with(first, killed);
            journey.goes_on_with(second, killed);
        }
        records += journey.ends([first, second]);
    }
    records
}

#[test]
fn a_spool_goes_to_the_version_before_and_back() {
    let Some((program, revision)) = previous() else { return };
    let records = there_and_back(&program);
    say(&format!("versions: spools of this version and of {revision}, {records} records seen by both"));
}

/// What the fixture was made by, and where it is.
const OLDEST: [&str; 2] = ["66ffc72", "tests/vectors/spool-format-2"];

/// Written by the program of format 2, `min_reader` of this one.
#[test]
fn a_spool_of_the_oldest_format_is_opened_and_goes_on() {
    let fixture = manifest(OLDEST[1]);
    let mut journey = Journey::new();
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(fixture.with_extension("tar.gz")).arg("-C").arg(journey.home.path(""));
    output(unpack);
    let taken = std::fs::read_to_string(fixture.with_extension("json")).unwrap();
    journey.taken = serde_json::from_str::<Vec<(u64, String, String)>>(&taken)
        .unwrap()
        .into_iter()
        .map(|(turn, nonce, id)| (Journey::callback(turn as usize, turn as usize).nonce(&nonce), id))
        .collect();
    let own = &own();
    assert_eq!(journey.taken.len(), 20);
    for killed in [true, false] {
        journey.goes_on_with(own, killed);
    }
    journey.ends([own, own]);
}

/// How the fixture was made: with `TENDLC_TEST_PREVIOUS` set to its revision.
#[test]
#[ignore = "writes the fixture, which stays as it is"]
fn the_oldest_spool_is_written_by_the_program_of_its_time() {
    let Some((program, revision)) = previous() else { return };
    assert_eq!(revision, OLDEST[0]);
    let mut journey = Journey::new();
    journey.goes_on_with(&program, false);
    let fixture = manifest(OLDEST[1]);
    let mut pack = Command::new("tar");
    pack.arg("-czf").arg(fixture.with_extension("tar.gz")).arg("-C").arg(journey.home.path(""));
    pack.args(["spool", "events"]);
    output(pack);
    let taken: Vec<_> =
        journey.taken.iter().enumerate().map(|(turn, (one, id))| (turn, &one.nonce, id)).collect();
    std::fs::write(fixture.with_extension("json"), serde_json::to_string_pretty(&taken).unwrap()).unwrap();
}

/// The journey itself has to be one that a version can pass.
#[test]
fn a_spool_goes_from_this_version_to_itself() {
    there_and_back(&own());
}
