//! Pauses between tries: exponential, with full jitter, for ever.

use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

use super::RelayConfig;

/// A run of pauses, each drawn evenly between nothing and a bound that doubles.
#[derive(Debug)]
pub(super) struct Pauses {
    inner: ExponentialBackoff,
    longest: Duration,
}

impl Pauses {
    pub(super) fn new(config: &RelayConfig) -> Self {
        // The crate draws from the interval ± factor × interval: a factor of 1 around half the bound is full jitter.
        let inner = ExponentialBackoffBuilder::new()
            .with_initial_interval(config.backoff_min.get() / 2)
            .with_max_interval(config.backoff_max.get() / 2)
            .with_multiplier(2.0)
            .with_randomization_factor(1.0)
            .with_max_elapsed_time(None)
            .build();
        Pauses { inner, longest: config.backoff_max.get() }
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        self.inner.next_backoff().unwrap_or(self.longest).min(self.longest)
    }

    /// Begins anew, after a success.
    pub(super) fn reset(&mut self) {
        self.inner.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    fn pauses() -> Pauses {
        Pauses::new(&RelayConfig { backoff_min: Span::from_millis(100), backoff_max: Span::from_secs(10) })
    }

    #[test]
    fn bounds_double_up_to_the_longest() {
        let mut highest = [Duration::ZERO; 12];
        for _ in 0..500 {
            let mut pauses = pauses();
            for high in &mut highest {
                *high = (*high).max(pauses.next());
            }
        }
        for (number, high) in highest.into_iter().enumerate() {
            let bound = Duration::from_millis(100 << number).min(Duration::from_secs(10));
            assert!(high <= bound && high > bound * 9 / 10, "{number}: {high:?} of {bound:?}");
        }
    }

    #[test]
    fn jitter_is_full() {
        let mut lowest = Duration::MAX;
        for _ in 0..500 {
            lowest = lowest.min(pauses().next());
        }
        assert!(lowest < Duration::from_millis(10), "{lowest:?}");
    }

    #[test]
    fn a_reset_begins_anew() {
        let mut pauses = pauses();
        for _ in 0..20 {
            pauses.next();
        }
        pauses.reset();
        assert!(pauses.next() <= Duration::from_millis(100));
    }
}
