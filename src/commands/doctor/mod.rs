//! `doctor`: is everything around the relay as its promises need it? Looks at much, changes nothing, waits for nobody for
//! long, and works beside a running relay as well as without one.
//!
//! Every look runs on a thread of its own and is given up when it takes too long: a disk or a name server that does not
//! answer is a finding, too.

mod accounts;
mod clock;
mod configuration;
mod disk;
mod look;
mod mount;
mod open_files;
mod public_url;
mod relay;
mod report;
mod sinks;
mod spool;

use std::sync::Arc;

use super::Failure;
use crate::cli::DoctorArgs;
use crate::config::{Config, Sources};
use crate::sink::Wants;
use look::Look;

/// Looks at everything and tells what was found.
///
/// # Errors
/// [`Failure::Said`] when something is worse than a note: 2 when the configuration is wrong, 3 when the spool cannot be
/// used, 1 for everything else.
pub fn run(sources: &Sources, args: DoctorArgs) -> Result<(), Failure> {
    let (config, mut rows) = configuration::look(sources);
    if let Some(config) = config {
        let looks = looks(Arc::new(config), args.nats_monitor);
        rows.extend(look::all(looks));
    }
    report::show(&rows, args.shown)?;
    match report::exit_code(&rows) {
        0 => Ok(()),
        code => Err(Failure::Said(code)),
    }
}

fn looks(config: Arc<Config>, nats_monitors: Vec<String>) -> Vec<Look> {
    let with = |check: &str, look: fn(&Config) -> Vec<crate::finding::Finding>| {
        let config = Arc::clone(&config);
        Look::start(check, move || look(&config))
    };
    let mut looks = vec![
        with(report::SPOOL, spool::look),
        with("relay", relay::look),
        with("disk", disk::look),
        with("open files", open_files::look),
        with("clock", |_| clock::look()),
    ];
    let wants = Arc::new(Wants {
        dedupe_window: config.spool.dedupe_window,
        body: config.ingress.limits.body,
        nats_monitors,
    });
    looks.extend(config.sinks.iter().map(|(name, sink)| sinks::start(name, sink, Arc::clone(&wants))));
    looks
}
