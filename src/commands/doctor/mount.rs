//! What a directory lies on, as the kernel tells it in `/proc/self/mountinfo`.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::finding::Finding;

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    point: PathBuf,
    kind: String,
    source: String,
    /// Of the mount and of the file system, separated by commas.
    options: String,
}

impl Mount {
    /// The one that this directory is on, which has to exist.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let dir = dir.canonicalize().ok()?;
        Mount::find(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, &dir)
    }

    /// The deepest; of two in the same place the later one, which lies over the other.
    fn find(mountinfo: &str, dir: &Path) -> Option<Self> {
        let mounts = mountinfo.lines().filter_map(Mount::parse);
        mounts.filter(|mount| dir.starts_with(&mount.point)).max_by_key(|mount| mount.point.as_os_str().len())
    }

    /// `id parent device root POINT OPTIONS [tags] - KIND SOURCE SUPER-OPTIONS`
    fn parse(line: &str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(4);
        let (point, options) = (mount.next()?, mount.next()?);
        let mut file_system = file_system.split(' ');
        let (kind, source) = (file_system.next()?, file_system.next()?);
        let more = file_system.next().unwrap_or_default();
        Some(Mount {
            point: unescaped(point),
            kind: kind.to_owned(),
            source: source.to_owned(),
            options: format!("{options},{more}"),
        })
    }

    /// Whether it can keep the spool's promises.
    pub(super) fn judge(&self) -> Finding {
        let Mount { point, kind, source, .. } = self;
        let what = format!("{kind} ({source} on {})", point.display());
        let local = "put spool.path on a local disk";
        if matches!(kind.as_str(), "tmpfs" | "ramfs") {
            let found = format!(
                "{what}: in memory, so that a restart of the machine or pod loses acknowledged callbacks"
            );
            return Finding::error(found, local);
        }
        if kind == "overlay" {
            let found = format!("{what}: a container's own layer, which goes away with the container");
            return Finding::warning(found, "mount a volume at spool.path");
        }
        if is_remote(kind) {
            let found = format!("{what}: on a network file system locks and fsync may not hold");
            return Finding::warning(found, local);
        }
        if self.has_option(&["ro"]) {
            return Finding::error(
                format!("{what}: mounted read-only"),
                "mount it for writing; see the kernel's log for why it is not",
            );
        }
        if self.has_option(&["nobarrier", "barrier=0"]) {
            let found = format!(
                "{what}: mounted without barriers: fsync does not reach the disk, and a power cut loses acknowledged callbacks"
            );
            return Finding::error(found, "mount it without nobarrier / barrier=0");
        }
        Finding::ok(what)
    }

    fn has_option(&self, any: &[&str]) -> bool {
        self.options.split(',').any(|option| any.contains(&option))
    }
}

fn is_remote(kind: &str) -> bool {
    const REMOTE: [&str; 13] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ceph",
        "9p",
        "virtiofs",
        "afs",
        "lustre",
        "glusterfs",
        "gfs2",
        "ocfs2",
    ];
    REMOTE.contains(&kind) || kind.starts_with("fuse")
}

/// Blanks and the like stand there as `\040`.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| after.get(..3)).flatten();
        let code = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
25 22 0:23 / /dev/shm rw shared:2 master:3 - tmpfs tmpfs rw,size=64k
30 22 8:1 / /var/lib rw - xfs /dev/sda1 rw,attr2
31 30 0:40 / /var/lib/my\\040spool rw - nfs4 server:/x rw,vers=4.2
32 22 8:2 / /data rw - ext4 /dev/sdb1 rw,barrier=0
33 22 8:3 / /data rw - ext4 /dev/sdb2 ro
40 22 0:50 / /c rw - overlay overlay rw,lowerdir=/x
41 22 0:51 / /f rw - fuse.sshfs s:/x rw
42 22 8:4 / /n rw - ext4 /dev/sdc rw,nobarrier
";

    #[test]
    fn the_deepest_and_latest_mount_counts() {
        for (dir, kind, source, level) in [
            ("/home/x", "ext4", "/dev/vda", Level::Ok),
            ("/dev/shm/x", "tmpfs", "tmpfs", Level::Error),
            ("/var/library", "ext4", "/dev/vda", Level::Ok),
            ("/var/lib/other", "xfs", "/dev/sda1", Level::Ok),
            ("/var/lib/my spool", "nfs4", "server:/x", Level::Warning),
            ("/data", "ext4", "/dev/sdb2", Level::Error),
            ("/c/x", "overlay", "overlay", Level::Warning),
            ("/f", "fuse.sshfs", "s:/x", Level::Warning),
            ("/n", "ext4", "/dev/sdc", Level::Error),
        ] {
            let mount = Mount::find(MOUNTS, Path::new(dir)).unwrap();
            assert_eq!((mount.kind.as_str(), mount.source.as_str()), (kind, source), "{dir}");
            assert_eq!(mount.judge().level(), level, "{dir}: {:?}", mount.judge());
        }
    }

    #[test]
    fn this_machine_tells_what_its_directories_lie_on() {
        let dir = tempfile::tempdir().unwrap();
        let mount = Mount::of(dir.path()).unwrap();
        assert!(dir.path().canonicalize().unwrap().starts_with(&mount.point), "{mount:?}");
        assert!(!mount.kind.is_empty());
    }
}
