//! Waiting for what must come true, with an end.

use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before the test is lost.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before asking again.
const GLANCE: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it answers.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(GLANCE);
    }
}

/// Waits until `condition` holds.
pub fn until_true(what: &str, mut condition: impl FnMut() -> bool) {
    until(what, || condition().then_some(()));
}

/// How long to wait before asking again whom an answer may cost more than all that it does else.
const SELDOM: Duration = Duration::from_secs(1);

/// Asks `probe` until it answers, for as long as what it says instead keeps changing; seldom.
pub fn until_still<T, P: PartialEq>(what: &str, mut probe: impl FnMut() -> Result<T, P>) -> T {
    let (mut last, mut moved) = (None, Instant::now());
    loop {
        match probe() {
            Ok(found) => return found,
            Err(progress) if last.as_ref() != Some(&progress) => {
                (last, moved) = (Some(progress), Instant::now())
            }
            Err(_) => assert!(moved.elapsed() < PATIENCE, "nothing moved for {PATIENCE:?}: {what}"),
        }
        std::thread::sleep(SELDOM);
    }
}
