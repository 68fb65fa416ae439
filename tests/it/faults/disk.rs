//! A disk of a test's own, whose power can be cut: an ext4 file system in a file behind a loop device.
//!
//! The file holds what the file system has handed to its disk; what is only in memory is not in it. A copy of the file is
//! the disk as it would be found after a power cut. Nothing is written back by itself meanwhile: the journal is committed
//! every five minutes, and the kernel leaves dirty pages alone for half a minute, which no chain of cuts lasts.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::report::unable;

/// A mounted disk. Dropped, it is unmounted, its loop device let go, and its file deleted.
pub struct Disk {
    /// In memory, where there is room: a cut copies all of it.
    images: TempDir,
    number: usize,
    mount: Mount,
}

/// Dropped, nothing is mounted there any more.
struct Mount(TempDir);

impl Disk {
    /// An empty one of this size; `None` where only root could have it.
    pub fn ext4(megabytes: u32) -> Option<Self> {
        root()?;
        let images = match tempfile::Builder::new().prefix("tendlc-disk-").tempdir_in("/dev/shm") {
            Ok(dir) => dir,
            Err(_) => tempfile::tempdir().unwrap(),
        };
        let mount = Mount(tempfile::Builder::new().prefix("tendlc-mount-").tempdir().unwrap());
        let disk = Disk { images, number: 0, mount };
        let image = disk.image();
        run(Command::new("truncate").arg("-s").arg(format!("{megabytes}M")).arg(&image))
            .and_then(|()| run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image)))
            .and_then(|()| disk.attach())
            .map_or_else(|why| unable(&why, true), |()| Some(disk))
    }

    /// One in memory, of this size. There is no power to be cut.
    pub fn tmpfs(megabytes: u32) -> Option<Self> {
        root()?;
        let images = tempfile::tempdir().unwrap();
        let mount = Mount(tempfile::Builder::new().prefix("tendlc-mount-").tempdir().unwrap());
        let options = format!("size={megabytes}m");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(mount.0.path());
        run(&mut command).map_or_else(|why| unable(&why, true), |()| Some(Disk { images, number: 0, mount }))
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.mount.0.path()
    }

    /// Everything written so far is on it.
    pub fn sync(&self) {
        run(Command::new("sync").arg("-f").arg(self.path())).unwrap();
    }

    /// What a power cut at this moment would leave. Whoever writes to it has to stand still.
    pub fn capture(&mut self) {
        let now = self.image();
        self.number += 1;
        run(Command::new("cp").arg("--sparse=always").arg(now).arg(self.image())).unwrap();
    }

    /// Goes on with what was captured, in the same place.
    pub fn restore(&mut self) {
        run(Command::new("umount").arg(self.path())).unwrap();
        std::fs::remove_file(self.images.path().join((self.number - 1).to_string())).unwrap();
        self.attach().unwrap();
    }

    fn image(&self) -> PathBuf {
        self.images.path().join(self.number.to_string())
    }

    fn attach(&self) -> Result<(), String> {
        run(Command::new("mount")
            .args(["-t", "ext4", "-o", "loop,commit=300"])
            .arg(self.image())
            .arg(self.path()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, in case that a process of a test that failed still stands in it. It may not be mounted at all.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

/// Whether file systems can be mounted.
fn root() -> Option<()> {
    if rustix::process::geteuid().is_root() { Some(()) } else { unable("only root can mount a disk", false) }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {said}")) }
}
