//! Bytes as an attacker writes them, and every answer until the relay closes the connection.

use std::net::SocketAddr;

use crate::support::http::{Connection, Response};

/// Lines of `[ingress]`: a relay that soon closes a connection on which nothing more comes.
pub const IMPATIENT: &str = "limits = { request_deadline = \"3s\", idle_timeout = \"2s\" }";

/// Writes all of it, and reads answers until the relay closes.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<Response> {
    let mut connection = Connection::open(address).unwrap();
    // The relay may close before it has read all of it.
    let _ = connection.write(bytes);
    std::iter::from_fn(|| connection.read().ok()).collect()
}

/// The same for many at once: most of the time passes in waiting for the relay to close.
pub fn exchange_all(address: SocketAddr, requests: Vec<Vec<u8>>) -> Vec<Vec<Response>> {
    let senders: Vec<_> =
        requests.into_iter().map(|bytes| std::thread::spawn(move || exchange(address, &bytes))).collect();
    senders.into_iter().map(|sender| sender.join().unwrap()).collect()
}

/// Each character as one byte, as HTTP has it.
pub fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}
