//! `doctor`: what it says of set-ups that are good, and of those that are not.

mod brokers;

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::process::Command;

use serde_json::Value;

use crate::faults::disk::Disk;
use crate::support::callback::{Callback, TOKEN};
use crate::support::cli::{self, Finished};
use crate::support::config::Config;
use crate::support::relay::Home;
use crate::support::wait::until_true;

/// What it found.
struct Findings {
    code: i32,
    rows: Vec<Value>,
}

impl Findings {
    fn of(finished: Finished) -> Self {
        assert!(finished.err.is_empty(), "{finished:#?}");
        let rows: Vec<Value> = finished.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for row in &rows {
            let is_bad = matches!(row["level"].as_str().unwrap(), "warning" | "error");
            assert!(!is_bad || row["next"].is_string(), "no next step: {row}");
            assert!(!row.to_string().contains(TOKEN), "a token: {row}");
        }
        Findings { code: finished.code.unwrap(), rows }
    }

    fn at(home: &Home) -> Self {
        Findings::of(home.run(&["doctor", "--json"]))
    }

    /// The findings of a check as `level: found`.
    fn of_check(&self, check: &str) -> Vec<String> {
        let of = |row: &&Value| row["check"] == check;
        let told =
            |row: &Value| format!("{}: {}", row["level"].as_str().unwrap(), row["found"].as_str().unwrap());
        self.rows.iter().filter(of).map(told).collect()
    }

    /// The only thing that is worse than a note in this check, with its level.
    fn problem(&self, check: &str) -> String {
        let found = self.of_check(check);
        let bad: Vec<&String> =
            found.iter().filter(|it| it.starts_with("warning") || it.starts_with("error")).collect();
        assert_eq!(bad.len(), 1, "{check}: {found:#?}");
        bad[0].clone()
    }

    /// That nothing is worse than a note, in this check.
    fn assert_fine(&self, check: &str) {
        let found = self.of_check(check);
        let is_fine = |it: &String| it.starts_with("ok") || it.starts_with("note");
        assert!(!found.is_empty() && found.iter().all(is_fine), "{check}: {found:#?}");
    }

    /// The code follows from the rows.
    fn assert_code(&self) {
        let is = |row: &Value, level: &str| row["level"] == level;
        let is_bad = |check: &str| self.rows.iter().any(|row| row["check"] == check && is(row, "error"));
        let expected = match () {
            () if is_bad("configuration") => 2,
            () if is_bad("spool") => 3,
            () if self.rows.iter().any(|row| is(row, "error") || is(row, "warning")) => 1,
            () => 0,
        };
        assert_eq!(self.code, expected, "{:#?}", self.rows);
    }
}

/// A home as an operator would make it: nobody else may read the tokens.
fn home(config: &Config) -> Home {
    let home = Home::new(&config.text());
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(home.path("relay.toml"), private).unwrap();
    home
}

/// Every file below the home with its checksum. What SQLite puts beside a database for as long as it is read, and leaves
/// there, is not counted: an empty log, and what its readers share.
fn files(home: &Home) -> BTreeMap<String, u32> {
    let mut files = BTreeMap::new();
    let mut dirs = vec![home.path("")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let (name, content) = (path.display().to_string(), std::fs::read(&path).unwrap_or_default());
                if !(name.ends_with("-shm") || (name.ends_with("-wal") && content.is_empty())) {
                    files.insert(name, crc32fast::hash(&content));
                }
            }
        }
    }
    files
}

#[test]
fn a_good_set_up_is_fine_before_its_first_start_while_it_runs_and_stopped_and_is_left_as_it_is() {
    let home = home(&Config::files());
    let fine = |before: bool| {
        let found = Findings::at(&home);
        for check in ["configuration", "accounts", "public URL", "spool", "relay", "clock", "sink files"] {
            found.assert_fine(check);
        }
        for check in ["disk", "open files"] {
            assert!(!found.of_check(check).is_empty(), "{check}");
        }
        found.assert_code();
        assert_eq!(found.of_check("spool").join(" ").contains("there is none"), before);
        found
    };
    let untouched = files(&home);
    assert!(fine(true).of_check("relay")[0].contains("no relay runs"));
    assert_eq!(files(&home), untouched);

    let relay = home.start();
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    let pid = relay.process.pid().as_raw_nonzero().to_string();
    let running = fine(false).of_check("relay");
    assert!(running[0].contains("a relay runs") && running[0].contains(&pid), "{running:?}");
    relay.accept(&Callback::new("brand", "created"));
    relay.stop();

    let untouched = files(&home);
    assert!(fine(false).of_check("spool")[0].contains("the latest is 2"));
    assert_eq!(files(&home), untouched);
}

#[test]
fn a_wrong_configuration_is_exit_code_2_and_the_rest_is_looked_at_all_the_same() {
    let no_token = home(&Config::files().accounts(""));
    let found = Findings::at(&no_token);
    assert_eq!(found.code, 2);
    assert!(found.problem("configuration").contains("no account"), "{:#?}", found.rows);
    found.assert_fine("sink files");

    let nonsense = home(&Config::files().spool("queue = \"many\""));
    let found = Findings::at(&nonsense);
    assert_eq!(found.code, 2);
    assert!(found.problem("configuration").contains("spool.queue"), "{:#?}", found.rows);
}

