//! Commands that change something ask first, and what was changed can be looked up.

use serde_json::Value;

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::Home;
use crate::support::terminal;
use crate::support::wait::until_true;

const REPLAY: [&str; 5] = ["replay", "--sink", "files", "--from-sequence", "1"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [REPLAY.as_slice(), more].concat()
}

fn audit(home: &Home) -> Vec<Value> {
    home.run(&["spool", "audit", "--json"]).json_lines()
}

#[test]
fn nothing_is_changed_without_a_word_whether_the_relay_runs_or_not() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let id = relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    let unchanged = || {
        let refused = home.run(&REPLAY);
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.err.contains("--yes") && refused.err.contains("--dry-run"), "{}", refused.err);
        let would = home.run(&with(&["--dry-run"])).json_lines();
        assert_eq!(would[0]["would"]["replay_started"]["to"], 1, "{would:?}");
        let declined = terminal::answer(home.command(&REPLAY).args(["--config", "relay.toml"]), "no, thanks");
        assert_eq!(declined.code, Some(1), "{declined:#?}");
        assert!(declined.err.contains("events 1 to 1"), "{}", declined.err);
        assert!(declined.err.contains("nothing was changed"), "{}", declined.err);
        assert!(audit(&home).is_empty());
    };
    unchanged();
    relay.stop();
    unchanged();

    let agreed = terminal::answer(home.command(&REPLAY).args(["--config", "relay.toml"]), "y");
    assert_eq!(agreed.code, Some(0), "{agreed:#?}");
    let relay = home.start();
    until_true("the replay", || files::events(&home.events()).len() == 2);
    assert!(files::events(&home.events()).iter().all(|event| event["id"] == id.as_str()));
    let agreed = terminal::answer(home.command(&REPLAY).args(["--config", "relay.toml"]), "Yes");
    assert_eq!(agreed.code, Some(0), "{agreed:#?}");
    until_true("the second replay", || files::events(&home.events()).len() == 3);
    assert_eq!(relay.metrics().sum("tendlc_operator_changes_total", &[("change", "replay")]), 1.0);

    // Who, when, what: of the one made by the command itself, and of the one that the relay made.
    let rows = audit(&home);
    assert_eq!(rows.len(), 2, "{rows:?}");
    for (row, number) in rows.iter().zip([2, 1]) {
        assert_eq!(
            (&row["number"], &row["done"]["replay_started"]["replay"]),
            (&number.into(), &number.into())
        );
        assert_eq!(row["uid"], rustix::process::getuid().as_raw());
        assert!(row["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{row}");
        assert!(row["host"].as_str().is_some_and(|host| !host.is_empty()), "{row}");
        assert_eq!(row["change"]["replay"]["sink"], "files");
    }
    relay.stop();
}
