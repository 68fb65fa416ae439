//! Connections: opened, kept alive, and used again.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
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

/// How many are kept.
const MOST_IDLE: usize = 256;

/// Connections that wait for their next request.
pub struct Pool {
    idle: Arc<Mutex<Idle>>,
    tls: TlsConnector,
}

/// Those that wait, the longest first, and whether somebody ends them at their time.
#[derive(Default)]
struct Idle {
    waiting: VecDeque<Waiting>,
    is_reaped: bool,
}

struct Waiting {
    origin: Origin,
    stream: Stream,
    since: Instant,
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
        Ok(Pool { idle: Arc::default(), tls: TlsConnector::from(Arc::new(config)) })
    }

    /// A connection to `origin`: one that waits and is still open, or a new one.
    ///
    /// # Errors
    /// When none can be opened.
    pub async fn connection(&self, origin: &Origin) -> io::Result<Stream> {
        while let Some(stream) = lock(&self.idle).take(origin) {
            if is_open(&stream) {
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

    /// Keeps a connection for the next request, for its time and while no other one needs its place.
    pub fn keep(&self, origin: &Origin, stream: Stream) {
        let mut idle = lock(&self.idle);
        idle.waiting.push_back(Waiting { origin: origin.clone(), stream, since: Instant::now() });
        if idle.waiting.len() > MOST_IDLE {
            idle.waiting.pop_front();
        }
        if !std::mem::replace(&mut idle.is_reaped, true) {
            tokio::spawn(reap(Arc::downgrade(&self.idle)));
        }
    }
}

impl Idle {
    /// The one that has waited the shortest.
    fn take(&mut self, origin: &Origin) -> Option<Stream> {
        let place = self.waiting.iter().rposition(|waiting| waiting.origin == *origin)?;
        self.waiting.remove(place).map(|waiting| waiting.stream)
    }

    /// Ends those whose time is over, and says when the next one's is.
    fn end_old(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let ends = self.waiting.front()?.since + IDLE;
            if ends > now {
                return Some(ends);
            }
            self.waiting.pop_front();
        }
    }
}

/// Ends connections at their time, for as long as there are any.
async fn reap(idle: Weak<Mutex<Idle>>) {
    while let Some(next) = next_end(&idle) {
        tokio::time::sleep_until(next).await;
    }
}

fn next_end(idle: &Weak<Mutex<Idle>>) -> Option<Instant> {
    let idle = idle.upgrade()?;
    let mut idle = lock(&idle);
    let next = idle.end_old(Instant::now());
    idle.is_reaped = next.is_some();
    next
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
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
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    struct Server {
        listener: TcpListener,
        origin: Origin,
    }

    impl Server {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let origin = Origin::of(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
            Server { listener, origin }
        }

        /// A new connection, and its other end.
        async fn connected(&self, pool: &Pool) -> (Stream, TcpStream) {
            let stream = pool.connection(&self.origin).await.unwrap();
            (stream, self.listener.accept().await.unwrap().0)
        }
    }

    fn tcp(stream: &Stream) -> &TcpStream {
        match stream {
            Either::Left(tcp) => tcp,
            Either::Right(_) => unreachable!("http"),
        }
    }

    fn port(stream: &Stream) -> u16 {
        tcp(stream).local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn an_open_connection_is_used_again_and_a_closed_one_is_not() {
        let (server, pool) = (Server::start().await, Pool::new(None).unwrap());
        let (first, served) = server.connected(&pool).await;
        let own = port(&first);
        pool.keep(&server.origin, first);
        let again = pool.connection(&server.origin).await.unwrap();
        assert_eq!(port(&again), own);
        drop(served);
        tcp(&again).readable().await.unwrap();
        pool.keep(&server.origin, again);
        let other = pool.connection(&server.origin).await.unwrap();
        assert_ne!(port(&other), own);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_too_long_is_closed_though_nobody_asks_for_it() {
        let (server, pool) = (Server::start().await, Pool::new(None).unwrap());
        // Once more after all are gone.
        for _ in 0..2 {
            let (first, mut to_first) = server.connected(&pool).await;
            let (second, mut to_second) = server.connected(&pool).await;
            let began = Instant::now();
            pool.keep(&server.origin, first);
            tokio::time::sleep(IDLE / 2).await;
            pool.keep(&server.origin, second);
            assert_eq!(to_first.read(&mut [0]).await.unwrap(), 0);
            assert!(began.elapsed() >= IDLE && lock(&pool.idle).waiting.len() == 1);
            assert_eq!(to_second.read(&mut [0]).await.unwrap(), 0);
            assert!(began.elapsed() >= IDLE + IDLE / 2 && !lock(&pool.idle).is_reaped);
        }
    }

    #[tokio::test]
    async fn the_newest_ones_are_kept() {
        let (server, pool) = (Server::start().await, Pool::new(None).unwrap());
        let (oldest, mut to_oldest) = server.connected(&pool).await;
        pool.keep(&server.origin, oldest);
        let mut others = Vec::new();
        for _ in 0..MOST_IDLE {
            let stream = TcpStream::connect(server.listener.local_addr().unwrap()).await.unwrap();
            others.push(server.listener.accept().await.unwrap());
            pool.keep(&server.origin, Either::Left(stream));
        }
        assert_eq!(to_oldest.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(lock(&pool.idle).waiting.len(), MOST_IDLE);
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
