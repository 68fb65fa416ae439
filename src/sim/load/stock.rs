//! Callbacks signed ahead.
//!
//! A run's first callbacks, in most runs all of them, are signed before its clock starts. The rest would fill the memory,
//! or keep a run at a low rate from beginning: a thread signs them, a few pages ahead.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::client::{Pace, Plan};
use super::mint::{Batch, Mint};
use super::source::Source;

/// Callbacks in one page.
const PAGE: usize = 1000;

/// At most so many pages are signed before the clock starts, of half a megabyte each,
const BEFOREHAND: u64 = 200;

/// and no more than a run at a fixed rate needs for so long. A later page costs it next to nothing.
const FIRST: Duration = Duration::from_secs(60);

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
        let pages_of = |time: Duration| (rate * time.as_secs_f64() / PAGE as f64).ceil() as u64;
        let pages = pages_of(plan.duration);
        let beforehand = pages.min(BEFOREHAND).min(pages_of(FIRST));
        let signed = (0..beforehand).map(|_| mint.batch(PAGE)).collect();
        let (page, more) = sync_channel(AHEAD);
        if pages > beforehand || plan.pace == Pace::Closed {
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

    use super::*;

    fn stock(rate: f64, duration: Duration) -> Stock {
        let plan = Plan { pace: Pace::Open(rate), duration, timeout: Duration::from_secs(1) };
        Stock::of(super::super::mint::tests::mint(1), plan)
    }

    fn taken(rate: f64, most: usize) -> usize {
        let mut stock = stock(rate, Duration::from_secs(1));
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

    #[test]
    fn a_long_run_at_a_low_rate_is_not_kept_from_beginning() {
        let mut stock = stock(50.0, Duration::from_secs(86_400));
        assert_eq!(stock.signed.len(), 3, "a minute's");
        assert!((0..4 * PAGE).all(|_| stock.next().is_some()));
    }
}
