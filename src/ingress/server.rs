//! A listener and its connections: how they begin, how many there may be, and how they end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::NO_PLACE;
use super::connection;
use super::front::Service;
use super::limits::ConnectionLimits;
use super::refusals::Refusals;
use super::shared::{CloseReason, Shared};
use super::slots::{Admission, Order, Slot, Slots};
use crate::metrics::Metrics;

/// How long accepting waits after an error such as too many open files, which the end of a connection mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the refusals that were not logged are summed up.
const SUM_UP_EVERY: Duration = Duration::from_secs(10);

/// When and how long a listener takes its leave.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// Cancelled when the drain begins.
    pub draining: CancellationToken,
    /// How long requests in flight may take after listening has stopped. What is open then is cut off.
    pub grace: Duration,
}

/// A bound listener that is not yet served.
pub(crate) struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    service: Service,
    limits: ConnectionLimits,
    refusals: Arc<Refusals>,
    metrics: Option<Metrics>,
}

impl Server {
    /// Binds the address, with port 0 for one that is free.
    pub(crate) async fn bind(
        address: SocketAddr,
        service: Service,
        limits: ConnectionLimits,
        refusals: Arc<Refusals>,
        metrics: Option<Metrics>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        Ok(Server { listener, local_addr, service, limits, refusals, metrics })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until the drain is over: `drain_delay` more of taking requests, then `shutdown.grace` at most for what
    /// is in flight.
    pub(crate) async fn serve(self, drain_delay: Duration, shutdown: Shutdown) {
        let shared = Arc::new(Shared {
            service: self.service,
            draining: shutdown.draining.clone(),
            metrics: self.metrics,
            refusals: self.refusals,
            slots: Slots::new(self.limits.connections),
            limits: self.limits,
        });
        let tasks = TaskTracker::new();
        let until = async {
            shutdown.draining.cancelled().await;
            sleep(drain_delay).await;
        };
        tokio::select! {
            () = accept_all(&self.listener, &shared, &tasks) => {}
            () = sum_up(&shared.refusals) => {}
            () = until => {}
        }
        drop(self.listener);
        finish(&shared, &tasks, shutdown.grace).await;
    }
}

/// Ends every connection: the idle ones now, the others after their request, all of them when `grace` is over.
async fn finish(shared: &Shared, tasks: &TaskTracker, grace: Duration) {
    tasks.close();
    shared.slots.give_all(Order::Finish);
    if timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "requests were cut off at the end of the grace period");
        shared.slots.give_all(Order::Close);
        tasks.wait().await;
    }
}

async fn accept_all(listener: &TcpListener, shared: &Arc<Shared>, tasks: &TaskTracker) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(stream, peer.ip().to_canonical(), shared, tasks),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if let Some(left_out) = shared.refusals.admit("accept") {
                    tracing::error!(%error, left_out, "no connection can be accepted; check the limit on open files");
                }
                if shared.slots.shed() {
                    shared.count_closed(CloseReason::IdleCap);
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Tells how many refusals were not logged, once a flood of them is over.
async fn sum_up(refusals: &Refusals) {
    let mut pause = interval(SUM_UP_EVERY);
    loop {
        pause.tick().await;
        for (reason, left_out) in refusals.settle() {
            tracing::warn!(reason, left_out, "more requests were refused or quarantined than were logged");
        }
    }
}

/// An error that a peer caused by going away before it was accepted.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn admit(stream: TcpStream, peer: IpAddr, shared: &Arc<Shared>, tasks: &TaskTracker) {
    let slot = match shared.slots.admit() {
        Admission::Free(slot) => slot,
        Admission::InsteadOfIdle(slot) => {
            shared.count_closed(CloseReason::IdleCap);
            slot
        }
        Admission::InsteadOfStalled(slot) => {
            shared.count_closed(CloseReason::Cap);
            slot
        }
        Admission::Refused => {
            shared.count_closed(CloseReason::Cap);
            // As far as the socket takes it at once; there is no place to wait in.
            let _ = stream.try_write(NO_PLACE.as_bytes());
            return;
        }
    };
    // An answer is one small write; waiting for more would only delay it.
    let _ = stream.set_nodelay(true);
    let open = OpenConnection::new(Arc::clone(&slot), Arc::clone(shared));
    let shared = Arc::clone(shared);
    tasks.spawn(async move {
        let _open = open;
        connection::serve(stream, peer, slot, shared).await;
    });
}

/// Counts a connection for as long as its task lives, however that ends.
struct OpenConnection {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
}

impl OpenConnection {
    fn new(slot: Arc<Slot>, shared: Arc<Shared>) -> Self {
        if let Some(metrics) = &shared.metrics {
            metrics.connections.inc();
        }
        OpenConnection { slot, shared }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.shared.slots.leave(&self.slot);
        if let Some(metrics) = &self.shared.metrics {
            metrics.connections.dec();
        }
    }
}
