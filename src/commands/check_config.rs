//! `check-config`: what is in effect.

use std::io::Write;

use super::Failure;
use super::output::line_out;
use crate::config::Loaded;

/// Prints the effective configuration as TOML, secrets redacted. It was checked when it was loaded.
///
/// # Errors
/// When it has no form in TOML, or standard output is closed.
pub fn run(loaded: &Loaded) -> Result<(), Failure> {
    for warning in &loaded.warnings {
        // Standard error may be closed; the answer is on standard output.
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
    let text = loaded.config.to_toml().map_err(anyhow::Error::from)?;
    line_out(text.trim_end())
}
