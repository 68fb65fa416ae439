//! What the log says, and what it never says. That no line at info or above shows a token, a number or a body is
//! asserted of every relay of every test when it ends.

use crate::support::callback::{Callback, TOKEN};
use crate::support::config::Config;
use crate::support::relay::Home;
use crate::support::wait::until_true;

#[test]
fn an_accepted_callback_has_one_line_at_debug() {
    let home = Home::new(&Config::files().level("debug").text());
    let relay = home.start();
    let id = relay.accept(&Callback::new("number_linking", "success"));
    let lines = || relay.process.log.lines().into_iter().filter(|line| line.contains(&id)).count();
    until_true("the line", || lines() >= 1);
    relay.drained();
    assert!(relay.process.log.lines().iter().all(|line| !line.contains(TOKEN)), "a token at debug");
    assert_eq!(lines(), 1);
}

#[test]
fn a_flood_of_forgeries_does_not_flood_the_log() {
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    for _ in 0..1_000 {
        assert_eq!(relay.send(&Callback::new("brand", "created").token("t0ken-of-a-stranger")).status, 403);
    }
    let warnings = relay.process.log.entries().iter().filter(|entry| entry["level"] == "WARN").count();
    assert!((1..300).contains(&warnings), "{warnings} warnings of 1000 forgeries");
    let counted =
        relay.metrics().sum("tendlc_verifications_total", &[("result", "refused"), ("reason", "mismatch")]);
    assert_eq!(counted, 1_000.0);
}
