//! Looking at the spool, and handing over what it holds.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::moment::moment;
use super::{Agreement, Shown};
use crate::commands::{self, Failure};
use crate::config::Config;
use crate::event::Timestamp;

/// Look at the spool, copy it, or hand over what it holds.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// Sizes, counts and cursors.
    Status(Shown),
    /// Check the file's pages, the checksums of records and of the ledger's notes, that no record is missing, and the mark of
    /// what was acknowledged.
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
    /// Write all that the spool holds to a file for another replica: how a lost replica's volume is adopted.
    ///
    /// Records with the sinks that have them, the ledger, fingerprints, entity states, and what was kept aside. Also
    /// while the relay runs, whose log grows for as long as it takes. Damaged records are left out and named, with exit
    /// code 3. The file holds callbacks whole: keep it as you keep the spool.
    Export {
        /// A file that is not there, or - for standard output.
        file: PathBuf,
        #[command(flatten)]
        shown: Shown,
    },
    /// Take in the export of another replica's spool.
    ///
    /// Each record keeps its id, and is published once on every sink of this relay that was not done with it there. What
    /// is known here already is passed over, so that importing twice changes nothing, and an import that broke off is
    /// begun again. Retries that come here are known as they were there.
    Import {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// Take callbacks of somebody out of the spool for good: records, bodies, what was kept aside, ids of entities.
    ///
    /// Hashes stay, so that a retry of what was purged is no second event. What was deleted is overwritten, the free space
    /// of the file too: at once by a stopped relay, beside a running one where the spool is small (else by `spool compact`
    /// later, which is said). Exports, backups, and what sinks have got are not looked into.
    Purge(PurgeArgs),
    /// Give the free space of the spool's file back to the file system.
    ///
    /// The file is written anew, and a crash meanwhile loses nothing. That takes up to twice the spool's size of its disk.
    /// Beside a running relay only a spool of up to 64 MiB is compacted: callbacks wait for it.
    Compact {
        #[command(flatten)]
        agreement: Agreement,
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

/// Whose callbacks go.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// Those that name this brand, campaign or number, such as +15551234567. One that could not be placed names nobody.
    #[arg(long, value_name = "ID", required_unless_present_any = ["account", "before"])]
    pub entity: Option<String>,
    /// Those of this account, by name, or by auth id where it is not configured any more.
    #[arg(long, value_name = "NAME", conflicts_with = "entity")]
    pub account: Option<String>,
    /// Those received before this time: RFC 3339, or how long ago, such as 30d.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with_all = ["entity", "account"])]
    pub before: Option<Timestamp>,
    /// Also what some sink has not got yet: it never gets it.
    #[arg(long)]
    pub unpublished: bool,
    /// Whether it is asked first.
    #[command(flatten)]
    pub agreement: Agreement,
}

impl SpoolCommand {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        match self {
            SpoolCommand::Status(shown) => commands::spool::status(config, shown),
            SpoolCommand::Verify(shown) => commands::spool::verify(config, shown),
            SpoolCommand::Backup { to, shown } => commands::spool::backup(config, &to, shown),
            SpoolCommand::Export { file, shown } => commands::exchange::export(config, &file, shown),
            SpoolCommand::Import { file, agreement } => commands::exchange::import(config, &file, agreement),
            SpoolCommand::Purge(args) => commands::purge::purge(config, &args),
            SpoolCommand::Compact { agreement } => commands::purge::compact(config, agreement),
            SpoolCommand::Audit { limit, shown } => commands::spool::audit(config, limit, shown),
        }
    }
}
