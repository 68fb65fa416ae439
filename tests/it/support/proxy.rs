//! A road between clients and a server, on which things happen: it closes, swallows what is sent, breaks off.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::brokers::lasting_port;

/// How long a thread sits in one read, write or look for a new connection, before it sees what became of the road.
const GLANCE: Duration = Duration::from_millis(10);

/// A proxy at a port that it keeps, closed or not.
pub struct Proxy {
    road: Arc<Road>,
    gatekeeper: Option<JoinHandle<()>>,
}

struct Road {
    address: SocketAddr,
    server: SocketAddr,
    /// None while it is closed.
    gate: Mutex<Option<TcpListener>>,
    swallows: AtomicBool,
    /// Bytes towards the server until all connections break.
    left: AtomicI64,
    /// A connection that began before the last break is to end.
    breaks: AtomicUsize,
    over: AtomicBool,
}

/// One connection, which belongs to two threads: both ends are closed when the last of them goes.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    began: usize,
    ended: AtomicBool,
}

impl Proxy {
    /// An open road to this server, which need not be there yet.
    pub fn to(server: SocketAddr) -> Self {
        let road = Arc::new(Road {
            address: (Ipv4Addr::LOCALHOST, lasting_port()).into(),
            server,
            gate: Mutex::default(),
            swallows: AtomicBool::new(false),
            left: AtomicI64::new(i64::MAX),
            breaks: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        road.open();
        let gatekeeper = Arc::clone(&road);
        Proxy { road, gatekeeper: Some(std::thread::spawn(move || gatekeeper.keep_gate())) }
    }

    /// What clients call it.
    pub fn address(&self) -> SocketAddr {
        self.road.address
    }

    /// Nobody listens, and what was connected is reset.
    pub fn close(&self) {
        *self.road.gate.lock().unwrap() = None;
        self.reset();
    }

    /// Connections stay, and new ones come about; not a byte passes, neither way.
    pub fn swallow(&self) {
        self.road.swallows.store(true, Ordering::SeqCst);
    }

    /// All connections are reset; new ones pass.
    pub fn reset(&self) {
        self.road.breaks.fetch_add(1, Ordering::SeqCst);
    }

    /// All connections are reset once so many bytes more have gone towards the server, in the midst of what they say.
    pub fn cut_after(&self, bytes: u32) {
        self.road.left.store(bytes.into(), Ordering::SeqCst);
    }

    /// Whether the cut is over.
    pub fn was_cut(&self) -> bool {
        self.road.left.load(Ordering::SeqCst) == i64::MAX
    }

    /// Everything passes again. Of what was swallowed nothing comes after: those connections are reset.
    pub fn heal(&self) {
        self.reset();
        self.road.swallows.store(false, Ordering::SeqCst);
        self.road.open();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.road.over.store(true, Ordering::SeqCst);
        if let Some(gatekeeper) = self.gatekeeper.take() {
            let _ = gatekeeper.join();
        }
    }
}

impl Road {
    fn open(&self) {
        let mut gate = self.gate.lock().unwrap();
        if gate.is_none() {
            let listener = TcpListener::bind(self.address).unwrap();
            listener.set_nonblocking(true).unwrap();
            *gate = Some(listener);
        }
    }

    fn keep_gate(self: Arc<Self>) {
        while !self.over.load(Ordering::SeqCst) {
            let came = self.gate.lock().unwrap().as_ref().and_then(|gate| gate.accept().ok());
            match came {
                Some((client, _)) => self.admit(client),
                None => std::thread::sleep(GLANCE),
            }
        }
    }

    fn admit(self: &Arc<Self>, client: TcpStream) {
        // No server, no connection: the client's is closed.
        let Ok(server) = TcpStream::connect(self.server) else { return };
        for end in [&client, &server] {
            end.set_nonblocking(false).unwrap();
            end.set_nodelay(true).unwrap();
            end.set_read_timeout(Some(GLANCE)).unwrap();
            end.set_write_timeout(Some(GLANCE)).unwrap();
        }
        let began = self.breaks.load(Ordering::SeqCst);
        let pair = Arc::new(Pair { client, server, began, ended: AtomicBool::new(false) });
        for towards_server in [true, false] {
            let (road, pair) = (Arc::clone(self), Arc::clone(&pair));
            std::thread::spawn(move || road.carry(&pair, towards_server));
        }
    }

    fn carry(&self, pair: &Pair, towards_server: bool) {
        let (mut from, to) =
            if towards_server { (&pair.client, &pair.server) } else { (&pair.server, &pair.client) };
        let mut buffer = [0; 16 << 10];
        while self.carries(pair) {
            let swallows = self.swallows.load(Ordering::SeqCst);
            match from.read(&mut buffer) {
                Err(error) if is_glance(&error) => {}
                // The other side must not hear of an end either.
                Ok(0) | Err(_) if swallows => std::thread::sleep(GLANCE),
                Ok(0) | Err(_) => break,
                Ok(_) if swallows => {}
                Ok(read) => {
                    let passing = if towards_server { self.passing(read) } else { read };
                    if self.push(pair, to, &buffer[..passing]).is_err() {
                        break;
                    }
                    if passing < read {
                        self.breaks.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        }
        if pair.began != self.breaks.load(Ordering::SeqCst) {
            for end in [&pair.client, &pair.server] {
                // To close it is to reset it.
                rustix::net::sockopt::set_socket_linger(end, Some(Duration::ZERO)).unwrap();
            }
        }
        pair.ended.store(true, Ordering::SeqCst);
    }

    /// How much of this may pass before the cut. It may be less only once for each cut.
    fn passing(&self, read: usize) -> usize {
        let mut passing = read;
        let _ = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            if left == i64::MAX {
                passing = read;
                return None;
            }
            passing = read.min(usize::try_from(left).unwrap());
            Some(if passing < read { i64::MAX } else { left - read as i64 })
        });
        passing
    }

    fn push(&self, pair: &Pair, mut to: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() && self.carries(pair) {
            match to.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_glance(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn carries(&self, pair: &Pair) -> bool {
        !pair.ended.load(Ordering::SeqCst)
            && pair.began == self.breaks.load(Ordering::SeqCst)
            && !self.over.load(Ordering::SeqCst)
    }
}

fn is_glance(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
