//! The ingress: from a socket to an answer that is 200 only when the callback is durable.

mod answer;
mod config;
mod connection;
mod forwarded;
mod front;
mod limits;
mod pattern;
mod readiness;
mod refusals;
mod server;
mod slots;
mod tracked;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use config::{IngressConfig, RouteConfig, Verification};
pub(crate) use limits::ConnectionLimits;
pub use limits::LimitsConfig;
pub use readiness::{Check, Readiness, ReadinessReport};
pub(crate) use server::Server;
pub use server::Shutdown;
