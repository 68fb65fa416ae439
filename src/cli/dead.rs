//! Dead letters.

use clap::{Args, Subcommand};

use super::{Agreement, Shown};
use crate::commands::{self, Failure};
use crate::config::Config;

/// Look at dead letters; send them again, or give them up.
#[derive(Debug, Subcommand)]
pub enum DeadCommand {
    /// List dead letters with their reasons.
    List {
        /// Only of this sink.
        #[arg(long, value_name = "NAME")]
        sink: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Show one with its whole event.
    Show {
        /// The sink.
        #[arg(long, value_name = "NAME")]
        sink: String,
        /// The record's sequence number, as listed.
        sequence: u64,
        #[command(flatten)]
        shown: Shown,
    },
    /// Give up dead letters of a sink: it never gets them. The records stay, and can be replayed.
    Discard {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// Send dead letters of a sink to it again, once their cause is mended.
    Requeue {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        agreement: Agreement,
    },
}

/// Dead letters of one sink.
#[derive(Debug, Args)]
pub struct Chosen {
    /// The sink.
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// The records' sequence numbers, as listed.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    sequences: Vec<u64>,
    /// All dead letters of the sink.
    #[arg(long)]
    all: bool,
}

impl DeadCommand {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            DeadCommand::List { sink, shown } => commands::dead::list(config, sink, shown),
            DeadCommand::Show { sink, sequence, shown } => {
                commands::dead::show_one(config, &sink, sequence, shown)
            }
            DeadCommand::Requeue { chosen: Chosen { sink, sequences, all }, agreement } => {
                commands::dead::requeue(config, sink, (!all).then_some(sequences), agreement)
            }
            DeadCommand::Discard { chosen: Chosen { sink, sequences, all }, agreement } => {
                commands::dead::discard(config, sink, (!all).then_some(sequences), agreement)
            }
        }
    }
}
