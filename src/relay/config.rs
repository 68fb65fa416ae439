//! What the relay can be told, table `[relay]`.

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// How lanes try again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayConfig {
    /// The longest pause before the first retry; it doubles from retry to retry.
    pub backoff_min: Span,
    /// The longest pause before any retry.
    pub backoff_max: Span,
}

impl Default for RelayConfig {
    fn default() -> Self {
        RelayConfig { backoff_min: Span::from_millis(100), backoff_max: Span::from_secs(10) }
    }
}

impl RelayConfig {
    /// The problem with a value, naming the key and what is accepted.
    ///
    /// # Errors
    /// The first impossible value, in words.
    pub fn validate(&self) -> Result<(), String> {
        if self.backoff_min < Span::from_millis(10) {
            return Err("backoff_min: accepted is 10ms or longer: a lane never spins".to_owned());
        }
        if self.backoff_max < self.backoff_min || self.backoff_max > Span::from_secs(3_600) {
            return Err("backoff_max: accepted is backoff_min or longer, up to 1h".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_that_would_spin_or_never_end_are_refused() {
        RelayConfig::default().validate().unwrap();
        for (min, max, key) in
            [(1, 100, "backoff_min"), (100, 50, "backoff_max"), (100, 9_999_999, "backoff_max")]
        {
            let config =
                RelayConfig { backoff_min: Span::from_millis(min), backoff_max: Span::from_millis(max) };
            assert!(config.validate().unwrap_err().starts_with(key));
        }
    }
}
