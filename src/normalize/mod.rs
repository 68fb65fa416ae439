//! Normalizing: from a verified callback to the few columns that say what it means, and from a record to its
//! event.
//!
//! Total and pure: it never fails. What it cannot place becomes an event of kind `unrecognized`.

mod candidates;
mod config;
mod detect;
mod event;
mod facts;
mod fingerprint;
pub mod meanings;
mod names;
mod normalizer;
mod number;
mod read;
pub mod schema;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use config::{AliasesConfig, NormalizeConfig, NormalizeConfigError};
pub use event::event;
pub use facts::{Facts, NormalizedCallback, Unrecognized};
pub use normalizer::Normalizer;
