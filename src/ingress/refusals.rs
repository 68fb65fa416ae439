//! Log lines for refusals, few enough that a flood of forgeries cannot fill a disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines for one reason in one window; the others are counted.
const LINES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// Says of each refusal whether it is to be logged. Reasons are a closed set.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    windows: Mutex<HashMap<&'static str, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Refusals {
    /// Counts a refusal. `Some` when it is to be logged, with the number of those left out before it.
    pub(crate) fn admit(&self, reason: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(reason).or_insert(Window { since: now, lines: 0, left_out: 0 });
        if now.duration_since(window.since) >= WINDOW {
            window.since = now;
            window.lines = 0;
        }
        if window.lines == LINES {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }

    /// Reasons with refusals left out and none logged since, for a line that sums them up when a flood is over.
    pub(crate) fn settle(&self) -> Vec<(&'static str, u64)> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let over = windows.iter_mut().filter(|(_, window)| window.since.elapsed() >= WINDOW);
        over.map(|(reason, window)| (*reason, std::mem::take(&mut window.left_out)))
            .filter(|(_, left_out)| *left_out > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_ten_lines_and_a_count() {
        let refusals = Refusals::default();
        let logged = (0..1000).filter(|_| refusals.admit("mismatch").is_some()).count();
        assert_eq!(logged, 10);
        assert_eq!(refusals.admit("missing_nonce"), Some(0), "each reason has its own lines");
        assert!(refusals.settle().is_empty(), "the window is still open");

        tokio::time::advance(WINDOW).await;
        assert_eq!(refusals.admit("mismatch"), Some(990));
        assert_eq!(refusals.admit("mismatch"), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_flood_left_out_is_told_when_it_is_over() {
        let refusals = Refusals::default();
        for _ in 0..15 {
            refusals.admit("mismatch");
        }
        tokio::time::advance(WINDOW).await;
        assert_eq!(refusals.settle(), [("mismatch", 5)]);
        assert!(refusals.settle().is_empty());
    }
}
