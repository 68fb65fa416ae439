//! The directory and the files beside the database: lock, ballast, permissions.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::OpenError;

/// Where everything of a spool lies.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// The directory.
    pub(super) dir: PathBuf,
    /// The database.
    pub(super) db: PathBuf,
    /// SQLite's log.
    pub(super) wal: PathBuf,
    /// The mark of what was acknowledged.
    pub(super) high_water: PathBuf,
    /// The ballast.
    pub(super) reserve: PathBuf,
    lock: PathBuf,
}

impl Paths {
    /// The names in `dir`.
    pub(super) fn new(dir: &Path) -> Self {
        Paths {
            dir: dir.to_owned(),
            db: dir.join("spool.db"),
            wal: dir.join("spool.db-wal"),
            high_water: dir.join("high-water"),
            reserve: dir.join("reserve"),
            lock: dir.join("lock"),
        }
    }

    /// Bytes of the log on disk.
    pub(super) fn wal_bytes(&self) -> u64 {
        length(&self.wal)
    }

    /// Bytes of database and log on disk.
    pub(super) fn file_bytes(&self) -> u64 {
        length(&self.db) + self.wal_bytes()
    }
}

/// Bytes of a file, 0 when there is none.
///
/// Nothing else is asked for: since Linux 6.13 a file whose time was looked at gets a new one, to the nanosecond, with the
/// next write, and on some file systems each commit then has to write the inode too. Asked before each batch, that made
/// small commits take a sixth longer.
fn length(path: &Path) -> u64 {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    statx(CWD, path, AtFlags::empty(), StatxFlags::SIZE).map_or(0, |found| found.stx_size)
}

/// Makes the directory, mode 0700, and says when it is on a file system that cannot keep promises.
pub(super) fn prepare_directory(dir: &Path) -> Result<(), OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(OpenError::file(dir))?;
    if let Some(kind) = network_file_system(dir) {
        tracing::warn!(path = %dir.display(), kind, "the spool is on a network file system: locks and fsync may not hold there, use a local disk");
    }
    Ok(())
}

/// The lock of a spool, let go when dropped (and by the kernel when the process dies).
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that is just being started has the file open too, and closing ours would leave the lock with it.
        // Where it cannot be let go, it ends with the last of them.
        let _ = self.0.unlock();
    }
}

/// Takes the lock.
pub(super) fn lock(paths: &Paths) -> Result<Lock, OpenError> {
    let file = open_private(&paths.lock).map_err(OpenError::file(&paths.lock))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: paths.dir.clone() }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: paths.lock.clone(), source }),
    }
}

/// Opens a file for reading and writing, mode 0600, and makes it when it is not there.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Makes names in the directory durable.
pub(crate) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Copies the log aside and makes the copy durable. Returns its path.
pub(super) fn copy_log_aside(paths: &Paths, now_millis: i64) -> io::Result<PathBuf> {
    let copy = paths.dir.join(format!("spool.db-wal.damaged-{now_millis}"));
    fs::copy(&paths.wal, &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
    File::open(&copy)?.sync_all()?;
    sync_directory(&paths.dir)?;
    Ok(copy)
}

/// Makes the ballast file, its blocks allocated. `Ok` when it is there in full.
pub(super) fn make_ballast(paths: &Paths, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        drop_ballast(paths);
        return Ok(());
    }
    if has_ballast(paths, bytes) {
        return Ok(());
    }
    let result = fill(&paths.reserve, bytes);
    if result.is_err() {
        drop_ballast(paths);
    }
    result
}

/// Whether the ballast is there in full.
pub(super) fn has_ballast(paths: &Paths, bytes: u64) -> bool {
    bytes == 0 || fs::metadata(&paths.reserve).is_ok_and(|meta| meta.len() == bytes)
}

/// Bytes of the disk that this process may still use.
pub(super) fn available(dir: &Path) -> u64 {
    rustix::fs::statvfs(dir).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Gives the ballast back to the disk.
pub(super) fn drop_ballast(paths: &Paths) {
    match fs::remove_file(&paths.reserve) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %paths.reserve.display(), %error, "the ballast file cannot be removed");
        }
        _ => {}
    }
}

/// Writes zeros: file systems that cannot allocate would only promise the room.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    use std::io::Write;
    let mut file = open_private(path)?;
    file.set_len(0)?;
    let block = vec![0_u8; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
        file.write_all(&block[..length])?;
        left -= length as u64;
    }
    // Allocation may be delayed until blocks are written.
    file.sync_all()
}

/// The kind of network file system that `dir` is on, if it is.
fn network_file_system(dir: &Path) -> Option<&'static str> {
    let magic = u64::try_from(rustix::fs::statfs(dir).ok()?.f_type).ok()?;
    match magic {
        0x6969 => Some("nfs"),
        0x517b => Some("smb"),
        0xff53_4d42 => Some("cifs"),
        0xfe53_4d42 => Some("smb2"),
        0x6573_5546 => Some("fuse"),
        0x00c3_6400 => Some("ceph"),
        0x0102_1997 => Some("9p"),
        0x5346_414f => Some("afs"),
        0x0bd0_0bd0 => Some("lustre"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_let_go_though_a_process_that_is_being_started_has_the_file_open() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path());
        let held = lock(&paths).unwrap();
        assert!(matches!(lock(&paths), Err(OpenError::Locked { .. })));
        let inherited = held.0.try_clone().unwrap();
        drop(held);
        assert!(lock(&paths).is_ok());
        drop(inherited);
    }
}
