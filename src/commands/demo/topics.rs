//! The events as a consumer reads them: from the files that stand for topics.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A reader of every topic's file.
pub(super) struct Topics {
    dir: PathBuf,
    /// How far each file has been read.
    read: HashMap<PathBuf, usize>,
}

impl Topics {
    pub(super) fn new(dir: PathBuf) -> Self {
        Topics { dir, read: HashMap::new() }
    }

    /// Waits until the event with this id has landed; its topic and the event.
    pub(super) async fn wait_for(&mut self, id: &str, patience: Duration) -> anyhow::Result<(String, Value)> {
        let look = async {
            loop {
                let landed = self.landed()?;
                if let Some(found) = landed.into_iter().find(|(_, event)| event["id"] == id) {
                    return Ok(found);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        match tokio::time::timeout(patience, look).await {
            Ok(found) => found,
            Err(_) => bail!("the event {id} was not published within {} s", patience.as_secs()),
        }
    }

    /// Every event that landed since the last look.
    fn landed(&mut self) -> anyhow::Result<Vec<(String, Value)>> {
        let mut landed = Vec::new();
        if !self.dir.exists() {
            return Ok(landed);
        }
        for entry in std::fs::read_dir(&self.dir).context("cannot read the topics' directory")? {
            let path = entry?.path();
            let Some(topic) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jsonl")) else {
                continue;
            };
            let text = std::fs::read_to_string(&path).context("cannot read a topic's file")?;
            let read = self.read.entry(path.clone()).or_default();
            // A line that is still being written has no end yet.
            let end = text.rfind('\n').map_or(0, |last| last + 1);
            for line in text.get(*read..end).unwrap_or_default().lines() {
                landed.push((topic.to_owned(), serde_json::from_str(line)?));
            }
            *read = end.max(*read);
        }
        Ok(landed)
    }
}
