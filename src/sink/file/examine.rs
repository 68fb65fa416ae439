//! A look at the directory of a file sink, which makes nothing there.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::FileSink;
use crate::finding::Finding;

impl FileSink {
    /// Whether files can be written in the directory, or the directory be made.
    pub(in crate::sink) async fn examine(&self) -> Vec<Finding> {
        let dir = self.dir.clone();
        let looked = tokio::task::spawn_blocking(move || look(&dir)).await;
        vec![
            looked
                .unwrap_or_else(|_| Finding::error("the look at the directory was broken off", "try again")),
        ]
    }
}

fn look(dir: &Path) -> Finding {
    let next = "make it writable for the relay's user, or correct `dir`";
    if dir.is_dir() {
        return match tempfile::tempfile_in(dir) {
            Ok(_) => Finding::ok(format!("files can be written in {}", dir.display())),
            Err(error) => {
                Finding::error(format!("no file can be written in {}: {error}", dir.display()), next)
            }
        };
    }
    let Some(parent) = existing_parent(dir) else {
        return Finding::error(format!("{} cannot be made: nothing above it exists", dir.display()), next);
    };
    match access(&parent, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if parent.is_dir() => {
            Finding::note(format!("{} does not exist yet: the relay makes it", dir.display()))
        }
        Ok(()) => Finding::error(format!("{} is no directory", parent.display()), next),
        Err(error) => {
            Finding::error(format!("{} cannot be made in {}: {error}", dir.display(), parent.display()), next)
        }
    }
}

fn existing_parent(dir: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(dir).ok()?;
    absolute.ancestors().find(|path| path.exists()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn a_directory_is_there_or_can_be_made_or_is_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(look(dir.path()).level(), Level::Ok);
        assert_eq!(look(&dir.path().join("a/b")).level(), Level::Note);
        assert!(!dir.path().join("a").exists(), "it was made");
        std::fs::write(dir.path().join("file"), "").unwrap();
        for bad in [dir.path().join("file"), dir.path().join("file/below")] {
            let found = look(&bad);
            assert!(found.level() == Level::Error && found.next().is_some(), "{bad:?}: {found:?}");
        }
    }
}
