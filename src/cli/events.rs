//! Which events, and how they are read again: `events`, `replay`, `renormalize`.

use clap::Args;

use super::Agreement;
use super::moment::moment;
use crate::event::{Status, Timestamp};
use crate::normalize::schema::Kind;

/// Which events, and how they are shown.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only this endpoint: brand, campaign, number_linking, number_unlinking or unrecognized.
    #[arg(long)]
    pub endpoint: Option<Kind>,
    /// Only this entity: a brand id, a campaign id, or a number such as +15551234567.
    #[arg(long, value_name = "ID")]
    pub entity: Option<String>,
    /// Only this status.
    #[arg(long)]
    pub status: Option<Status>,
    /// Only this account, by name.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Received at this time or later: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Received before this time: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// At most so many, the latest of those that match [default: 50 in a table, all as JSON].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Go on with events as they are accepted, until interrupted.
    #[arg(long, short)]
    pub follow: bool,
    /// One event a line as JSON, also on a terminal.
    #[arg(long)]
    pub json: bool,
}

/// What is published again.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The sink.
    #[arg(long, value_name = "NAME")]
    pub sink: String,
    /// From the first event received at this time or later: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment, required_unless_present = "from_sequence")]
    pub from_time: Option<Timestamp>,
    /// From this sequence number.
    #[arg(long, value_name = "N", conflicts_with = "from_time")]
    pub from_sequence: Option<u64>,
    /// To this sequence number [default: the latest now].
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Up to the last event received before this time: RFC 3339, or how long ago, such as 1h.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "to")]
    pub to_time: Option<Timestamp>,
    /// Only this endpoint: brand, campaign, number_linking, number_unlinking or unrecognized.
    #[arg(long)]
    pub endpoint: Option<Kind>,
    /// Only this entity: a brand id, a campaign id, or a number such as +15551234567.
    #[arg(long, value_name = "ID")]
    pub entity: Option<String>,
    /// Whether it is asked first.
    #[command(flatten)]
    pub agreement: Agreement,
}

/// What is normalized again.
#[derive(Debug, Args)]
pub struct RenormalizeArgs {
    /// Received at this time or later: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Received before this time: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Whether it is asked first.
    #[command(flatten)]
    pub agreement: Agreement,
}
