//! `shim.c`, preloaded into a relay: what its disk and its clock can do to it. Switched while the relay runs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::report::unable;

/// A word of the shim's control file, in its order.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// Milliseconds that the wall clock is ahead.
    Clock = 0,
    /// Which operations fail: 1 sync, 2 write.
    Operations = 1,
    /// How many of them still fail; negative is for ever.
    Left = 2,
    /// How many have failed.
    Failed = 3,
    /// What they fail with.
    Errno = 4,
    /// Not 0: a sync does nothing, and says that it did.
    Unsynced = 5,
    /// How many writes and syncs there were so far.
    Made = 6,
    /// The number of the one that is the end of the process; 0 is never.
    Last = 7,
}

const WORDS: usize = 8;

/// The switches of one relay, which outlive its restarts.
pub struct Shim {
    dir: TempDir,
    control: File,
}

impl Shim {
    /// Switches that are all off; `None` where there is no C compiler.
    pub fn new() -> Option<Self> {
        library()?;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control");
        std::fs::write(&path, [0; WORDS * 8]).unwrap();
        let control = File::options().read(true).write(true).open(path).unwrap();
        Some(Shim { dir, control })
    }

    /// Preloads it into this command.
    pub fn preload(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library().expect("it was there before"));
        command.env("FAULTS_CONTROL", self.dir.path().join("control"));
    }

    /// Preloads it, and has written down what the command does to files in this directory.
    pub fn trace(&self, command: &mut Command, folder: &Path) {
        self.count(command, folder);
        command.env("FAULTS_TRACE", self.trace_path());
    }

    /// Preloads it; what is counted are operations on files in this directory.
    pub fn count(&self, command: &mut Command, folder: &Path) {
        self.preload(command);
        command.env("FAULTS_DIR", folder);
    }

    /// Preloads it; the operations that are told to fail are those on this file of this directory.
    pub fn fail(&self, command: &mut Command, folder: &Path, file: &str) {
        self.count(command, folder);
        command.env("FAULTS_FILE", file);
    }

    /// The file of what was written down.
    pub fn trace_path(&self) -> PathBuf {
        self.dir.path().join("trace")
    }

    pub fn get(&self, word: Word) -> i64 {
        let mut value = [0; 8];
        self.control.read_exact_at(&mut value, word as u64 * 8).unwrap();
        i64::from_ne_bytes(value)
    }

    pub fn set(&self, word: Word, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * 8).unwrap();
    }
}

/// The shared library, compiled once.
fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(compile).as_deref()
}

fn compile() -> Option<PathBuf> {
    let source = crate::support::readers::manifest("tests/it/faults/shim.c");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Under a name of its own until it is whole: another run may be using it.
    let made = tempfile::Builder::new().prefix("shim-").suffix(".so").tempfile_in(dir).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(made.path()).arg(source).arg("-ldl");
    match cc.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        // SQLite and librdkafka are built with it: where the tests are built, it is there.
        Err(error) => return unable(&format!("cc: {error}"), true),
    }
    let library = dir.join("faults-shim.so");
    made.persist(&library).unwrap();
    Some(library)
}
