//! What the ingress works on, built once by the application.

use crate::callback::Accounts;
use crate::metrics::Metrics;
use crate::normalize::Normalizer;
use crate::spool::Spool;

use super::readiness::Readiness;

/// The stages that a callback passes, and what tells of it.
pub struct State {
    /// The tokens in force.
    pub accounts: Accounts,
    /// From verified callbacks to normalized ones.
    pub normalizer: Normalizer,
    /// Where callbacks become durable.
    pub spool: Spool,
    /// All metrics.
    pub metrics: Metrics,
    /// Told of the drain.
    pub readiness: Readiness,
}
