//! Callbacks signed ahead.
//!
//! A run's first callbacks, in most runs all of them, are signed before its clock starts. The rest would fill the memory:
//! a thread signs them, a few pages ahead, and begins only when the first ones are used up.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};

use super::client::{Pace, Plan};
use super::mint::{Batch, Mint};
use super::source::Source;

/// Callbacks in one page.
const PAGE: usize = 1000;

/// Pages that are signed before the clock starts, of half a megabyte each.
const BEFOREHAND: u64 = 200;

/// Pages that the thread beside is ahead.
const AHEAD: usize = 8;

/// More callbacks a second than anything answers: what a run at full speed is prepared for.
const MOST_PER_SECOND: f64 = 100_000.0;

/// Callbacks of which each is had once.
pub struct Stock {
    signed: VecDeque<Batch>,
    more: Receiver<Batch>,
    at: usize,
}

impl Stock {
    /// Signs those of the beginning of this run.
    pub fn of(mut mint: Mint, plan: Plan) -> Self {
        let rate = match plan.pace {
            Pace::Closed => MOST_PER_SECOND,
            Pace::Open(rate) => rate,
        };
        let pages = (rate * plan.duration.as_secs_f64() / PAGE as f64).ceil() as u64;
        let signed = (0..pages.min(BEFOREHAND)).map(|_| mint.batch(PAGE)).collect();
        let (page, more) = sync_channel(AHEAD);
        if pages > BEFOREHAND || plan.pace == Pace::Closed {
            // Ends when nobody takes its pages any more.
            std::thread::spawn(move || while page.send(mint.batch(PAGE)).is_ok() {});
        }
        Stock { signed, more, at: 0 }
    }
}

impl Source for Stock {
    fn next(&mut self) -> Option<&[u8]> {
        if self.signed.front().is_none_or(|page| self.at == page.len()) {
            self.signed.pop_front();
            if self.signed.is_empty() {
                self.signed.push_back(self.more.recv().ok()?);
            }
            self.at = 0;
        }
        self.at += 1;
        self.signed.front()?.get(self.at - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    fn taken(rate: f64, most: usize) -> usize {
        let plan = Plan {
            pace: Pace::Open(rate),
            duration: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        };
        let mut stock = Stock::of(super::super::mint::tests::mint(1), plan);
        let mut seen = HashSet::new();
        while seen.len() < most {
            let Some(request) = stock.next() else { break };
            assert!(seen.insert(request.to_vec()), "each is had once");
        }
        seen.len()
    }

    #[test]
    fn it_has_as_many_as_the_run_needs_and_goes_on_beyond_what_was_signed_beforehand() {
        assert_eq!(taken(2000.0, usize::MAX), 2000);
        let beforehand = BEFOREHAND as usize * PAGE;
        assert_eq!(taken(2.0 * beforehand as f64, beforehand + 3 * PAGE), beforehand + 3 * PAGE);
    }
}
