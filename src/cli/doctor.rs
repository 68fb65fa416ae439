//! Where else to look.

use clap::Args;

use super::Shown;

/// What the doctor cannot know by itself.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The monitoring of a NATS server, which tells whether it syncs before it acknowledges; repeat it [default: port 8222
    /// of each server].
    #[arg(long, value_name = "http://HOST:PORT")]
    pub nats_monitor: Vec<String>,
    /// How the findings are shown.
    #[command(flatten)]
    pub shown: Shown,
}
