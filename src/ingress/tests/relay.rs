//! The whole ingress on a free port, and signed callbacks for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::wire::{PATIENCE, Reply, Wire};
use crate::callback::{Account, Accounts, Keyring};
use crate::ingress::{Ingress, IngressConfig, Readiness, Shutdown, State};
use crate::metrics::Metrics;
use crate::normalize::{NormalizeConfig, Normalizer};
use crate::signature::{Key, v2};

pub(super) const ORIGIN: &str = "https://relay.example.com";
const TOKEN: &str = "a token of acme";

pub(super) struct Relay {
    pub(super) addr: SocketAddr,
    pub(super) state: Arc<State>,
    pub(super) draining: CancellationToken,
    pub(super) served: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

pub(super) fn config() -> IngressConfig {
    IngressConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        public_urls: vec![ORIGIN.to_owned()],
        drain_delay: "0s".parse().unwrap(),
        ..IngressConfig::default()
    }
}

/// Everything that the ingress works on, with a spool of its own.
pub(super) fn state() -> (Arc<State>, tempfile::TempDir) {
    let account = |name, id, token| Account::new(name, id, [token], []).unwrap();
    let accounts = [account("acme", "MAACME", TOKEN), account("beta", "MABETA", "a token of beta")];
    let accounts = Accounts::new(Keyring::new(accounts).unwrap());
    let metrics = Metrics::new().unwrap();
    let (spool, directory) = super::spool(&metrics);
    let readiness = Readiness::new(accounts.clone(), false, || Ok(()));
    let normalizer = Normalizer::new(&NormalizeConfig::default()).unwrap();
    (Arc::new(State { accounts, normalizer, spool, metrics, readiness }), directory)
}

impl Relay {
    pub(super) async fn start(config: IngressConfig) -> Self {
        let (state, directory) = state();
        let ingress = Ingress::bind(&config, Arc::clone(&state)).await.unwrap();
        let (addr, draining) = (ingress.local_addr(), CancellationToken::new());
        let shutdown = Shutdown { draining: draining.clone(), grace: PATIENCE };
        let served = tokio::spawn(ingress.serve(shutdown));
        Relay { addr, state, draining, served, _directory: directory }
    }

    pub(super) async fn connect(&self) -> Wire {
        Wire::connect(self.addr).await
    }

    /// Sends the bytes on a connection of their own.
    pub(super) async fn ask(&self, bytes: &str) -> Reply {
        let mut wire = self.connect().await;
        wire.try_send(bytes.as_bytes()).await;
        wire.reply().await
    }

    pub(super) fn requests(&self, endpoint: &str, method: &str, code: &str) -> u64 {
        self.state.metrics.requests.with_label_values(&[endpoint, method, code]).get()
    }
}

/// A nonce that no other callback of this test has.
pub(super) fn nonce() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{:020}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The headers with which acme's token signs the path.
pub(super) fn signed(path: &str, nonce: &str) -> String {
    let signature =
        Key::new(TOKEN).unwrap().sign(&v2::signed_string(&format!("{ORIGIN}{path}"), nonce).unwrap());
    format!("x-plivo-signature-v2: {signature}\r\nx-plivo-signature-v2-nonce: {nonce}\r\n")
}

/// A signed POST of a form.
pub(super) fn post(path: &str, form: &str) -> String {
    post_as(path, form, &signed(path, &nonce()))
}

/// A POST of a form with these headers.
pub(super) fn post_as(path: &str, form: &str, headers: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: inside\r\ncontent-type: application/x-www-form-urlencoded\r\n{headers}\
         content-length: {}\r\n\r\n{form}",
        form.len()
    )
}

/// A brand's callback with an id of its own.
pub(super) fn brand() -> String {
    format!("BrandID=B{}&Status=registered", nonce())
}
