//! Switches that break a promise on purpose: the checker of the tests must find each of them by its name.
//!
//! They exist in builds for development only. `TENDLC_TEST_BREAK` names them, parted by commas:
//!
//! ```text
//! ledger         no signature is known from before
//! dedupe         no content is known from within the window
//! spool_ack=N    every Nth callback is answered as accepted without being written
//! publish=N      every Nth event counts as published without being so
//! ```
//!
//! A relay that was told to break something and does not know what does not start: whoever believes a promise broken
//! that is kept would trust a checker that found nothing.

const VARIABLE: &str = "TENDLC_TEST_BREAK";

/// The words of the variable, empty where it is not set.
fn words() -> String {
    std::env::var_os(VARIABLE).map(|words| words.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(debug_assertions)]
mod switches {
    use std::num::NonZeroU64;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{VARIABLE, words};

    const ACCEPTED: &str = "accepted are ledger, dedupe, spool_ack=N and publish=N, with N from 1";

    #[derive(Debug, Default)]
    struct Switches {
        ledger: bool,
        dedupe: bool,
        spool_ack: Every,
        publish: Every,
    }

    /// Every Nth, or none.
    #[derive(Debug, Default)]
    struct Every {
        nth: Option<NonZeroU64>,
        count: AtomicU64,
    }

    impl Every {
        fn nth(nth: NonZeroU64) -> Self {
            Every { nth: Some(nth), count: AtomicU64::new(0) }
        }

        fn is_this_one(&self) -> bool {
            let next = || self.count.fetch_add(1, Ordering::Relaxed) + 1;
            self.nth.is_some_and(|nth| next().is_multiple_of(nth.get()))
        }
    }

    static SWITCHES: LazyLock<Switches> = LazyLock::new(|| read(&words()).unwrap_or_default());

    fn read(text: &str) -> Result<Switches, String> {
        let mut switches = Switches::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (name, nth) = word.split_once('=').unzip();
            let nth = nth.and_then(|nth: &str| nth.parse().ok()).map(Every::nth);
            match (name.unwrap_or(word), nth) {
                ("ledger", None) if name.is_none() => switches.ledger = true,
                ("dedupe", None) if name.is_none() => switches.dedupe = true,
                ("spool_ack", Some(every)) => switches.spool_ack = every,
                ("publish", Some(every)) => switches.publish = every,
                _ => return Err(format!("{VARIABLE}: {word:?} breaks nothing; {ACCEPTED}")),
            }
        }
        Ok(switches)
    }

    /// Says loudly what is broken.
    ///
    /// # Errors
    /// What it does not know how to break.
    pub fn announce() -> Result<(), String> {
        let words = words();
        let switches = read(&words)?;
        if !words.is_empty() {
            tracing::error!(?switches, "{VARIABLE} is set: this relay breaks its promises on purpose");
        }
        Ok(())
    }

    /// Whether every signature counts as never seen.
    pub fn is_ledger_off() -> bool {
        SWITCHES.ledger
    }

    /// Whether every content counts as seen before the window, if at all.
    pub fn is_dedupe_off() -> bool {
        SWITCHES.dedupe
    }

    /// Whether this callback is not written, and answered as if it were.
    pub fn skips_spool() -> bool {
        SWITCHES.spool_ack.is_this_one()
    }

    /// Whether this event is left out, and said to be published.
    pub fn skips_publishing() -> bool {
        SWITCHES.publish.is_this_one()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_the_variable_says() {
            let all = read("ledger, publish=7,dedupe,spool_ack=3").unwrap();
            assert!(all.ledger && all.dedupe);
            assert_eq!((all.publish.nth, all.spool_ack.nth), (NonZeroU64::new(7), NonZeroU64::new(3)));
            let none = read(" , ").unwrap();
            assert!(!none.ledger && !none.dedupe && none.publish.nth.is_none());
        }

        #[test]
        fn what_breaks_nothing_is_refused() {
            for word in [
                "publish",
                "publish=0",
                "publish=x",
                "publish=-1",
                "ledger=1",
                "spool_ack=",
                "Ledger",
                "x",
                "=1",
            ] {
                let error = read(&format!("dedupe,{word}")).unwrap_err();
                assert!(error.contains(&format!("{word:?}")) && error.contains("spool_ack=N"), "{error}");
            }
        }

        #[test]
        fn every_nth_is_every_nth() {
            let third = Every::nth(NonZeroU64::new(3).unwrap());
            let found: Vec<bool> = (0..6).map(|_| third.is_this_one()).collect();
            assert_eq!(found, [false, false, true, false, false, true]);
            assert!(!Every::default().is_this_one());
        }
    }
}

#[cfg(not(debug_assertions))]
mod switches {
    use super::{VARIABLE, words};

    /// Nothing can be broken.
    ///
    /// # Errors
    /// When something was to be.
    pub fn announce() -> Result<(), String> {
        if words().is_empty() {
            return Ok(());
        }
        Err(format!("{VARIABLE} is set, and this build keeps its promises: take the variable away"))
    }

    /// The ledger is on.
    pub const fn is_ledger_off() -> bool {
        false
    }

    /// The window is open.
    pub const fn is_dedupe_off() -> bool {
        false
    }

    /// Everything is written.
    pub const fn skips_spool() -> bool {
        false
    }

    /// Everything is published.
    pub const fn skips_publishing() -> bool {
        false
    }
}

pub use switches::{announce, is_dedupe_off, is_ledger_off, skips_publishing, skips_spool};
