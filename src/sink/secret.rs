//! Secrets given inline or by the name of a file, read when a connection is made, so that a changed file counts.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::units::Secret;

/// A file of our own that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{key} {path:?} cannot be read ({source}): correct the path or the file's permissions")]
pub(super) struct UnreadableFile {
    key: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// A secret's text: the one in the configuration, or what its file holds without surrounding blanks.
pub(super) fn reveal(
    inline: Option<&Secret>,
    file: Option<&PathBuf>,
    key: &'static str,
) -> Result<Option<Secret>, UnreadableFile> {
    match (inline, file) {
        (Some(secret), _) => Ok(Some(secret.clone())),
        (None, Some(path)) => read(path, key).map(|text| Some(Secret::from(text.expose().trim()))),
        (None, None) => Ok(None),
    }
}

/// The text of a file that has to be kept secret.
pub(super) fn read(path: &Path, key: &'static str) -> Result<Secret, UnreadableFile> {
    std::fs::read_to_string(path).map(Secret::new).map_err(|source| UnreadableFile {
        key,
        path: path.to_owned(),
        source,
    })
}

/// At most one of a secret and its file may be given.
pub(super) fn only_one(key: &str, inline: bool, file: bool) -> Result<(), String> {
    if inline && file {
        return Err(format!("{key} and {key}_file are both set: keep one"));
    }
    Ok(())
}

/// A hash over the contents of files: whether a client has to be built anew to use what they hold now.
pub(super) fn fingerprint<'a>(files: impl Iterator<Item = &'a PathBuf>) -> [u8; 32] {
    let mut digest = Sha256::new();
    for path in files {
        match std::fs::read(path) {
            Ok(content) => digest.update(Sha256::digest(content)),
            Err(error) => digest.update(error.kind().to_string()),
        }
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_it_is_now() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let missing = reveal(None, Some(&path), "password_file").unwrap_err().to_string();
        assert!(missing.contains("password_file") && missing.contains("correct the path"), "{missing}");
        std::fs::write(&path, "one\n").unwrap();
        let before = fingerprint([&path].into_iter());
        assert_eq!(reveal(None, Some(&path), "k").unwrap().unwrap().expose(), "one");
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(reveal(None, Some(&path), "k").unwrap().unwrap().expose(), "two");
        assert_ne!(before, fingerprint([&path].into_iter()));
    }

    #[test]
    fn a_secret_and_its_file_are_not_both_taken() {
        assert!(only_one("sasl.password", true, true).unwrap_err().contains("sasl.password_file"));
        assert!(only_one("sasl.password", true, false).is_ok());
    }
}
