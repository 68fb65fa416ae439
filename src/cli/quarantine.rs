//! Callbacks in quarantine.

use clap::Subcommand;

use super::{Agreement, Shown};
use crate::commands::{self, Failure};
use crate::config::Config;

/// Look at callbacks in quarantine; make events of them, or delete them.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List them, the latest first.
    List(Shown),
    /// Show one as it was received, beside the event that its signature came with first.
    Show {
        /// Its number, as listed.
        number: u64,
        #[command(flatten)]
        shown: Shown,
    },
    /// Make events of their own of them: your word stands for what the signature does not prove.
    ///
    /// The signature goes on to stand for what it came with first, so that nothing else is let in by it.
    Release {
        /// Their numbers, as listed.
        #[arg(required = true)]
        numbers: Vec<u64>,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// Delete them for good.
    Discard {
        /// Their numbers, as listed.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        numbers: Vec<u64>,
        /// All that are in quarantine.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        agreement: Agreement,
    },
}

impl QuarantineCommand {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            QuarantineCommand::List(shown) => commands::quarantine::list(config, shown),
            QuarantineCommand::Show { number, shown } => commands::quarantine::show(config, number, shown),
            QuarantineCommand::Release { numbers, agreement } => {
                commands::quarantine::release(config, numbers, agreement)
            }
            QuarantineCommand::Discard { numbers, all, agreement } => {
                commands::quarantine::discard(config, (!all).then_some(numbers), agreement)
            }
        }
    }
}
