//! The side of the relay.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Answer, ControlError, LINE_MAX, Request, SOCKET, address};
use crate::spool::Spool;

/// Requests served at one time; more wait in the listener's queue.
const CONNECTIONS: usize = 8;

/// How long a command may take to send its line, and to take the answer.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long accepting waits after an error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the socket reaches of the running relay, beside its spool.
pub struct Reach {
    /// Tells how the lanes are doing.
    pub lanes: Box<dyn Fn() -> Value + Send + Sync>,
    /// Makes it not ready, until the next start.
    pub drain: Box<dyn Fn() + Send + Sync>,
}

/// The socket, bound.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Binds the socket in the spool's directory, for which the caller holds the lock: a socket that is there is a
    /// dead relay's.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn bind(dir: &Path) -> Result<Self, ControlError> {
        let path = dir.join(SOCKET);
        let listener = listen(dir).map_err(|source| ControlError::Bind { path: path.clone(), source })?;
        Ok(Control { listener, path })
    }

    /// Answers until stopped, then takes the socket away.
    pub async fn serve(self, spool: Spool, reach: Reach, stop: CancellationToken) {
        let reach = Arc::new(reach);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        tokio::select! {
            () = stop.cancelled() => {}
            () = accept_all(&self.listener, &places, &spool, &reach) => {}
        }
        // What was asked is answered: a change that was taken is not left without its answer.
        let _ = places.acquire_many(CONNECTIONS as u32).await;
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Under a name of its own until nobody else may connect to it; the rename also replaces a stale one.
fn listen(dir: &Path) -> std::io::Result<UnixListener> {
    let name = format!("{SOCKET}.new");
    let (new, _handle) = address(dir, &name)?;
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    std::fs::set_permissions(&new, Permissions::from_mode(0o600))?;
    std::fs::rename(&new, dir.join(SOCKET))?;
    Ok(listener)
}

async fn accept_all(listener: &UnixListener, places: &Arc<Semaphore>, spool: &Spool, reach: &Arc<Reach>) {
    loop {
        let Ok(place) = Arc::clone(places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (spool, reach) = (spool.clone(), Arc::clone(reach));
                tokio::spawn(async move {
                    serve_one(stream, &spool, &reach).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(%error, "no command can be taken from the control socket; check the limit on open files");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_one(mut stream: UnixStream, spool: &Spool, reach: &Reach) {
    let uid = stream.peer_cred().ok().map(|peer| peer.uid());
    let answer = match timeout(LINE_TIMEOUT, read_line(&mut stream)).await {
        Ok(Ok(line)) => answer(&line, uid, spool, reach).await,
        // A peer that is slow or gone gets no answer.
        Ok(Err(_)) | Err(_) => return,
    };
    let Ok(mut line) = serde_json::to_vec(&answer) else { return };
    line.push(b'\n');
    let _ = timeout(LINE_TIMEOUT, stream.write_all(&line)).await;
}

async fn read_line(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LINE_MAX)).read_until(b'\n', &mut line).await?;
    Ok(line)
}

async fn answer(line: &[u8], uid: Option<u32>, spool: &Spool, reach: &Reach) -> Answer {
    let request = match serde_json::from_slice::<Request>(line) {
        Ok(request) => request,
        Err(error) => {
            return Answer::Failed {
                code: "malformed".to_owned(),
                message: format!("not a request that this version of the relay understands: {error}"),
            };
        }
    };
    match request {
        Request::Lanes => Answer::Lanes((reach.lanes)()),
        Request::Drain => {
            (reach.drain)();
            tracing::warn!(
                "not ready any more, by command: callbacks are still taken, and a restart makes it ready again"
            );
            Answer::Draining
        }
        // The spool's writer logs what it changed.
        Request::Change(order) => match spool.change(order.from_uid(uid).while_serving()).await {
            Ok(done) => Answer::Done(done),
            Err(error) => Answer::Failed { code: error.code().to_owned(), message: error.to_string() },
        },
    }
}
