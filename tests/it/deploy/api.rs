//! What Prometheus and Alertmanager answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// The HTTP interface of one of them.
pub struct Api(pub SocketAddr);

impl Api {
    /// The body of an answer 200. By HTTP/1.0, in which a body comes whole.
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.0).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).filter(|code| *code == "200").map(|_| body.to_owned())
    }

    pub fn json(&self, path: &str) -> Value {
        let body = self.get(path).unwrap_or_else(|| panic!("no answer to {path}"));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// What this query finds.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        self.json(&format!("/api/v1/query?query={query}"))["data"]["result"].as_array().unwrap().clone()
    }

    /// The alerts that fire, as Prometheus tells.
    pub fn firing(&self) -> Vec<Value> {
        let alerts = self.json("/api/v1/alerts");
        let alerts = alerts["data"]["alerts"].as_array().unwrap();
        alerts.iter().filter(|alert| alert["state"] == "firing").cloned().collect()
    }
}
