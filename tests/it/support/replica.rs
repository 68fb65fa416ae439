//! One of several relays behind a balancer, at addresses that it keeps.

use std::net::{Ipv4Addr, SocketAddr};

use super::brokers::lasting_port;
use super::relay::{Home, Relay};
use super::wait::until_true;

/// A replica with a spool of its own.
pub struct Replica {
    pub home: Home,
    pub callbacks: SocketAddr,
    pub admin: SocketAddr,
    relay: Option<Relay>,
}

impl Replica {
    /// One that runs and is ready.
    pub fn new(config: &str) -> Self {
        let [callbacks, admin] = [(); 2].map(|()| (Ipv4Addr::LOCALHOST, lasting_port()).into());
        let mut replica = Replica { home: Home::new(config), callbacks, admin, relay: None };
        replica.start();
        replica
    }

    /// Starts it, with the spool it had, and waits until it is ready.
    pub fn start(&mut self) {
        let (callbacks, admin) = (self.callbacks.to_string(), self.admin.to_string());
        let relay = self.home.start_with(|command| {
            command.env("TENDLC_INGRESS__LISTEN", callbacks).env("TENDLC_ADMIN__LISTEN", admin);
        });
        until_true("readiness", || relay.admin("/readyz").status == 200);
        self.relay = Some(relay);
    }

    pub fn relay(&self) -> &Relay {
        self.relay.as_ref().expect("a replica that runs")
    }

    /// SIGTERM, and an end in good order.
    pub fn stop(&mut self) {
        self.relay.take().expect("a replica that runs").stop();
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.relay.take().expect("a replica that runs").kill();
    }
}
