//! What each command does, apart from reading the command line.

pub mod asyncapi;
pub mod check_config;
pub mod dead;
pub mod demo;
pub mod doctor;
pub mod drain;
pub mod events;
pub mod exchange;
pub mod explain;
pub mod healthcheck;
pub mod held;
pub mod purge;
pub mod quarantine;
pub mod renormalize;
pub mod replay;
pub mod schema;
pub mod serve;
pub mod signature;
pub mod sinks;
pub mod spool;

mod change;
mod operator;
mod output;
mod progress;
mod read;

use std::fmt;
use std::process::ExitCode;

use crate::config::Problems;

/// Why a command failed, and with it its exit code.
#[derive(Debug)]
pub enum Failure {
    /// It did not work out.
    Failed(anyhow::Error),
    /// What there is to say has been said; the exit code is left.
    Said(u8),
    /// The configuration is wrong.
    Configuration(Problems),
    /// What was asked for makes no sense.
    Usage(String),
    /// The spool cannot be used.
    Spool(anyhow::Error),
}

impl Failure {
    /// 1, 2 or 3.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    fn number(&self) -> u8 {
        match self {
            Failure::Said(code) => *code,
            Failure::Failed(_) => 1,
            Failure::Configuration(_) | Failure::Usage(_) => 2,
            Failure::Spool(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(error) => write!(f, "error: {error:#}"),
            Failure::Said(_) => Ok(()),
            Failure::Configuration(problems) => write!(f, "{problems}"),
            Failure::Usage(what) => write!(f, "error: {what}"),
            Failure::Spool(error) => write!(f, "error: {error:#}"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Failed(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Failed(error.into())
    }
}
