//! Whether the sender itself was on time: a program that is kept from its processor sends late and reads late, and would
//! take both for the server's delay.

use std::time::{Duration, Instant};

/// A step of the sender takes some microseconds: when so much has passed between two, it was not running.
const AWAY: Duration = Duration::from_micros(500);

/// What is known of the sender's own delays.
pub struct Attention {
    /// When it was last seen at work, or would have been had nothing come up.
    last: Instant,
    away: Duration,
    behind: Option<Behind>,
}

/// It was away, and what that touched is not over yet.
struct Behind {
    /// The number of the first request that it does not touch: those before were sent late, or their answers read late.
    until: u64,
    /// How many of these have no answer yet.
    open: u64,
}

impl Attention {
    /// At work from now on.
    pub fn begin(now: Instant) -> Self {
        Attention { last: now, away: Duration::ZERO, behind: None }
    }

    /// It meant to wait for so long at most: this much is no absence.
    pub fn waited(&mut self, at_most: Duration) {
        self.last += at_most;
    }

    /// It is at work at this time; whether it was away before.
    pub fn has_returned(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.last);
        self.last = now;
        let was_away = passed >= AWAY;
        if was_away {
            self.away += passed;
        }
        was_away
    }

    /// It has come back, with so many requests under way or due of those before the number `until`.
    pub fn catch_up(&mut self, until: u64, open: u64) {
        self.behind = (open > 0).then_some(Behind { until, open });
    }

    /// A request is over.
    pub fn finished(&mut self, number: u64) {
        if let Some(behind) = &mut self.behind
            && number < behind.until
        {
            behind.open -= 1;
            if behind.open == 0 {
                self.behind = None;
            }
        }
    }

    /// Whether all that an absence has touched is over.
    pub fn is_undivided(&self) -> bool {
        self.behind.is_none()
    }

    /// For how long it was away in all.
    pub fn away(&self) -> Duration {
        self.away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_absence_touched_is_told_apart_until_it_is_over() {
        let begun = Instant::now();
        let at = |us: u64| begun + Duration::from_micros(us);
        let mut attention = Attention::begin(begun);
        assert!(!attention.has_returned(at(300)) && !attention.has_returned(at(700)));
        // A wait is none, whether or not it lasted.
        attention.waited(Duration::from_millis(50));
        assert!(!attention.has_returned(at(900)));
        attention.waited(Duration::from_millis(50));
        assert!(!attention.has_returned(at(51_000)));
        assert!(attention.is_undivided());

        assert!(attention.has_returned(at(54_000)));
        attention.catch_up(7, 2);
        attention.finished(7);
        attention.finished(6);
        assert!(!attention.is_undivided());
        // Away again before that was over.
        assert!(attention.has_returned(at(56_000)));
        attention.catch_up(9, 2);
        attention.finished(8);
        attention.finished(5);
        assert!(attention.is_undivided());
        assert_eq!(attention.away(), Duration::from_micros(5_000));

        attention.catch_up(9, 0);
        assert!(attention.is_undivided());
    }
}
