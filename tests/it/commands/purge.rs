//! `spool purge` and `spool compact`, while the relay runs and when it does not.

use std::path::Path;

use serde_json::Value;

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::relay::Home;

const PADDING: &str = "what-only-the-body-says";

/// The files of the spool that hold this text.
fn holding(home: &Home, text: &str) -> Vec<String> {
    let hold = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let files = std::fs::read_dir(home.path("spool")).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|file| file.file_type().unwrap().is_file() && hold(&file.path()));
    files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

fn purge(home: &Home, more: &[&str]) -> Value {
    home.run(&[["spool", "purge"].as_slice(), more].concat()).json_lines().remove(0)
}

fn audit(home: &Home) -> String {
    home.run(&["spool", "audit", "--json"]).ok()
}

#[test]
fn an_entity_is_purged_beside_a_running_relay_and_its_retry_is_no_second_event() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let about = |entity: &str| Callback::about("brand", "created", entity).param("padding", PADDING);
    let first = about("BSOMEBODY");
    let id = relay.accept(&first);
    for number in 0..100 {
        relay.accept(&Callback::about("brand", "created", &format!("B{:03}", number * 37 % 101)));
    }
    relay.drained();
    home.run(&["replay", "--sink", "files", "--from-sequence", "1", "--entity", "BSOMEBODY", "--yes"]).ok();
    // Published means that the spool says so.
    crate::support::wait::until_true("the replay and its cursor", || {
        let sinks = home.run(&["sinks", "list", "--json"]).json_lines();
        sinks[0]["cursor"] == 101 && sinks[0]["replays"].as_array().unwrap().is_empty()
    });
    for text in ["BSOMEBODY", PADDING] {
        assert!(!holding(&home, text).is_empty());
    }
    let would = purge(&home, &["--entity", "BSOMEBODY", "--dry-run"]);
    assert_eq!(
        (&would["would"]["purged"]["records"], &would["would"]["unpublished"]),
        (&1.into(), &0.into())
    );
    assert_eq!(home.run(&["spool", "purge", "--entity", "BSOMEBODY"]).code, Some(2), "nobody agreed");
    assert_eq!(home.run(&["spool", "purge", "--yes"]).code, Some(2), "whose?");
    assert!(!holding(&home, PADDING).is_empty());
    let done = purge(&home, &["--entity", "BSOMEBODY", "--yes"]);
    assert_eq!((&done["purged"]["records"], &done["purged"]["entities"]), (&1.into(), &1.into()));
    assert_eq!(done["free_space_rewritten"], true, "{done}");
    for text in ["BSOMEBODY", PADDING] {
        assert_eq!(holding(&home, text), Vec::<String>::new(), "{text}");
    }
    assert!(audit(&home).contains("sha256:") && !audit(&home).contains("BSOMEBODY"), "{}", audit(&home));
    let told = relay.send(&first);
    assert_eq!((told.text("status").as_str(), told.text("id")), ("duplicate", id.clone()));
    assert_eq!(relay.metrics().sum("tendlc_operator_changes_total", &[("change", "purge")]), 2.0);
    relay.stop();
    let relay = home.start();
    let told = relay.send(&first);
    assert_eq!((told.text("status").as_str(), told.text("id")), ("duplicate", id));
    let verified = home.run(&["spool", "verify", "--json"]).json_lines().remove(0);
    assert_eq!((&verified["good"], &verified["good_records"]), (&true.into(), &100.into()));
    relay.stop();
}

#[test]
fn what_is_old_or_of_an_account_is_purged_from_a_stopped_relay_once_every_sink_has_it() {
    let away = "[sinks.away]\ntype = \"nats\"\nservers = [\"nats://127.0.0.1:1\"]\n";
    let home = Home::new(&Config::files().tables(away).text());
    let relay = home.start();
    relay.accept(&Callback::about("brand", "created", "BOLD").param("padding", PADDING));
    relay.kill();
    // Nothing can be older than this moment, which is a day ahead.
    let tomorrow = tendlc_relay::event::Timestamp::now().as_millis() + 86_400_000;
    let before = tendlc_relay::event::Timestamp::from_millis(tomorrow).to_rfc3339();
    for whose in [["--before", before.as_str()], ["--account", "acme"], ["--entity", "BOLD"]] {
        let refused = home.run(&[["spool", "purge", "--yes"].as_slice(), &whose].concat());
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.err.contains("--unpublished"), "{}", refused.err);
    }
    assert!(audit(&home).is_empty() && !holding(&home, "BOLD").is_empty());
    let done = purge(&home, &["--account", "acme", "--unpublished", "--yes"]);
    assert_eq!((&done["purged"]["records"], &done["free_space_rewritten"]), (&1.into(), &true.into()));
    for text in ["BOLD", PADDING] {
        assert_eq!(holding(&home, text), Vec::<String>::new(), "{text}");
    }
    let relay = home.start();
    relay.accept(&Callback::about("brand", "created", "BNEXT"));
    assert_eq!(relay.metrics().sum("tendlc_depth", &[("sink", "away")]), 1.0);
    relay.kill();
}

#[test]
fn room_is_given_back_and_a_dry_run_says_how_much() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    for number in 0..60 {
        let entity = if number % 2 == 0 { "BEVEN" } else { "BODD" };
        relay.accept(
            &Callback::about("brand", "created", entity).param("padding", &"p".repeat(30_000 + number)),
        );
    }
    relay.drained();
    relay.stop();
    let size = || std::fs::metadata(home.path("spool/spool.db")).unwrap().len();
    let whole = size();
    // Without compacting: as if retention had deleted them.
    let conn = rusqlite::Connection::open(home.path("spool/spool.db")).unwrap();
    conn.execute("DELETE FROM records WHERE entity = 'BEVEN'", []).unwrap();
    conn.execute("UPDATE state SET records = 30", []).unwrap();
    drop(conn);
    let compact = |more: &[&str]| home.run(&[["spool", "compact"].as_slice(), more].concat());
    assert_eq!(compact(&[]).code, Some(2), "nobody agreed");
    let would = compact(&["--dry-run"]).json_lines().remove(0);
    // Seven whole pages of each body, and what else the rows had to themselves.
    assert!(would["would"]["gain"].as_u64().unwrap() >= 30 * 7 * 4096, "{would}");
    assert_eq!(size(), whole);
    let done = compact(&["--yes"]).json_lines().remove(0);
    assert!(size() <= whole - would["would"]["gain"].as_u64().unwrap(), "{done}");
    let relay = home.start();
    let verified = home.run(&["spool", "verify", "--json"]).json_lines().remove(0);
    assert_eq!((&verified["good"], &verified["good_records"]), (&true.into(), &30.into()));
    // A small one is compacted beside callbacks.
    assert_eq!(compact(&["--yes"]).code, Some(0));
    relay.accept(&Callback::about("brand", "registered", "BODD"));
    relay.drained();
    relay.stop();
}
