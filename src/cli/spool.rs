//! Looking at the spool.

use std::path::PathBuf;

use clap::Subcommand;

use super::Shown;
use crate::commands::{self, Failure};
use crate::config::Config;

/// Look at the spool.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// Sizes, counts and cursors.
    Status(Shown),
    /// Check the file's pages, every record's checksum, that none is missing, and the mark of what was acknowledged.
    ///
    /// Names the damaged ranges, and ends with exit code 3 when there are any. Also while the relay runs.
    Verify(Shown),
    /// Copy the spool as it stands now to another directory, which can be used as spool.path.
    ///
    /// Also while the relay runs. The copy is whole, without the room of what was deleted, and is checked. What was
    /// published since is published again by a relay that starts from it, under the same ids.
    Backup {
        /// A directory that is not there or empty, best on another disk.
        to: PathBuf,
        #[command(flatten)]
        shown: Shown,
    },
    /// Who changed what by command, the latest first.
    Audit {
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
        #[command(flatten)]
        shown: Shown,
    },
}

impl SpoolCommand {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            SpoolCommand::Status(shown) => commands::spool::status(config, shown),
            SpoolCommand::Verify(shown) => commands::spool::verify(config, shown),
            SpoolCommand::Backup { to, shown } => commands::spool::backup(config, &to, shown),
            SpoolCommand::Audit { limit, shown } => commands::spool::audit(config, limit, shown),
        }
    }
}
