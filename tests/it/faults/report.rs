//! What a test has to say even when it passes: its figures, its seed, and that it did not run.

use std::io::Write as _;

use crate::support::readers::is_torture;

/// Says a line that is seen of a test that passes, too.
pub fn say(line: &str) {
    // Not by a macro, whose output is kept back.
    let _ = writeln!(std::io::stderr(), "suite: {line}");
}

/// The short form's number, or the long form's.
pub fn size<T>(short: T, long: T) -> T {
    if is_torture() { long } else { short }
}

/// Says loudly that a test did not run. Where `CI=true` and it `should` have been able to, it is a failure.
pub fn unable<T>(why: &str, should: bool) -> Option<T> {
    assert!(!(should && std::env::var("CI").as_deref() == Ok("true")), "CI=true and {why}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    say(&format!("######## {test} DID NOT RUN: {why} ########"));
    None
}
