//! Just enough of HTTP/1.1 to know when an answer is whole and what it says.

use anyhow::{Context, Result, bail};

/// What a server answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// 200, and the body says `accepted`.
    Accepted,
    /// Anything else.
    Other,
}

/// The answer that `bytes` hold; `None` while there is more to come.
pub fn parse(bytes: &[u8]) -> Result<Option<Answer>> {
    let Some(head_end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = (&bytes[..head_end], &bytes[head_end + 4..]);
    let length = content_length(head)?;
    if body.len() < length {
        return Ok(None);
    }
    if body.len() > length {
        bail!("more than one answer to one request");
    }
    let good = head.starts_with(b"HTTP/1.1 200 ") && body.starts_with(br#"{"status":"accepted""#);
    Ok(Some(if good { Answer::Accepted } else { Answer::Other }))
}

fn content_length(head: &[u8]) -> Result<usize> {
    const NAME: &[u8] = b"content-length: ";
    for line in head.split(|byte| *byte == b'\n') {
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let digits = std::str::from_utf8(&line[NAME.len()..]).context("content-length")?;
            return digits.trim_end().parse().context("content-length");
        }
    }
    bail!("an answer without content-length: {}", String::from_utf8_lossy(head))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
