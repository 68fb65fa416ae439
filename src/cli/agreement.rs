//! What many commands ask alike.

use clap::Args;

/// How an answer is shown.
#[derive(Debug, Clone, Copy, Args)]
pub struct Shown {
    /// JSON, also on a terminal.
    #[arg(long)]
    pub json: bool,
}

/// What every command that changes something asks first.
#[derive(Debug, Clone, Copy, Args)]
pub struct Agreement {
    /// Do it without asking; needed where there is no terminal to ask on.
    #[arg(long, short)]
    pub yes: bool,
    /// Only say what it would do.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}
