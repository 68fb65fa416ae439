//! Chance that can be had again: what a seed decides does not depend on when, or in which order, it is asked.

use sha2::{Digest, Sha256};

/// A stream of chance of its own for each purpose.
pub fn of(seed: u64, purpose: &str, number: u64) -> fastrand::Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(number.to_be_bytes());
    hash.update(purpose.as_bytes());
    let digest = hash.finalize();
    let first = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    fastrand::Rng::with_seed(first)
}

/// A nonce as Plivo makes them: twenty digits. It depends on what the notice says, so that two runs of one seed that say
/// different things never share a signature, which would look like tampering.
pub fn nonce(seed: u64, said: &str, number: u64, copy: u32, attempt: u32) -> String {
    let mut rng = of(seed, &format!("nonce {copy} {attempt} {said}"), number);
    (0..20).map(|_| char::from(b'0' + rng.u8(0..10))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same_and_everything_else_something_else() {
        let all = [
            nonce(1, "a", 2, 3, 4),
            nonce(2, "a", 2, 3, 4),
            nonce(1, "b", 2, 3, 4),
            nonce(1, "a", 3, 3, 4),
            nonce(1, "a", 2, 4, 4),
            nonce(1, "a", 2, 3, 5),
        ];
        assert_eq!(all[0], nonce(1, "a", 2, 3, 4));
        assert!(all[1..].iter().all(|other| *other != all[0] && other.len() == 20));
    }

    /// What a seed sends is written down in reports: it must not change with a dependency's version.
    #[test]
    fn a_seed_means_the_same_for_ever() {
        assert_eq!(nonce(7, "a", 1, 0, 0), "28862025715775782800");
    }
}
