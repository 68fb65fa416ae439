//! Waiting for what must come true, with an end.

use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before the test is lost.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `probe` again and again until it answers.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `condition` holds.
pub fn until_true(what: &str, mut condition: impl FnMut() -> bool) {
    until(what, || condition().then_some(()));
}
