//! What a relay did to the files of its spool, as `shim.c` wrote it down, and what a disk may have of it.
//!
//! The model is POSIX at its worst. Of each sector that was written since its file was last synced, the disk has the
//! synced version or any later one, each sector for itself; a file's size is any that it had since then, with zeros where
//! nothing arrived; that it was made shorter may not have happened yet; names that were made, changed or removed since the folder was last synced are as they were at some
//! moment since then.

use std::collections::BTreeMap;
use std::path::Path;

/// One operation.
#[derive(Debug, Clone)]
enum Op {
    Write { offset: usize, data: Vec<u8> },
    Truncate(usize),
    Sync,
    Create,
    Delete,
    Rename(String),
    FolderSync,
}

/// An operation on the file of this name, and how long the trace was with it.
#[derive(Debug, Clone)]
pub struct Entry {
    name: String,
    op: Op,
    pub end: u64,
}

/// Reads a trace. An entry that a kill cut off did not happen.
pub fn read(path: &Path) -> Vec<Entry> {
    let bytes = std::fs::read(path).unwrap();
    let (mut rest, mut entries) = (&bytes[..], Vec::new());
    while let Some((head, after)) = rest.split_first_chunk::<16>() {
        let data = u32::from_le_bytes(head[4..8].try_into().unwrap()) as usize;
        let offset = u64::from_le_bytes(head[8..].try_into().unwrap()) as usize;
        let name = usize::from(head[1]);
        if after.len() < name + data {
            break;
        }
        let (name, after) = after.split_at(name);
        let (data, after) = after.split_at(data);
        rest = after;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let op = match head[0] {
            b'W' => Op::Write { offset, data: data.to_vec() },
            b'T' => Op::Truncate(offset),
            b'S' => Op::Sync,
            b'C' => Op::Create,
            b'D' => Op::Delete,
            b'R' => Op::Rename(text(data)),
            b'F' => Op::FolderSync,
            other => panic!("{other:?} is no operation"),
        };
        entries.push(Entry { name: text(name), op, end: (bytes.len() - rest.len()) as u64 });
    }
    entries
}

const SECTOR: usize = 512;

/// The files of a folder, as they are and as the disk may have them.
#[derive(Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    /// The files by their names now.
    names: BTreeMap<String, usize>,
    /// The names of each moment since the folder was last synced, the oldest first; never empty.
    moments: Vec<BTreeMap<String, usize>>,
}

/// One file, whatever its name.
#[derive(Debug, Clone, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// The versions of each sector since the last sync.
    versions: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    /// The sizes since then.
    sizes: Vec<usize>,
    /// As it was before it was made shorter, which the disk may not have seen yet.
    longer: Option<Box<File>>,
}

impl Disk {
    pub fn new() -> Self {
        Disk { moments: vec![BTreeMap::new()], ..Disk::default() }
    }

    pub fn apply(&mut self, entry: &Entry) {
        let known = self.names.get(&entry.name).copied();
        match (&entry.op, known) {
            (Op::Create, _) => {
                self.files.push(File { sizes: vec![0], ..File::default() });
                self.names.insert(entry.name.clone(), self.files.len() - 1);
                self.moments.push(self.names.clone());
            }
            (Op::Delete, _) => {
                self.names.remove(&entry.name);
                self.moments.push(self.names.clone());
            }
            (Op::Rename(to), Some(file)) => {
                self.names.remove(&entry.name);
                self.names.insert(to.clone(), file);
                self.moments.push(self.names.clone());
            }
            (Op::FolderSync, _) => self.moments = vec![self.names.clone()],
            (Op::Write { offset, data }, Some(file)) => self.files[file].write(*offset, data),
            (Op::Truncate(size), Some(file)) => self.files[file].truncate(*size),
            (Op::Sync, Some(file)) => self.files[file].sync(),
            // A file that was deleted while it was open.
            (_, None) => {}
        }
    }

    /// What may be found after a power cut now.
    pub fn after_a_cut(&self, dice: &mut fastrand::Rng) -> BTreeMap<String, Vec<u8>> {
        let names = &self.moments[dice.usize(..self.moments.len())];
        let how = How::roll(dice);
        names.iter().map(|(name, file)| (name.clone(), self.files[*file].after_a_cut(how, dice))).collect()
    }
}

/// How much of what was not synced has arrived.
#[derive(Debug, Clone, Copy)]
struct How {
    /// In percent of pieces.
    arrived: u8,
    /// Bytes that arrive together or not at all.
    piece: usize,
    /// The end of a file is cut off somewhere above what was synced.
    cut_tail: bool,
}

impl How {
    fn roll(dice: &mut fastrand::Rng) -> Self {
        How {
            arrived: [0, 10, 50, 90, 100][dice.usize(..5)],
            piece: [SECTOR, 4096, 4096][dice.usize(..3)],
            cut_tail: dice.bool(),
        }
    }
}

impl File {
    fn write(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if end > self.now.len() {
            self.now.resize(end, 0);
            self.sizes.push(end);
        }
        self.now[offset..end].copy_from_slice(data);
        self.note(offset, end);
    }

    fn truncate(&mut self, size: usize) {
        if size < self.now.len() {
            self.longer = Some(Box::new(self.clone()));
            self.now.truncate(size);
            self.synced.truncate(size);
            self.versions.retain(|sector, _| sector * SECTOR < size);
            self.sizes.clear();
        }
        self.now.resize(size, 0);
        self.sizes.push(size);
    }

    /// The sectors of this range have a new version.
    fn note(&mut self, from: usize, to: usize) {
        for sector in from / SECTOR..to.div_ceil(SECTOR) {
            let mut version = [0; SECTOR];
            let at = (sector * SECTOR).min(self.now.len());
            let length = (self.now.len() - at).min(SECTOR);
            version[..length].copy_from_slice(&self.now[at..at + length]);
            self.versions.entry(sector).or_default().push(version);
        }
    }

    fn sync(&mut self) {
        self.synced.clone_from(&self.now);
        self.versions.clear();
        self.sizes = vec![self.now.len()];
        self.longer = None;
    }

    fn after_a_cut(&self, how: How, dice: &mut fastrand::Rng) -> Vec<u8> {
        if let Some(longer) = &self.longer
            && dice.bool()
        {
            return longer.after_a_cut(how, dice);
        }
        let size = self.sizes[dice.usize(..self.sizes.len())];
        let mut found = self.synced.clone();
        found.resize(size, 0);
        let mut piece = None;
        let mut arrived = None;
        for (sector, versions) in &self.versions {
            let (at, this) = (sector * SECTOR, sector * SECTOR / how.piece);
            if piece != Some(this) {
                piece = Some(this);
                arrived = (dice.u8(..100) < how.arrived).then(|| dice.f64());
            }
            if let Some(moment) = arrived
                && at < size
            {
                // Sectors of a piece are mostly written together, and then of the same moment.
                let version = &versions[(moment * versions.len() as f64) as usize];
                let length = (size - at).min(SECTOR);
                found[at..at + length].copy_from_slice(&version[..length]);
            }
        }
        if how.cut_tail && found.len() > self.synced.len() {
            found.truncate(dice.usize(self.synced.len()..=found.len()));
        }
        found
    }
}
