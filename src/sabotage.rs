//! Switches that break a promise on purpose: the checker of the tests must find each of them by its name.
//!
//! They exist in builds for development only. `TENDLC_TEST_BREAK` names them, parted by commas:
//!
//! ```text
//! ledger       no signature is known from before
//! publish=N    every Nth event counts as published without being so
//! ```

#[cfg(debug_assertions)]
mod switches {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    const VARIABLE: &str = "TENDLC_TEST_BREAK";

    #[derive(Debug, Default)]
    struct Switches {
        ledger: bool,
        publish: Option<u64>,
    }

    static SWITCHES: LazyLock<Switches> =
        LazyLock::new(|| read(&std::env::var(VARIABLE).unwrap_or_default()));

    fn read(text: &str) -> Switches {
        let mut switches = Switches::default();
        for word in text.split(',').map(str::trim) {
            match word.split_once('=') {
                None if word == "ledger" => switches.ledger = true,
                Some(("publish", every)) => switches.publish = every.parse().ok().filter(|every| *every > 0),
                _ => {}
            }
        }
        switches
    }

    /// Says loudly what is broken.
    pub fn announce() {
        if std::env::var_os(VARIABLE).is_some() {
            tracing::error!(switches = ?*SWITCHES, "{VARIABLE} is set: this relay breaks its promises on purpose");
        }
    }

    /// Whether every signature counts as never seen.
    pub fn is_ledger_off() -> bool {
        SWITCHES.ledger
    }

    /// Whether this event is left out, and said to be published.
    pub fn skips_publishing() -> bool {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        SWITCHES.publish.is_some_and(|every| COUNT.fetch_add(1, Ordering::Relaxed).is_multiple_of(every))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_the_variable_says() {
            let both = read("ledger, publish=7");
            assert!(both.ledger && both.publish == Some(7));
            for nothing in ["", "publish", "publish=0", "publish=x", "ledger=1"] {
                let switches = read(nothing);
                assert!(!switches.ledger && switches.publish.is_none(), "{nothing}");
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod switches {
    /// Nothing can be broken.
    pub fn announce() {}

    /// The ledger is on.
    pub const fn is_ledger_off() -> bool {
        false
    }

    /// Everything is published.
    pub const fn skips_publishing() -> bool {
        false
    }
}

pub use switches::{announce, is_ledger_off, skips_publishing};
