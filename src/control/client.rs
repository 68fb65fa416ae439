//! The side of the commands.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Answer, ControlError, LINE_MAX, Request, SOCKET, address};

/// A change waits for the spool's writer, which may have a full disk's work before it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Asks the relay that has the spool in `dir`; `None` when none is running.
///
/// # Errors
/// When one is running but cannot be reached or understood.
pub fn ask(dir: &Path, request: &Request) -> Result<Option<Answer>, ControlError> {
    let path = dir.join(SOCKET);
    let failed = |source| ControlError::Connect { path: path.clone(), source };
    let stream = match connect(dir) {
        Ok(stream) => stream,
        // No file, or one left by a relay that is gone.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let line = exchange(stream, request).map_err(failed)?;
    let answer = serde_json::from_str(&line)
        .map_err(|error| ControlError::Answer { path: path.clone(), what: error.to_string() })?;
    Ok(Some(answer))
}

fn connect(dir: &Path) -> std::io::Result<UnixStream> {
    let (address, _handle) = address(dir, SOCKET)?;
    UnixStream::connect(address)
}

fn exchange(mut stream: UnixStream, request: &Request) -> std::io::Result<String> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_MAX)).read_line(&mut answer)?;
    Ok(answer)
}
