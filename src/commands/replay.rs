//! `replay`: events published again, to one sink and under the same ids.

use super::{Failure, change};
use crate::cli::ReplayArgs;
use crate::config::Config;
use crate::spool::{Change, Only, ReplayFrom, ReplayTo};

/// Starts a replay. A stopped relay carries it out when it runs again.
///
/// # Errors
/// When the sink is not configured, nothing is there to publish, or the spool cannot be used.
pub fn run(config: &Config, args: ReplayArgs) -> Result<(), Failure> {
    let from = match (args.from_sequence, args.from_time) {
        (Some(sequence), _) => ReplayFrom::Sequence(sequence),
        (None, Some(time)) => ReplayFrom::Time(time),
        (None, None) => return Err(Failure::Usage("give --from-time or --from-sequence".to_owned())),
    };
    let to = args.to.map(ReplayTo::Sequence).or(args.to_time.map(ReplayTo::Time));
    let only = Only { endpoint: args.endpoint, entity: args.entity };
    change::make(config, Change::Replay { sink: args.sink, from, to, only }, args.agreement)
}
