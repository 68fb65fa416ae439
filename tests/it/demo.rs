//! The demo on a machine with nothing.

use std::time::{Duration, Instant};

use crate::support::cli;

#[test]
fn the_demo_tells_its_story_in_ten_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let out = cli::run(&mut cli::command(dir.path(), &["demo"])).ok();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for word in [
        "created",
        "registered",
        "rejected",
        "failed",
        "accepted",
        "duplicate",
        "quarantined",
        "403",
        "unrecognized",
        "plivo.10dlc.brand",
        "plivo.10dlc.campaign",
        "plivo.10dlc.number_linking",
        "plivo.10dlc.number_unlinking",
    ] {
        assert!(out.contains(word), "nothing of {word} in:\n{out}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it left something behind");
}
