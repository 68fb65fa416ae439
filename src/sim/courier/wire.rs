//! HTTP/1.1, as far as callbacks need it: a request's bytes, and an answer read from a stream.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::payload::Payload;
use crate::sim::sign::Signatures;

/// The most bytes of an answer's head, and of its body.
const LONGEST: usize = 64 * 1024;

/// A request as it goes over the wire.
pub fn request(payload: &Payload, signatures: &Signatures) -> Vec<u8> {
    let after_scheme = payload.url.split_once("://").map_or("", |(_, rest)| rest);
    let end = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
    let (authority, target) = after_scheme.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    let slash = if target.starts_with('/') { "" } else { "/" };
    let method = payload.method.word();
    let mut head = format!("{method} {slash}{target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: plivo-sim\r\n");
    head.push_str("Accept: */*\r\n");
    for (name, value) in signatures.headers() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(content_type) = payload.content_type {
        head.push_str(&format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", payload.body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&payload.body);
    bytes
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether another request may follow on the same connection.
    pub keep: bool,
}

/// Reads one answer.
///
/// # Errors
/// When the stream fails or ends before its end, or when it is no HTTP.
pub async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut reader = Reader { stream, bytes: Vec::new(), at: 0 };
    loop {
        let head = reader.head().await?;
        let head = Head::read(&head)?;
        // 1xx only announces the answer.
        if head.code >= 200 {
            let body = reader.body(&head).await?;
            let keep = head.keep && reader.at == reader.bytes.len();
            return Ok(Answer { code: head.code, body, keep });
        }
    }
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub code: u16,
    /// The length of the body, where it is said.
    pub length: Option<usize>,
    /// Whether the body comes in chunks.
    pub chunked: bool,
    /// Whether another request may follow on the same connection.
    pub keep: bool,
}

impl Head {
    /// Reads the text before the empty line.
    ///
    /// # Errors
    /// When it is no HTTP/1.
    pub fn read(text: &str) -> io::Result<Self> {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let version = first.split(' ').next().unwrap_or_default();
        let code = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let code = code.filter(|_| version.starts_with("HTTP/1.")).ok_or_else(|| broken("its first line"))?;
        let mut head = Head { code, length: None, chunked: false, keep: version == "HTTP/1.1" };
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or_else(|| broken("a header"))?;
            let value = value.trim();
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if is("content-length") {
                head.length = Some(value.parse().map_err(|_| broken("its length"))?);
            } else if is("transfer-encoding") {
                head.chunked = value.to_ascii_lowercase().ends_with("chunked");
            } else if is("connection") && value.eq_ignore_ascii_case("close") {
                head.keep = false;
            }
        }
        if matches!(code, 204 | 304) {
            head.length = Some(0);
        }
        Ok(head)
    }
}

struct Reader<'a, S> {
    stream: &'a mut S,
    bytes: Vec<u8>,
    at: usize,
}

impl<S: AsyncRead + Unpin> Reader<'_, S> {
    /// Everything up to the empty line.
    async fn head(&mut self) -> io::Result<String> {
        self.up_to(b"\r\n\r\n").await
    }

    async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head.chunked {
            return self.chunks().await;
        }
        match head.length {
            Some(length) => self.take(length).await,
            None => {
                while self.more().await? {}
                let rest = self.bytes.len() - self.at;
                self.take(rest).await
            }
        }
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.up_to(b"\r\n").await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| broken("a chunk's size"))?;
            if size == 0 {
                while !self.up_to(b"\r\n").await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size).await?);
            self.take(2).await?;
            if body.len() > LONGEST {
                return Err(broken("its body, which is too long"));
            }
        }
    }

    /// The text before `end`, which is left behind too.
    async fn up_to(&mut self, end: &[u8]) -> io::Result<String> {
        loop {
            let rest = &self.bytes[self.at..];
            if let Some(found) = rest.windows(end.len()).position(|window| window == end) {
                let text = String::from_utf8_lossy(&rest[..found]).into_owned();
                self.at += found + end.len();
                return Ok(text);
            }
            self.must_have_more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > LONGEST {
            return Err(broken("its body, which is too long"));
        }
        while self.bytes.len() - self.at < length {
            self.must_have_more().await?;
        }
        let taken = self.bytes[self.at..self.at + length].to_vec();
        self.at += length;
        Ok(taken)
    }

    async fn must_have_more(&mut self) -> io::Result<()> {
        if self.more().await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    async fn more(&mut self) -> io::Result<bool> {
        if self.bytes.len() > 4 * LONGEST {
            return Err(broken("it, which is too long"));
        }
        Ok(self.stream.read_buf(&mut self.bytes).await? > 0)
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not an HTTP/1.1 answer: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::notice::Method;

    async fn read(text: &str) -> io::Result<(u16, String, bool)> {
        let answer = answer(&mut text.as_bytes()).await?;
        Ok((answer.code, String::from_utf8(answer.body).unwrap(), answer.keep))
    }

    #[tokio::test]
    async fn answers_of_every_framing() {
        for (text, code, body, keep) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok", 200, "ok", false),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n",
                200,
                "ok!",
                true,
            ),
            ("HTTP/1.0 503 Busy\r\n\r\nto the end", 503, "to the end", false),
            ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\nleft over", 403, "", false),
        ] {
            let (found_code, found_body, found_keep) = read(text).await.unwrap();
            let keep = keep && !text.contains("left over");
            assert_eq!((found_code, found_body.as_str(), found_keep), (code, body, keep), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal",
            "HTTP/2 200\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert!(read(text).await.is_err(), "{text}");
        }
    }

    #[test]
    fn a_request_names_the_host_as_registered() {
        let payload = |url: &str, method, content_type, body: &str| Payload {
            method,
            url: url.to_owned(),
            content_type,
            body: body.into(),
            signed: Vec::new(),
        };
        let signatures = Signatures { nonce: "1".into(), v2: "s".into(), ma_v2: "m".into(), v3: None };
        let text = |payload| String::from_utf8(request(&payload, &signatures)).unwrap();
        let post = text(payload("https://u@H.example:8443/a?b=c", Method::Post, Some("x/y"), "body"));
        assert!(post.starts_with("POST /a?b=c HTTP/1.1\r\nHost: H.example:8443\r\n"), "{post}");
        assert!(post.ends_with("Content-Length: 4\r\n\r\nbody"), "{post}");
        let get = text(payload("http://h?b=c", Method::Get, None, ""));
        assert!(get.starts_with("GET /?b=c HTTP/1.1\r\nHost: h\r\n") && get.ends_with("\r\n\r\n"), "{get}");
    }
}
