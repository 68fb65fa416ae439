//! The ingress: from a socket to an answer that is 200 only when the callback is durable.
//!
//! ```text
//! server (accept, cap) → connection (hyper, deadlines) → front (panics, counting) → routes → handler
//! handler: receive → verify → normalize → spool.append → answer
//! ```
//!
//! One deadline counts from the first byte of a request and covers header, body and commit. Everything that a sender
//! can make the relay hold has a limit ([`LimitsConfig`]), and over a limit the answer is an error at once.

mod answer;
mod body;
pub mod captured;
mod config;
mod connection;
mod forwarded;
mod front;
mod handler;
mod limits;
mod open_files;
mod pattern;
mod readiness;
mod refusals;
mod request;
mod routes;
mod server;
mod shared;
mod slots;
mod state;
mod tally;
mod tracked;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub use answer::Answer;
pub use config::{IngressConfig, RouteConfig, Verification};
pub(crate) use front::Service;
pub(crate) use limits::ConnectionLimits;
pub use limits::LimitsConfig;
pub(crate) use open_files::needed as open_files_needed;
pub use readiness::{Check, Readiness, ReadinessReport};
pub(crate) use server::Server;
pub use server::Shutdown;
pub use state::State;

use handler::Handler;
use refusals::Refusals;
use routes::Routes;

/// Why the ingress cannot start.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// The configuration cannot work.
    #[error("ingress.{0}")]
    Config(String),
    /// The address cannot be bound.
    #[error("ingress.listen: cannot listen on {address}: {source}; free the port or choose another")]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

impl IngressError {
    /// A short name for logs.
    pub const fn code(&self) -> &'static str {
        match self {
            IngressError::Config(_) => "config",
            IngressError::Bind { .. } => "bind",
        }
    }
}

/// The bound callback listener.
pub struct Ingress {
    server: Server,
    state: Arc<State>,
    drain_delay: Duration,
}

impl Ingress {
    /// Binds the address. Nothing is taken before [`serve`](Self::serve).
    ///
    /// # Errors
    /// When the configuration cannot work or the address cannot be bound.
    pub async fn bind(config: &IngressConfig, state: Arc<State>) -> Result<Self, IngressError> {
        config.validate().map_err(IngressError::Config)?;
        let refusals = Arc::new(Refusals::default());
        let handler = Handler::new(config, Arc::clone(&state), Arc::clone(&refusals));
        let handler = handler.map_err(IngressError::Config)?;
        let routes = Routes::new(config, handler, Arc::clone(&refusals)).map_err(IngressError::Config)?;
        tally::register_verifications(&state.metrics);
        announce(config, &state);
        let limits = config.limits.connection();
        open_files::make_room_for(limits.connections);
        let address = config.listen;
        let server =
            Server::bind(address, Service::Callbacks(routes), limits, refusals, Some(state.metrics.clone()))
                .await;
        let server = server.map_err(|source| IngressError::Bind { address, source })?;
        Ok(Ingress { server, state, drain_delay: config.drain_delay.get() })
    }

    /// The address, with the real port where the configured one is 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Serves until the shutdown is over. When its token is cancelled, the relay is at once no longer ready; requests
    /// are still taken for `drain_delay`; then listening stops, and what is in flight ends.
    pub async fn serve(self, shutdown: Shutdown) {
        let draining = shutdown.draining.clone();
        let begin_drain = async {
            draining.cancelled().await;
            self.state.readiness.begin_drain();
            self.state.metrics.draining.set(1);
            self.state.metrics.ready.set(0);
        };
        tokio::join!(begin_drain, self.server.serve(self.drain_delay, shutdown));
    }
}

/// What an operator must not overlook.
fn announce(config: &IngressConfig, state: &State) {
    let off = config.verification == Verification::Off;
    state.metrics.verification_off.set(i64::from(off));
    if off {
        tracing::warn!(
            "verification is off: anybody who reaches this listener can make events; set ingress.verification = \"on\""
        );
    }
}
