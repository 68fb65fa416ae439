//! When an answer is whole, and what it says.

use crate::sim::courier::Head;

/// The longest `status` that is told apart.
const LONGEST_STATUS: usize = 24;

/// What a server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub code: u16,
    /// `status` of a JSON body that begins with it, as the relay's do.
    pub status: Option<&'a str>,
    /// Whether another request may follow on the connection.
    pub keep: bool,
}

/// What was answered is no HTTP, or something more than one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// The answer that `bytes` hold; `None` while there is more to come. `ended` says that nothing more does.
pub fn parse(bytes: &[u8], ended: bool) -> Result<Option<Answer<'_>>, Broken> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Broken)?;
    let head = Head::read(text).map_err(|_| Broken)?;
    let rest = &bytes[end + 4..];
    if head.code < 200 {
        return parse(rest, ended);
    }
    let whole = match (head.chunked, head.length) {
        (true, _) => end_of_chunks(rest)?,
        (false, Some(length)) => (rest.len() >= length).then_some(length),
        (false, None) => ended.then_some(rest.len()),
    };
    let Some(length) = whole else { return Ok(None) };
    if rest.len() > length {
        return Err(Broken);
    }
    Ok(Some(Answer { code: head.code, status: status(rest), keep: head.keep && !ended }))
}

/// Where chunks end, once their last one is there.
fn end_of_chunks(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    let line_at = |at: usize| {
        let length = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        Some((&bytes[at..at + length], at + length + 2))
    };
    let mut at = 0;
    loop {
        let Some((line, after)) = line_at(at) else { return Ok(None) };
        let size = std::str::from_utf8(line).map_err(|_| Broken)?.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| Broken)?;
        if size == 0 {
            return Ok(end_of_trailers(after, line_at));
        }
        at = after.checked_add(size).and_then(|end| end.checked_add(2)).ok_or(Broken)?;
        if at > bytes.len() {
            return Ok(None);
        }
    }
}

fn end_of_trailers<'a>(mut at: usize, line_at: impl Fn(usize) -> Option<(&'a [u8], usize)>) -> Option<usize> {
    loop {
        let (line, after) = line_at(at)?;
        if line.is_empty() {
            return Some(after);
        }
        at = after;
    }
}

fn status(body: &[u8]) -> Option<&str> {
    let rest = body.strip_prefix(br#"{"status":""#)?;
    let length = rest.iter().take(LONGEST_STATUS + 1).position(|byte| *byte == b'"')?;
    let word = std::str::from_utf8(&rest[..length]).ok()?;
    word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [(&str, u16, Option<&str>, bool); 5] = [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"status\":\"accepted\",\"id\":\"abc\"}",
            200,
            Some("accepted"),
            true,
        ),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nConnection: close\r\n\r\n", 503, None, false),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204, None, true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n",
            200,
            None,
            true,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"status\":\"A\"}", 200, None, true),
    ];

    #[test]
    fn an_answer_is_whole_at_its_last_byte_and_not_before() {
        for (text, code, status, keep) in WHOLE {
            let text = text.replace("Length: 30", "Length: 32");
            for end in 0..text.len() {
                assert_eq!(parse(&text.as_bytes()[..end], false), Ok(None), "{}", &text[..end]);
            }
            assert_eq!(parse(text.as_bytes(), false), Ok(Some(Answer { code, status, keep })), "{text}");
        }
    }

    #[test]
    fn without_a_length_it_ends_with_the_connection() {
        let text = b"HTTP/1.0 200 OK\r\n\r\n{\"status\":\"late\"}";
        assert_eq!(parse(text, false), Ok(None));
        assert_eq!(parse(text, true), Ok(Some(Answer { code: 200, status: Some("late"), keep: false })));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for text in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert_eq!(parse(text.as_bytes(), false), Err(Broken), "{text}");
        }
    }
}
