//! What a file sink can be told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sink::config::ContentMode;
use crate::units::Size;

/// A file sink's own keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileConfig {
    /// The directory that gets a `.jsonl` file for each topic.
    pub dir: PathBuf,
    /// The size at which a file is renamed to `{topic}.{time}.jsonl` and a new one begun; absent means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate_size: Option<Size>,
}

impl Default for FileConfig {
    fn default() -> Self {
        FileConfig { dir: PathBuf::from("events"), rotate_size: None }
    }
}

impl FileConfig {
    /// The smallest size at which files are rotated.
    const SMALLEST: Size = Size::from_kib(4);

    /// The problem with a value, naming the key.
    pub(in crate::sink) fn validate(&self, mode: ContentMode) -> Result<(), String> {
        if self.dir.as_os_str().is_empty() {
            return Err("dir: the directory's name is missing".to_owned());
        }
        if mode == ContentMode::Binary {
            return Err(r#"content_mode: a line has no headers: accepted is "structured""#.to_owned());
        }
        if self.rotate_size.is_some_and(|size| size < Self::SMALLEST) {
            return Err(format!("rotate_size: accepted is {} or more", Self::SMALLEST));
        }
        Ok(())
    }
}
