//! Connections: opened, kept alive, and used again.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::either::Either;

use super::origin::Origin;

/// A connection, with TLS or without.
pub type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// How long a connection is kept without a request: less than servers commonly do.
const IDLE: Duration = Duration::from_secs(20);

/// How many are kept for one origin.
const MOST_IDLE: usize = 256;

/// Connections that wait for their next request, by origin.
pub struct Pool {
    idle: Mutex<HashMap<Origin, Vec<(Stream, Instant)>>>,
    tls: TlsConnector,
}

impl Pool {
    /// An empty pool that trusts the machine's certificates and those of this file.
    ///
    /// # Errors
    /// When the file has no certificates.
    pub fn new(ca_file: Option<&Path>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        // A machine without any certificates can still send to http URLs.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let invalid = |error: &dyn std::fmt::Display| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
            };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| invalid(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| invalid(&error))?;
                roots.add(certificate).map_err(|error| invalid(&error))?;
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Pool { idle: Mutex::default(), tls: TlsConnector::from(Arc::new(config)) })
    }

    /// A connection to `origin`: one that waits and is still open, or a new one.
    ///
    /// # Errors
    /// When none can be opened.
    pub async fn connection(&self, origin: &Origin) -> io::Result<Stream> {
        while let Some((stream, since)) = self.take(origin) {
            if since.elapsed() < IDLE && is_open(&stream) {
                return Ok(stream);
            }
        }
        let stream = TcpStream::connect((origin.host.as_str(), origin.port)).await?;
        stream.set_nodelay(true)?;
        if !origin.tls {
            return Ok(Either::Left(stream));
        }
        let name = ServerName::try_from(origin.host.clone()).map_err(io::Error::other)?;
        Ok(Either::Right(Box::new(self.tls.connect(name, stream).await?)))
    }

    /// Keeps a connection for the next request.
    pub fn keep(&self, origin: &Origin, stream: Stream) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(origin.clone()).or_default();
        if waiting.len() < MOST_IDLE {
            waiting.push((stream, Instant::now()));
        }
    }

    fn take(&self, origin: &Origin) -> Option<(Stream, Instant)> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(origin)?.pop()
    }
}

/// Nothing is to be read from a connection that waits for a request: whatever is there says that it ends.
fn is_open(stream: &Stream) -> bool {
    let tcp = match stream {
        Either::Left(tcp) => tcp,
        Either::Right(tls) => tls.get_ref().0,
    };
    matches!(tcp.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_open_connection_is_used_again_and_a_closed_one_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let origin = Origin::of(&format!("http://{address}/")).unwrap();
        let pool = Pool::new(None).unwrap();
        let local = |stream: &Stream| match stream {
            Either::Left(tcp) => tcp.local_addr().unwrap(),
            Either::Right(_) => unreachable!("http"),
        };
        let first = pool.connection(&origin).await.unwrap();
        let (served, _) = listener.accept().await.unwrap();
        let port = local(&first);
        pool.keep(&origin, first);
        let again = pool.connection(&origin).await.unwrap();
        assert_eq!(local(&again), port);
        drop(served);
        let Either::Left(tcp) = &again else { unreachable!("http") };
        tcp.readable().await.unwrap();
        pool.keep(&origin, again);
        let other = pool.connection(&origin).await.unwrap();
        assert_ne!(local(&other), port);
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n")
            .unwrap();
        assert!(Pool::new(Some(&path)).is_err());
        assert!(Pool::new(Some(&dir.path().join("none.pem"))).is_err());
    }
}
