//! The admin listener: read-only, apart from the callbacks. `/metrics`, `/livez`, `/readyz`.
//!
//! Readiness asks whether a callback can be made durable now, liveness asks nothing. A broker that is down shows in the
//! document of `/readyz` and never in its code.

mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ingress::{ConnectionLimits, Readiness, Server, Service, Shutdown};
use crate::metrics::Metrics;

/// Table `admin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// The address of the admin listener. It answers whoever reaches it: keep it off public networks.
    pub listen: SocketAddr,
}

impl Default for AdminConfig {
    fn default() -> Self {
        AdminConfig { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

impl AdminConfig {
    /// Every address is possible.
    ///
    /// # Errors
    /// Never, as yet.
    pub fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What the admin listener shows.
pub struct AdminState {
    metrics: Metrics,
    readiness: Readiness,
    refresh: Box<dyn Fn() + Send + Sync>,
    lanes: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
}

impl AdminState {
    /// `refresh` brings those metrics up to date that are measured when asked for, `lanes` tells the state of every
    /// sink. Both are called on a thread that may wait for the disk.
    pub fn new(
        metrics: Metrics,
        readiness: Readiness,
        refresh: impl Fn() + Send + Sync + 'static,
        lanes: impl Fn() -> serde_json::Value + Send + Sync + 'static,
    ) -> Self {
        AdminState { metrics, readiness, refresh: Box::new(refresh), lanes: Box::new(lanes) }
    }
}

/// Why the admin listener cannot start.
#[derive(Debug, thiserror::Error)]
#[error("admin.listen: cannot listen on {address}: {source}; free the port or choose another")]
pub struct AdminBindError {
    address: SocketAddr,
    source: std::io::Error,
}

/// The bound admin listener.
pub struct Admin {
    server: Server,
}

impl Admin {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(config: &AdminConfig, state: AdminState) -> Result<Self, AdminBindError> {
        let address = config.listen;
        let server =
            Server::bind(address, Service::Router(routes::router(state)), limits(), Arc::default(), None)
                .await;
        server.map(|server| Admin { server }).map_err(|source| AdminBindError { address, source })
    }

    /// The address, with the real port where the configured one is 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Serves until the shutdown is over. Its token is to be cancelled last of all, so that a drain can be watched.
    pub async fn serve(self, shutdown: Shutdown) {
        self.server.serve(Duration::ZERO, shutdown).await;
    }
}

/// Enough for a few scrapers and probes, whoever else comes.
fn limits() -> ConnectionLimits {
    ConnectionLimits {
        connections: 64,
        request_deadline: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(75),
        header_bytes: 8 << 10,
        headers: 64,
    }
}
