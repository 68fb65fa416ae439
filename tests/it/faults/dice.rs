//! Chance that can be repeated.

use super::report::say;

/// Dice for this test, whose seed is printed.
pub fn dice(test: &str) -> fastrand::Rng {
    let given = std::env::var("TENDLC_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    say(&format!("{test}: TENDLC_TEST_SEED={seed} takes the same chances"));
    fastrand::Rng::with_seed(seed)
}
