use std::path::Path;

use super::*;
use crate::sink::Parcel;
use crate::sink::encode::Publication;
use crate::units::Size;

fn publication(topic: &str, payload: &str) -> Publication {
    Publication {
        topic: topic.into(),
        topic_label: topic.into(),
        parcel: Parcel::new("k", "i", payload),
        content_type: "application/json",
        more_headers: Vec::new(),
        replay: None,
    }
}

fn sink(dir: &Path, rotate_size: Option<Size>) -> FileSink {
    FileSink::new("files", &FileConfig { dir: dir.to_owned(), rotate_size })
}

async fn publish(sink: &FileSink, topic: &str, payload: &str) {
    assert_eq!(sink.publish(&publication(topic, payload)).await, Ok(Published::New));
}

#[tokio::test]
async fn an_acknowledged_event_is_a_line_of_its_topics_file() {
    let dir = tempfile::tempdir().unwrap();
    let files = sink(&dir.path().join("made"), None);
    files.check().await.unwrap();
    publish(&files, "a", "{1}").await;
    publish(&files, "b", "{2}").await;
    publish(&files, "a", "{3}").await;
    let read = |name: &str| std::fs::read_to_string(dir.path().join("made").join(name)).unwrap();
    assert_eq!((read("a.jsonl").as_str(), read("b.jsonl").as_str()), ("{1}\n{3}\n", "{2}\n"));
}

#[tokio::test]
async fn a_line_that_a_crash_left_unfinished_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    std::fs::write(&path, format!("{{1}}\n{}", "x".repeat(200_000))).unwrap();
    publish(&sink(dir.path(), None), "a", "{2}").await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{1}\n{2}\n");
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let files = sink(dir.path(), None);
    publish(&files, "a", "{1}").await;
    std::fs::rename(dir.path().join("a.jsonl"), dir.path().join("old")).unwrap();
    publish(&files, "a", "{2}").await;
    assert_eq!(std::fs::read_to_string(dir.path().join("a.jsonl")).unwrap(), "{2}\n");
    assert_eq!(std::fs::read_to_string(dir.path().join("old")).unwrap(), "{1}\n");
}

#[tokio::test]
async fn files_are_set_aside_at_their_size_and_no_line_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let files = sink(dir.path(), Some(Size(10)));
    for number in 0..5 {
        publish(&files, "a", &format!("{{{number}00}}")).await;
    }
    let mut all = String::new();
    let mut count = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(text.len() <= 12, "{text}");
        all.push_str(&text);
        count += 1;
    }
    assert_eq!((all.lines().count(), count), (5, 5));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_transient_and_mends() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("events");
    std::fs::write(&target, "a file is in the way").unwrap();
    let files = sink(&target, None);
    let error = files.check().await.unwrap_err().to_string();
    assert!(error.contains("events") && error.contains("`dir`"), "{error}");
    let refused = files.publish(&publication("a", "{1}")).await.unwrap_err();
    assert!(matches!(refused, PublishError::Transient { code: Code::Io, .. }));
    std::fs::remove_file(&target).unwrap();
    publish(&files, "a", "{1}").await;
    assert_eq!(std::fs::read_to_string(target.join("a.jsonl")).unwrap(), "{1}\n");
}
