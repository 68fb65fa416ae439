//! A captured request: a recorded message, or curl's options.

use std::io::Read;
use std::path::Path;

use axum::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use axum::http::{Method, Request, Uri};
use bytes::Bytes;

use crate::cli::ExplainArgs;

/// The largest capture that is read. The relay itself takes much less.
const MAX: u64 = 16 << 20;

/// The most headers that are read.
const MAX_HEADERS: usize = 256;

/// Reads what the arguments name.
pub(super) fn read(args: &ExplainArgs) -> Result<Request<Bytes>, String> {
    match (&args.file, &args.url) {
        (Some(file), _) => recorded(&content(file)?).map_err(|what| format!("{}: {what}", file.display())),
        (None, Some(url)) => told(args, url),
        (None, None) => Err("give a file, or --url".to_owned()),
    }
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.len() as u64 > MAX {
        return Err(format!("{}: larger than {} MiB", path.display(), MAX >> 20));
    }
    Ok(bytes)
}

/// A message as it went over the wire, or as an inspector has written it down.
fn recorded(bytes: &[u8]) -> Result<Request<Bytes>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut message = httparse::Request::new(&mut headers);
    let head = match message.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => {
            return Err("no blank line ends its headers: is it a recorded HTTP/1.1 message?".to_owned());
        }
        Err(error) => return Err(format!("not a recorded HTTP/1.1 message: {error}")),
    };
    let mut request = request(message.method.unwrap_or_default(), message.path.unwrap_or_default())?;
    for header in message.headers {
        add(&mut request, header.name.as_bytes(), header.value)?;
    }
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return Err("its body is in chunks: give the body alone, with --url, --header and --data".to_owned());
    }
    *request.body_mut() = Bytes::copy_from_slice(body(&request, &bytes[head..])?);
    Ok(request)
}

/// As long as the message says: editors add a newline.
fn body<'a>(request: &Request<Bytes>, rest: &'a [u8]) -> Result<&'a [u8], String> {
    let Some(length) = request.headers().get(CONTENT_LENGTH) else { return Ok(rest) };
    let length = length.to_str().ok().and_then(|length| length.trim().parse::<usize>().ok());
    let length = length.ok_or("its Content-Length is not a number")?;
    rest.get(..length).ok_or_else(|| format!("its body has {} bytes, {length} were announced", rest.len()))
}

fn told(args: &ExplainArgs, url: &str) -> Result<Request<Bytes>, String> {
    let data = match &args.data {
        None => None,
        Some(text) => Some(match text.strip_prefix('@') {
            Some(path) => content(Path::new(path))?,
            None => text.clone().into_bytes(),
        }),
    };
    let method = args.request.as_deref().unwrap_or(if data.is_some() { "POST" } else { "GET" });
    let mut request = request(method, url)?;
    for header in &args.header {
        let (name, value) =
            header.split_once(':').ok_or_else(|| format!("--header {header:?}: accepted is NAME: VALUE"))?;
        add(&mut request, name.trim().as_bytes(), value.trim().as_bytes())?;
    }
    if data.is_some() && !request.headers().contains_key(axum::http::header::CONTENT_TYPE) {
        // As curl does.
        add(&mut request, b"content-type", b"application/x-www-form-urlencoded")?;
    }
    *request.body_mut() = Bytes::from(data.unwrap_or_default());
    Ok(request)
}

/// With the path and query of the URL; its origin becomes the Host header, which only says where else to look.
fn request(method: &str, url: &str) -> Result<Request<Bytes>, String> {
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method:?} is no method"))?;
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is neither a URL nor a path: {error}"))?;
    let host = uri.authority().map(|authority| authority.as_str().to_owned());
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let uri: Uri = target.parse().map_err(|error| format!("{target:?}: {error}"))?;
    let mut request =
        Request::builder().method(method).uri(uri).body(Bytes::new()).map_err(|e| e.to_string())?;
    if let Some(host) = host {
        add(&mut request, b"host", host.as_bytes())?;
    }
    Ok(request)
}

fn add(request: &mut Request<Bytes>, name: &[u8], value: &[u8]) -> Result<(), String> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let header = HeaderName::from_bytes(name).map_err(|_| format!("{:?} is no header's name", shown()))?;
    let value = HeaderValue::from_bytes(value).map_err(|_| format!("the value of {} is none", shown()))?;
    request.headers_mut().append(header, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_message_is_read_to_its_announced_end() {
        let text = b"POST /cb/?a=%20 HTTP/1.1\r\nHost: a.example\r\nX-Plivo-Signature-V2: one\r\nx-plivo-signature-v2: two\r\nContent-Length: 3\r\n\r\nb=1\n";
        let request = recorded(text).unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", "/cb/?a=%20"));
        assert_eq!(request.headers().get_all("x-plivo-signature-v2").iter().count(), 2);
        assert_eq!(request.body(), "b=1");
        // Inspectors write bare newlines, and often no length.
        let bare = recorded(b"GET http://b.example:81/cb?x HTTP/1.1\nA: b\n\n").unwrap();
        assert_eq!(
            (bare.uri().to_string().as_str(), &bare.headers()["host"]),
            ("/cb?x", &HeaderValue::from_static("b.example:81"))
        );
    }

    #[test]
    fn what_is_no_message_is_said_so() {
        let no = |bytes: &[u8]| recorded(bytes).unwrap_err();
        assert!(no(b"").contains("no blank line"));
        assert!(no(b"{\"a\": 1}\n\n").contains("not a recorded HTTP/1.1 message"));
        assert!(no(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab").contains("2 bytes, 9 were announced"));
        assert!(no(b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\nab").contains("not a number"));
        assert!(no(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").contains("in chunks"));
    }
}
