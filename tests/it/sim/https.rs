//! Over https, with a proxy in front of the relay that ends TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::run::{assert_holds, by_path, sim, verify};
use crate::support::brokers;
use crate::support::cli;
use crate::support::config::Config;
use crate::support::relay::Home;
use crate::support::secured::certificate;

fn acceptor() -> TlsAcceptor {
    let chain =
        CertificateDer::pem_file_iter(certificate("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(certificate("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Hands on everything that comes over TLS.
async fn proxy(listener: TcpListener, to: SocketAddr) {
    let acceptor = acceptor();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that trusts nobody ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut relay = TcpStream::connect(to).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut relay).await;
        });
    }
}

#[test]
fn callbacks_go_over_https_and_only_to_who_is_trusted() {
    if brokers::variable("TENDLC_TEST_CERTS").is_none() {
        return;
    }
    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let via = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    runtime.spawn(proxy(listener, relay.callbacks));
    let send = |ledger: &str, ca: &str| {
        let mut command = sim(&home.path(""), &["send", "--json", "--time-scale", "0.001", "--slow", "0.1"]);
        command.args(["--chaos", "0.2", "--entities", "5", "--callbacks", "50", "--to", &by_path()]);
        command.args(["--via", &via, "--ledger", ledger, "--ca-file"]).arg(certificate(ca));
        cli::run(&mut command).json_lines().remove(0)
    };
    let refused = send("refused", "other-ca.pem");
    assert_eq!(refused["labels"]["genuine"]["delivered"], 0, "{refused:#}");
    let ledger = std::fs::read_to_string(home.path("refused")).unwrap();
    assert!(ledger.contains("invalid peer certificate"), "{}", &ledger[..2000]);
    send("ledger", "ca.pem");
    relay.drained();
    let verdict = verify(&home, "ledger", "events", &[]);
    assert_holds(&verdict);
    assert_eq!(verdict.1["consumers"][0]["events"], 50);
}
