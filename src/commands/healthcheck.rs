//! `healthcheck`: asks the running relay whether it is ready.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

use super::Failure;
use super::output::line_out;
use crate::config::Config;

/// Shorter than the time-out that container runtimes give a health check.
const TIMEOUT: Duration = Duration::from_secs(3);

/// More than an answer has.
const ANSWER_MAX: u64 = 64 << 10;

/// Prints the checks, and fails when the relay is not ready.
///
/// # Errors
/// When it is not ready, or does not answer.
pub fn run(config: &Config) -> Result<(), Failure> {
    let address = reachable(config.admin.listen);
    let answer = ask(address).with_context(|| format!("no answer from {address}: is the relay running?"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    line_out(body.trim_end())?;
    let code = head.split_whitespace().nth(1).unwrap_or("no status");
    if code == "200" { Ok(()) } else { Err(anyhow::anyhow!("the relay is not ready ({code})").into()) }
}

/// An address to call for one that is listened on: "any" is this machine.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Asks for its readiness, and answers all that it said.
pub(super) fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_is_called_on_this_machine() {
        for (listen, call) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.0.0.1:3", "10.0.0.1:3")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), call.parse().unwrap());
        }
    }
}
