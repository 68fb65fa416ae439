//! `spool verify` and `spool backup`, while the relay runs and when it does not.

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::files;
use crate::support::relay::Home;

#[test]
fn a_backup_of_a_running_relay_is_whole_and_a_relay_starts_from_it() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let callback = Callback::new("brand", "created");
    let id = relay.accept(&callback);
    relay.drained();
    let verified = home.run(&["spool", "verify", "--json"]).json_lines().remove(0);
    assert_eq!((&verified["good"], &verified["good_records"]), (&true.into(), &1.into()));
    let backed_up = home.run(&["spool", "backup", "copy", "--json"]).json_lines().remove(0);
    assert_eq!((&backed_up["tip"], &backed_up["verified"]["good"]), (&1.into(), &true.into()));
    let later = relay.accept(&Callback::new("brand", "created"));
    let again = home.run(&["spool", "backup", "copy"]);
    assert_eq!(again.code, Some(2), "{again:#?}");
    relay.stop();

    let restored = Config::files().text().replace("path = \"spool\"", "path = \"copy\"");
    home.write("relay.toml", &restored);
    let relay = home.start();
    assert_eq!(relay.send(&callback).text("id"), id, "the ledger came with it");
    relay.accept(&Callback::new("brand", "created"));
    relay.drained();
    let ids: Vec<_> = files::events(&home.events()).iter().map(|event| event["id"].clone()).collect();
    assert!(ids.len() >= 3 && ids.contains(&id.into()) && ids.contains(&later.into()), "{ids:?}");
    relay.stop();
}

#[test]
fn damage_is_exit_code_3_and_named() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    for _ in 0..40 {
        relay.accept(&Callback::new("brand", "created").param("padding", &"p".repeat(3_000)));
    }
    relay.drained();
    relay.stop();
    let path = home.path("spool/spool.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // In the middle of each long run of padding: the pages stay whole, what records say is another thing. Some runs are
    // in places that are free by now.
    let mut run = 0;
    for byte in &mut bytes {
        run = if *byte == b'p' { run + 1 } else { 0 };
        if run == 1_000 {
            *byte = b'q';
        }
    }
    std::fs::write(&path, bytes).unwrap();
    let verified = home.run(&["spool", "verify", "--json"]);
    assert_eq!(verified.code, Some(3), "{verified:#?}");
    let found: serde_json::Value = serde_json::from_str(&verified.out).unwrap();
    assert_eq!(
        (&found["good"], &found["good_records"], &found["pages"]),
        (&false.into(), &0.into(), &serde_json::json!([]))
    );
    assert_eq!(found["damaged"], serde_json::json!([{ "first": 1, "last": 40 }]));
}
