//! Senders that never finish do not keep out those that do.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::support::callback::Callback;
use crate::support::config::Config;
use crate::support::relay::Home;

const STALLED: usize = 2_000;

#[test]
fn real_callbacks_pass_two_thousand_stalled_connections() {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();

    let home = Home::new(&Config::files().text());
    let relay = home.start();
    let stalled: Vec<TcpStream> = (0..STALLED)
        .map(|number| {
            let mut stream = TcpStream::connect(relay.callbacks).unwrap();
            // Some say nothing, some stop in their headers, some in their body.
            let beginning: &[u8] = match number % 3 {
                0 => b"",
                1 => b"POST /tendlc_status/ HTTP/1.1\r\nHost: h\r\nX-Half",
                _ => b"POST /tendlc_status/ HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf=",
            };
            stream.write_all(beginning).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    for _ in 0..20 {
        let asked = Instant::now();
        relay.accept(&Callback::new("brand", "created"));
        assert!(asked.elapsed() < Duration::from_secs(5), "Plivo would have given up on it");
    }
    eprintln!("20 callbacks beside {} stalled connections took {:?}", stalled.len(), began.elapsed());
}
