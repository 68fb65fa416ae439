//! `spool export` and `spool import`: a lost replica's spool is adopted by another one.

use serde_json::{Value, json};

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::Home;
use crate::support::wait::until_true;

/// A replica with two sinks, one of which nobody answers for.
fn lost() -> String {
    let away = "[sinks.away]\ntype = \"nats\"\nservers = [\"nats://127.0.0.1:1\"]\n";
    Config::files().tables(away).text()
}

/// Another one, where both work.
fn other() -> String {
    Config::files().tables("[sinks.away]\ntype = \"file\"\ndir = \"away\"\n").text()
}

fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["id"].as_str().unwrap()).collect()
}

fn import(home: &Home, file: &str, more: &[&str]) -> Value {
    home.run(&[["spool", "import", file].as_slice(), more].concat()).json_lines().remove(0)
}

fn tip(home: &Home) -> Value {
    home.run(&["spool", "status", "--json"]).json_lines()[0]["tip"].clone()
}

#[test]
fn a_lost_replicas_spool_is_adopted_by_a_running_and_by_a_stopped_one() {
    let gone = Home::new(&lost());
    let relay = gone.start();
    let first = Callback::new("brand", "created");
    let sent: Vec<String> =
        [first.clone(), Callback::new("campaign", "created")].iter().map(|one| relay.accept(one)).collect();
    until_true("what its good sink gets", || files::events(&gone.events()).len() == 2);
    // Acknowledgements are saved within a moment.
    until_true("its cursor", || {
        let sinks = gone.run(&["sinks", "list", "--json"]).json_lines();
        sinks.iter().any(|sink| sink["sink"] == "files" && sink["cursor"] == 2)
    });
    relay.kill();
    let exported = gone.run(&["spool", "export", "lost.jsonl", "--json"]).json_lines().remove(0);
    assert_eq!((&exported["records"], &exported["entities"]), (&2.into(), &2.into()));
    assert_eq!(gone.run(&["spool", "export", "lost.jsonl"]).code, Some(2), "it is there already");
    assert!(!gone.path("lost.jsonl.part").exists());
    let file = gone.path("lost.jsonl");
    let file = file.to_str().unwrap();
    let piped = gone.run(&["spool", "export", "-"]);
    assert!(piped.err.contains("sha256"), "{}", piped.err);
    let written = std::fs::read_to_string(file).unwrap();
    let middle = |text: &str| {
        text.lines().filter(|line| line.contains("\"record\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((middle(&piped.out).len(), middle(&piped.out)), (2, middle(&written)));

    // A running one.
    let home = Home::new(&other());
    let relay = home.start();
    let own = relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    let would = import(&home, file, &["--dry-run"]);
    let counted = json!({ "away": 2, "files": 0 });
    assert_eq!(
        (&would["would"]["imported"]["records"], &would["would"]["imported"]["to_publish"]),
        (&2.into(), &counted)
    );
    assert_eq!(home.run(&["spool", "import", file]).code, Some(2), "nobody agreed");
    assert_eq!(tip(&home), 1);
    let done = import(&home, file, &["--yes"]);
    assert_eq!(done["imported"], would["would"]["imported"]);
    relay.drained();
    let away = || files::events(&home.path("away"));
    until_true("what the lost one could not publish", || away().len() == 3);
    let events = away();
    let mut expected = vec![own.as_str(), &sent[0], &sent[1]];
    let mut found = ids(&events);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(
        ids(&files::events(&home.events())),
        [&own],
        "what was published there is not published again"
    );
    let told = relay.send(&first);
    assert_eq!((told.text("status").as_str(), told.text("id")), ("duplicate", sent[0].clone()));
    let told = relay.send(&first.clone().signed_again());
    assert_eq!((told.text("status").as_str(), told.text("id")), ("duplicate", sent[0].clone()));
    assert_eq!(import(&home, file, &["--yes"])["already"], true);
    let rows = home.run(&["spool", "audit", "--json"]).json_lines();
    let steps: Vec<&Value> = rows.iter().map(|row| &row["change"]["import"]["step"]).collect();
    assert_eq!(steps, ["end", "begin"]);
    assert_eq!(
        (&rows[0]["change"]["import"]["sha256"], &rows[0]["done"]["imported"]["records"]),
        (&exported["sha256"], &2.into())
    );
    relay.stop();

    // A stopped one, which knows one of the two already.
    let home = Home::new(&other());
    let relay = home.start();
    assert_eq!(
        relay.accept(&first.signed_again()),
        sent[0],
        "the first of its content has the same id everywhere"
    );
    relay.drained();
    relay.stop();
    let done = import(&home, file, &["--yes"]);
    assert_eq!(
        (&done["imported"]["records"], &done["imported"]["to_publish"]["away"]),
        (&1.into(), &1.into())
    );
    let relay = home.start();
    relay.drained();
    let events = files::events(&home.path("away"));
    assert_eq!(ids(&events).iter().filter(|id| **id == sent[0]).count(), 1);
    assert_eq!(ids(&events).iter().filter(|id| **id == sent[1]).count(), 1);
    assert_eq!(events.len(), 2);
    relay.stop();
}

#[test]
fn what_is_no_whole_export_is_named_and_nothing_is_changed() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let (id, padding) = (relay.accept(&Callback::new("brand", "created")), "p".repeat(20_000));
    relay.accept(&Callback::new("brand", "created").param("padding", &padding));
    relay.drained();
    home.run(&["spool", "export", "whole.jsonl", "--json"]).ok();
    let whole = std::fs::read_to_string(home.path("whole.jsonl")).unwrap();
    let other = Home::new(&Config::files().text());
    let running = other.start();
    let last = if id.ends_with('a') { "b" } else { "a" };
    let flipped = whole.replace(&id, &format!("{}{last}", &id[..31]));
    for (text, named) in [
        (&whole[..whole.len() / 2], "cut short"),
        (&whole[..whole.trim_end().rfind('\n').unwrap() + 1], "cut short"),
        (flipped.as_str(), "damaged (its checksum does not match)"),
        (whole.replacen("\"format\":1", "\"format\":9", 1).as_str(), "export of format 9"),
        ("[spool]\npath = \"spool\"\n", "not an export of a spool"),
        ("", "not an export of a spool"),
    ] {
        other.write("bad.jsonl", text);
        let refused = other.run(&["spool", "import", "bad.jsonl", "--yes"]);
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert!(refused.err.contains(named) && refused.err.contains("bad.jsonl"), "{named}: {}", refused.err);
        let status = other.run(&["spool", "status", "--json"]).json_lines().remove(0);
        assert_eq!((&status["tip"], &status["signatures"]), (&0.into(), &0.into()));
    }
    assert!(other.run(&["spool", "audit", "--json"]).json_lines().is_empty());
    assert_eq!(other.run(&["spool", "import", "nowhere.jsonl", "--yes"]).code, Some(1));
    running.stop();
    relay.stop();
}
