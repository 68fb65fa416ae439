//! The sinks' cursors, and taking leave of them.

use clap::{Args, Subcommand};

use super::{Agreement, Shown};
use crate::commands::{self, Failure};
use crate::config::Config;

/// Look at the sinks' cursors, and forget those of removed sinks.
#[derive(Debug, Subcommand)]
pub enum SinksCommand {
    /// List the sinks with their cursors, also those no longer configured.
    List(Shown),
    /// Forget the cursor of a sink that is no longer configured, with its dead letters.
    Forget {
        /// The sink.
        name: String,
        #[command(flatten)]
        agreement: Agreement,
    },
}

/// How a replica takes leave.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Wait until every sink has everything and nothing has come for ingress.drain_delay.
    #[arg(long)]
    pub until_published: bool,
    /// Give up waiting after so long, such as 10m [default: never].
    #[arg(long, value_name = "DURATION", requires = "until_published")]
    pub timeout: Option<crate::units::Span>,
    /// Whether it is asked first.
    #[command(flatten)]
    pub agreement: Agreement,
}

impl SinksCommand {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            SinksCommand::List(shown) => commands::sinks::list(config, shown),
            SinksCommand::Forget { name, agreement } => commands::sinks::forget(config, name, agreement),
        }
    }
}
