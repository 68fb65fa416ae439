//! A copy of the spool as it stands at one moment, also beside a running relay.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;

use super::super::files::{self, Paths};
use super::super::high_water::{HighWater, Mark};
use super::super::space;
use super::SpoolReader;
use crate::spool::SpoolError;

/// What a copy on the spool's own disk leaves to the relay.
const LEFT_TO_THE_RELAY: u64 = 256 << 20;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there.
    #[error("{0} is there already: give a directory that is not there, or an empty one")]
    Exists(PathBuf),
    /// It would not fit, or leave too little to the relay.
    #[error("{path} has {available} bytes of room, and the copy needs {needed}: give another disk")]
    NoRoom {
        /// Where the copy was to be.
        path: PathBuf,
        /// Bytes that may be used there.
        available: u64,
        /// Bytes that it takes, with what has to be left.
        needed: u64,
    },
    /// A file cannot be made.
    #[error("cannot write {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The spool cannot be read, or the copy not be written.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        BackupError::Spool(error.into())
    }
}

impl SpoolReader {
    /// Copies the spool, without the room of what was deleted, to a directory that becomes a spool of its own. The
    /// relay goes on meanwhile; its log grows for as long as the copy takes.
    ///
    /// # Errors
    /// When there is something already, no room, or the copy cannot be made; nothing looks like a spool then.
    pub fn backup(&self, to: &Path) -> Result<SpoolReader, BackupError> {
        let paths = Paths::new(to);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| BackupError::File { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(failed(to))?;
        if fs::read_dir(to).map_err(failed(to))?.next().is_some() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        self.has_room(to).map_err(failed(to))??;
        let new = to.join("spool.db.new");
        self.copy_into(&new)?;
        let finish = || -> io::Result<()> {
            fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
            File::open(&new)?.sync_all()
        };
        finish().map_err(failed(&new))?;
        if let Some(mark) = mark(&new)? {
            write_mark(&paths.high_water, mark).map_err(failed(&paths.high_water))?;
        }
        fs::rename(&new, &paths.db).and_then(|()| files::sync_directory(to)).map_err(failed(&paths.db))?;
        SpoolReader::open(to).map_err(|error| failed(&paths.db)(io::Error::other(error.to_string())))
    }

    /// The connection cannot write to the spool in any case: it was opened for reading.
    fn copy_into(&self, new: &Path) -> rusqlite::Result<()> {
        self.conn.pragma_update(None, "query_only", false)?;
        let copied = self.conn.execute("VACUUM INTO ?1", [new.to_string_lossy()]);
        self.conn.pragma_update(None, "query_only", true)?;
        copied.map(drop)
    }

    fn has_room(&self, to: &Path) -> io::Result<Result<(), BackupError>> {
        let used = match space::pages(&self.conn) {
            Ok(pages) => pages.used_bytes(),
            Err(error) => return Ok(Err(error.into())),
        };
        let same_disk = fs::metadata(to)?.dev() == fs::metadata(&self.paths.dir)?.dev();
        let needed = used + used / 16 + if same_disk { LEFT_TO_THE_RELAY } else { 0 };
        let available = files::available(to);
        Ok(if available < needed {
            Err(BackupError::NoRoom { path: to.to_owned(), available, needed })
        } else {
            Ok(())
        })
    }
}

/// The mark of the copy: its own latest record.
fn mark(db: &Path) -> Result<Option<Mark>, BackupError> {
    let conn = super::readers::open_for_reading(db)?;
    let sql = "SELECT sequence, checksum FROM records WHERE sequence = (SELECT next - 1 FROM state)";
    let found = conn.query_row(sql, [], |row| Ok(Mark { sequence: row.get(0)?, checksum: row.get(1)? }));
    Ok(found.optional()?)
}

fn write_mark(path: &Path, mark: Mark) -> io::Result<()> {
    let high_water = HighWater::open(path)?;
    high_water.write(mark)?;
    high_water.sync()
}
