//! Duplicates that were held back.

use clap::Subcommand;

use super::{Agreement, Shown};
use crate::commands::{self, Failure};
use crate::config::Config;

/// Look at duplicates that were held back, and make events of them.
#[derive(Debug, Subcommand)]
pub enum HeldCommand {
    /// List them, the latest first.
    List(Shown),
    /// Make events of their own of them, each with the next occurrence.
    Release {
        /// Their numbers, as listed.
        #[arg(required = true)]
        numbers: Vec<u64>,
        #[command(flatten)]
        agreement: Agreement,
    },
}

impl HeldCommand {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            HeldCommand::List(shown) => commands::held::list(config, shown),
            HeldCommand::Release { numbers, agreement } => {
                commands::held::release(config, numbers, agreement)
            }
        }
    }
}
