use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::metrics::Metrics;
use crate::spool::{
    Change, LaneSpec, Mode, Only, Operator, Order, ReplayFrom, Spool, SpoolConfig, SpoolReader, Start,
};

struct Served {
    dir: TempDir,
    spool: Spool,
    drained: Arc<AtomicBool>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn opened(dir: &Path) -> Spool {
    let config = SpoolConfig { path: dir.to_owned(), reserve: Default::default(), ..SpoolConfig::default() };
    let lane = LaneSpec { name: "files".to_owned(), required: true, start: Start::Oldest };
    Spool::open(&config, &[lane], Metrics::new().unwrap()).unwrap()
}

fn served() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let spool = opened(dir.path());
    let stop = CancellationToken::new();
    let control = Control::bind(dir.path()).unwrap();
    let drained = Arc::new(AtomicBool::new(false));
    let drain = drained.clone();
    let reach = Reach {
        lanes: Box::new(|| serde_json::json!([{ "sink": "files", "up": true }])),
        drain: Box::new(move || drain.store(true, Ordering::Release)),
    };
    let task = tokio::spawn(control.serve(spool.clone(), reach, stop.clone()));
    Served { dir, spool, drained, stop, task }
}

impl Served {
    async fn ask(&self, request: Request) -> Option<Answer> {
        let dir = self.dir.path().to_owned();
        tokio::task::spawn_blocking(move || ask(&dir, &request).unwrap()).await.unwrap()
    }

    /// What comes back for a line that need not be a request.
    async fn raw(&self, line: Vec<u8>) -> String {
        let path = self.dir.path().join(SOCKET);
        let exchange = move || {
            let mut stream = UnixStream::connect(path).unwrap();
            // The server may stop reading before all of it is written.
            let _ = stream.write_all(&line);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        };
        tokio::task::spawn_blocking(exchange).await.unwrap()
    }
}

fn replay(sink: &str) -> Request {
    ordered(Change::Replay {
        sink: sink.to_owned(),
        from: ReplayFrom::Sequence(1),
        to: None,
        only: Only::default(),
    })
}

/// By somebody who says that they are root.
fn ordered(change: Change) -> Request {
    let by = Operator { uid: 0, user: Some("root".to_owned()), login: None, host: "here".to_owned() };
    Request::Change(Box::new(Order { change, by, mode: Mode::Unseen }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_relay_answers_and_a_stopped_one_does_not() {
    let served = served();
    let lanes = served.ask(Request::Lanes).await;
    assert_eq!(lanes, Some(Answer::Lanes(serde_json::json!([{ "sink": "files", "up": true }]))));
    let Some(Answer::Failed { code, message }) = served.ask(replay("nobody")).await else { panic!() };
    assert!(code == "unknown_sink" && message.contains("files"), "{code}: {message}");
    let requeue = Change::Requeue { sink: "files".to_owned(), sequences: None };
    let done = served.ask(ordered(requeue)).await;
    assert_eq!(done, Some(Answer::Done(ChangeDone::Requeued { sink: "files".to_owned(), count: 0 })));

    assert!(!served.drained.load(Ordering::Acquire));
    assert_eq!(served.ask(Request::Drain).await, Some(Answer::Draining));
    assert!(served.drained.load(Ordering::Acquire));
    // Who it was is what the socket says, not what they say.
    let audited = SpoolReader::open(served.dir.path()).unwrap().audit(10).unwrap();
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(audited.len(), 1, "the refused one left no row");
    assert_eq!((audited[0].by.uid, audited[0].by.user.is_some()), (uid, uid == 0));

    served.stop.cancel();
    served.task.await.unwrap();
    assert!(!served.dir.path().join(SOCKET).exists());
    assert_eq!(ask(served.dir.path(), &Request::Lanes).unwrap(), None);
    served.spool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_relays_user_may_command_it() {
    let served = served();
    let mode = std::fs::metadata(served.dir.path().join(SOCKET)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_a_line_without_end_is_cut() {
    let served = served();
    for line in [b"dance\n".to_vec(), b"{}\n".to_vec(), vec![b'x'; 2 * LINE_MAX as usize], vec![]] {
        let answer = served.raw(line).await;
        // A peer whose line was cut may see its connection reset instead of an answer.
        assert!(answer.is_empty() || answer.contains("malformed"), "{answer}");
    }
    assert!(served.raw(b"dance\n".to_vec()).await.contains("malformed"));
    assert!(served.ask(Request::Lanes).await.is_some(), "it goes on");
}

#[tokio::test]
async fn a_socket_left_by_a_dead_relay_is_nobody_and_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    drop(Control::bind(dir.path()).unwrap());
    assert!(dir.path().join(SOCKET).exists(), "the file outlives its listener");
    assert_eq!(ask(dir.path(), &Request::Lanes).unwrap(), None);
    assert!(Control::bind(dir.path()).is_ok());
}

#[tokio::test]
async fn a_directory_whose_name_is_too_long_for_a_socket_works_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("d".repeat(120));
    std::fs::create_dir(&long).unwrap();
    let _control = Control::bind(&long).unwrap();
    let (short, _handle) = address(&long, SOCKET).unwrap();
    assert!(UnixStream::connect(short).is_ok());
}
