//! One line on a terminal that says how far a run is.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use super::client::Plan;
use super::seen::{Seen, quantile_ms};

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(250);

/// Clears the line that the cursor is in.
const CLEAR: &str = "\r\u{1b}[K";

/// A line on standard error, where that is a terminal.
pub struct Progress {
    is_shown: bool,
    plan: Plan,
    /// When the line was last written, and what had been delivered by then.
    last: (Duration, u64),
}

impl Progress {
    /// No line yet.
    pub fn new(plan: Plan) -> Self {
        Progress { is_shown: std::io::stderr().is_terminal(), plan, last: (Duration::ZERO, 0) }
    }

    /// Shows what is going on before the run.
    pub fn say(&self, text: &str) {
        if self.is_shown {
            // A terminal that went away wants no more lines; the run goes on.
            let _ = write!(std::io::stderr(), "{CLEAR}{text}");
        }
    }

    /// Shows how far the run is.
    pub fn show(&mut self, seen: &Seen) {
        let (at, delivered) = self.last;
        if !self.is_shown || seen.elapsed < at + EVERY {
            return;
        }
        let rate = (seen.delivered - delivered) as f64 / (seen.elapsed - at).as_secs_f64();
        self.last = (seen.elapsed, seen.delivered);
        self.say(&line(seen, self.plan.duration, rate));
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.say("");
    }
}

fn line(seen: &Seen, duration: Duration, rate: f64) -> String {
    let answered: u64 = seen.answers().values().sum();
    let not_200 = answered - seen.delivered;
    let errors: u64 = seen.errors().values().sum();
    format!(
        "{:.1} of {} s  {} answered 200  {rate:.0}/s  p99 {:.2} ms  {not_200} other answers  {errors} errors",
        seen.elapsed.as_secs_f64(),
        duration.as_secs_f64(),
        seen.delivered,
        quantile_ms(&seen.latency, 0.99),
    )
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::super::connection::Trouble;
    use super::*;

    #[test]
    fn the_line_tells_good_from_bad() {
        let mut seen = Seen::new().unwrap();
        seen.elapsed = Duration::from_millis(1500);
        for code in [200, 200, 503] {
            seen.note(Answer { code, status: None, keep: true }, Duration::from_millis(2), true);
        }
        seen.note_trouble(Trouble::Reset);
        let line = line(&seen, Duration::from_secs(10), 2.0);
        assert_eq!(line, "1.5 of 10 s  2 answered 200  2/s  p99 2.00 ms  1 other answers  1 errors");
    }
}