#[test]
fn a_spool_that_cannot_be_used_is_exit_code_3() {
    let home = home(&Config::files());
    home.write("spool/spool.db", &"somebody's holiday pictures ".repeat(100));
    let untouched = files(&home);
    let found = Findings::at(&home);
    assert_eq!(found.code, 3, "{:#?}", found.rows);
    assert!(found.problem("spool").contains("not a spool"), "{:#?}", found.rows);
    assert_eq!(files(&home), untouched);
}

#[test]
fn a_spool_that_was_put_back_to_a_copy_has_a_mark_that_is_ahead() {
    let home = home(&Config::files());
    let accept = |times: usize| {
        let relay = home.start();
        for _ in 0..times {
            relay.accept(&Callback::new("brand", "created"));
        }
        relay.drained();
        relay.stop();
    };
    accept(1);
    let (database, copy) = (home.path("spool/spool.db"), home.path("copy"));
    std::fs::copy(&database, &copy).unwrap();
    accept(2);
    Findings::at(&home).assert_fine("spool");
    std::fs::copy(&copy, &database).unwrap();
    let found = Findings::at(&home);
    assert!(
        found.problem("spool").contains("up to 3 were acknowledged, and the latest there is 1"),
        "{:#?}",
        found.rows
    );
    assert_eq!(found.code, 1);
}

#[test]
fn tokens_that_others_may_read_and_urls_that_plivo_cannot_call_are_told() {
    let config = Config::files().text().replace("https://relay.example.com", "http://relay.example.com");
    let home = Home::new(&config);
    std::fs::set_permissions(home.path("relay.toml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = Findings::at(&home);
    assert!(found.problem("accounts").contains("relay.toml"), "{:#?}", found.rows);
    assert!(found.problem("public URL").contains("not encrypted"), "{:#?}", found.rows);
    assert_eq!(found.code, 1);
}

#[test]
fn a_running_relay_tells_which_sink_is_down() {
    let home = home(&Config::files().nats_sink("nats://127.0.0.1:9", "p", ""));
    let relay = home.start();
    until_true("a sink that is down", || relay.sink("nats")["last_error"].is_string());
    let found = Findings::at(&home);
    let problem = found.problem("relay");
    assert!(problem.contains("its sink nats is down") && problem.contains("refused"), "{problem}");
    assert_eq!(found.code, 1);
}

#[test]
fn what_waits_for_an_operator_is_told() {
    let home = home(&Config::files());
    let relay = home.start();
    let first = Callback::new("brand", "created");
    relay.accept(&first);
    let answer = relay.send(&first.param("padding", "other content"));
    assert_eq!((answer.status, answer.text("status").as_str()), (200, "quarantined"), "{answer:?}");
    let found = Findings::at(&home);
    assert!(found.problem("spool").contains("quarantine: 1"), "{:#?}", found.rows);
    relay.stop();
}

#[test]
fn a_full_disk_is_told() {
    let Some(disk) = Disk::tmpfs(4) else { return };
    std::fs::DirBuilder::new().mode(0o700).create(disk.path().join("spool")).unwrap();
    let path = disk.path().join("spool").display().to_string();
    let home = home(&Config::files());
    let look = || {
        let mut command = home.command(&["doctor", "--json", "--config", "relay.toml"]);
        Findings::of(cli::run(command.env("TENDLC_SPOOL__PATH", &path))).of_check("disk").join("\n")
    };
    let told = look();
    assert!(told.contains("error: tmpfs") && told.contains("the disk is full"), "{told}");
    assert!(told.contains("a sync takes"), "{told}");
    let mut filler = std::fs::File::create(disk.path().join("filler")).unwrap();
    while std::io::Write::write_all(&mut filler, &[0xaa; 4096]).is_ok() {}
    let told = look();
    assert!(told.contains("error: nothing can be written to"), "{told}");
}

#[test]
fn a_low_limit_on_open_files_is_told() {
    let home = home(&Config::files());
    let limited = |limit: &str| {
        let script = format!("ulimit -n {limit} && exec \"$@\"");
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_tendlc-relay");
        command.args(["-c", &script, "sh", program, "doctor", "--json", "--config", "relay.toml"]);
        Findings::of(cli::run(command.current_dir(home.path("")).env_clear()))
    };
    let low = limited("512").problem("open files");
    assert!(low.contains("may open 512 files") && low.contains("4352"), "{low}");

    // A running relay's own limit counts, whatever this shell's is.
    let relay = home.start_with(|command| {
        command.env("TENDLC_INGRESS__LIMITS__CONNECTIONS", "16");
    });
    let pid = relay.process.pid().as_raw_nonzero().to_string();
    let own = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let own = own.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
    let own = own.split_whitespace().nth(3).unwrap().to_owned();
    let told = limited("512").of_check("open files").join("");
    assert!(told.contains(&format!("the running relay may open {own} files")), "{told}");
    relay.stop();
}
