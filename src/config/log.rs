//! `[log]`: what is written to standard error.

use serde::{Deserialize, Serialize};

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`, also by module: `info,tendlc_relay::sink=debug`.
    pub level: String,
    /// For a person or for a program.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `human` on a terminal, `json` otherwise.
    #[default]
    Auto,
    /// A line for a person.
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl LogConfig {
    /// Whether the level can be understood.
    ///
    /// # Errors
    /// Names the key and what is accepted.
    pub fn validate(&self) -> Result<(), String> {
        let known = |level: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&level);
        let wrong = self.level.split(',').map(str::trim).find(|part| match part.split_once('=') {
            None => !known(part),
            Some((target, level)) => target.trim().is_empty() || !known(level.trim()),
        });
        wrong.map_or(Ok(()), |part| {
            Err(format!(
                "level: {part:?} is not a level: accepted are off, error, warn, info, debug, trace, and \
                 `module=level` parted by commas, such as \"info,tendlc_relay::sink=debug\""
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_lists_of_targets_are_accepted_and_anything_else_is_named() {
        let level = |level: &str| LogConfig { level: level.to_owned(), ..LogConfig::default() }.validate();
        for good in ["info", "warn, tendlc_relay::sink=debug", "off"] {
            assert_eq!(level(good), Ok(()), "{good}");
        }
        for bad in ["", "loud", "info,", "info,=debug", "tendlc_relay=loud"] {
            assert!(level(bad).unwrap_err().starts_with("level: "), "{bad}");
        }
    }
}
