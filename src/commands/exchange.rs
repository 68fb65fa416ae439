//! `spool export` and `spool import`: how what one replica's spool holds reaches another's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use super::change::{self, Writer, many};
use super::output::{Format, json_line, line_out};
use super::progress::{Counted, Progress};
use super::{Failure, read};
use crate::app;
use crate::cli::{Agreement, Shown};
use crate::config::Config;
use crate::spool::exchange::{self, ExchangeError, Line, Summary};
use crate::spool::{
    Adopted, Change, ChangeDone, ExportError, Exported, HighWaterFound, ImportStep, Range, SpoolReader,
    sync_directory,
};
use crate::units::Size;

/// Lines in one change: callbacks are taken between two of them.
const LINES: usize = 256;

/// What the bodies of one change may weigh, unless one alone weighs more.
const BYTES: u64 = 256 << 10;

/// Writes all that the spool holds to a file, or to standard output.
///
/// # Errors
/// When the spool cannot be read or the file cannot be written; exit code 3 when something is damaged or lost.
pub fn export(config: &Config, to: &Path, shown: Shown) -> Result<(), Failure> {
    let reader = read::open(config)?;
    let failed = |error| match error {
        ExportError::Write(error) => Failure::Failed(anyhow!("cannot write {}: {error}", to.display())),
        ExportError::Spool(error) => read::failed(error),
    };
    let progress = Progress::counting("exporting", None, |bytes| Size(bytes).rounded());
    let done = if to == Path::new("-") {
        let out = Counted { out: io::stdout().lock(), progress: &progress };
        reader.export(BufWriter::new(out)).map_err(failed)?
    } else {
        to_file(&reader, to, &progress, failed)?
    };
    drop(progress);
    // On standard output the report would end up in the file.
    let report =
        if shown.json || to == Path::new("-") { json!(done).to_string() } else { told_of_export(&done) };
    if to == Path::new("-") {
        writeln!(io::stderr(), "{report}")?;
    } else {
        match Format::choose(shown.json) {
            Format::Json => json_line(&done)?,
            Format::Table => line_out(&report)?,
        }
    }
    if done.is_whole() { Ok(()) } else { Err(Failure::Said(3)) }
}

/// Under another name until it is whole and durable.
fn to_file(
    reader: &SpoolReader,
    to: &Path,
    progress: &Progress,
    failed: impl Fn(ExportError) -> Failure,
) -> Result<Exported, Failure> {
    if to.try_exists()? {
        return Err(Failure::Usage(format!("{} is there already: give another name", to.display())));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let file = opened.with_context(|| format!("cannot make {}", part.display()))?;
    let out = Counted { out: &file, progress };
    let written = reader.export(BufWriter::new(out)).map_err(&failed).and_then(|done| {
        file.sync_all()?;
        fs::rename(&part, to)?;
        // The name has to last as well: what it stands for may be all that is left of a replica.
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_directory(parent.unwrap_or(Path::new(".")))?;
        Ok(done)
    });
    if written.is_err() {
        // What is left of it is of no use to anybody.
        let _ = fs::remove_file(&part);
    }
    written
}

fn told_of_export(done: &Exported) -> String {
    let mut lines = Vec::new();
    for Range { first, last } in &done.damaged {
        lines.push(format!("DAMAGED, left out: records {first} to {last}"));
    }
    if done.unreadable > 0 {
        lines.push(format!(
            "DAMAGED, left out: {} held back or in quarantine",
            many(done.unreadable, "callback")
        ));
    }
    if done.damaged_notes > 0 {
        lines.push(format!("DAMAGED, left out: {} of the ledger", many(done.damaged_notes, "note")));
    }
    if let HighWaterFound::Ahead { acknowledged, tip } = done.high_water {
        lines
            .push(format!("LOST: records up to {acknowledged} were acknowledged, the latest there is {tip}"));
    }
    lines.push(format!(
        "{}, {}, {}, {}, {} held back, {} in quarantine; SHA-256 {}",
        many(done.records, "record"),
        many(done.signatures, "signature"),
        many(done.contents, "content"),
        many(done.entities, "entity state"),
        done.held,
        done.quarantined,
        done.sha256
    ));
    lines.join("\n")
}

/// Takes in an export of another spool.
///
/// # Errors
/// When the file is none, is too new, cut short or damaged: nothing is changed then. When the spool cannot be used: what
/// was taken in until then stays, and the same import goes on from there.
pub fn import(config: &Config, from: &Path, agreement: Agreement) -> Result<(), Failure> {
    let mut file = Source::open(from)?;
    let (summary, lines) = file.look()?;
    let reader = read::open(config)?;
    if reader.has_import(&summary.sha256).map_err(read::failed)? {
        return already(&summary);
    }
    let here: Vec<String> = app::lanes(config).into_iter().map(|lane| lane.name).collect();
    let elsewhere: Vec<String> =
        summary.header.sinks.iter().filter(|sink| !here.contains(sink)).cloned().collect();
    if !elsewhere.is_empty() {
        writeln!(
            io::stderr(),
            "warning: not configured here: {}; what only such a sink has not got is published nowhere",
            elsewhere.join(", ")
        )?;
    }
    if !agreement.yes {
        let progress = Progress::counting("comparing with the spool", Some(lines), in_lines);
        let mut rehearsal = reader.rehearse_import(&config.spool, here).map_err(read::failed)?;
        file.read(|line| {
            progress.add(1);
            rehearsal.see(&line).map_err(read::failed)
        })?;
        drop(progress);
        let would = rehearsal.adopted();
        let deed = format!("take in {}", in_words(&would));
        if !change::agree_to(&deed, &json!({ "imported": would }), agreement)? {
            return Ok(());
        }
    }
    drop(reader);
    let done = take_in(config, &mut file, &summary, lines)?;
    match Format::choose(false) {
        Format::Json => json_line(&json!({ "imported": done })),
        Format::Table => line_out(&format!("taken in: {}", in_words(&done))),
    }
}

fn already(summary: &Summary) -> Result<(), Failure> {
    let what = format!("this file was imported before (SHA-256 {}): nothing was changed", summary.sha256);
    match Format::choose(false) {
        Format::Json => {
            let none: Value = json!({ "imported": Adopted::default(), "already": true });
            json_line(&none)
        }
        Format::Table => line_out(&what),
    }
}

fn take_in(
    config: &Config,
    file: &mut Source<'_>,
    summary: &Summary,
    lines: u64,
) -> Result<Adopted, Failure> {
    let mut taking = Taking {
        writer: Writer::find(config)?,
        sha256: &summary.sha256,
        lines: Vec::new(),
        bytes: 0,
        done: Adopted::default(),
        progress: Progress::counting("taking in", Some(lines), in_lines),
    };
    let taken = taking.all_of(file, summary);
    taking.writer.close();
    taken.map(|()| taking.done)
}

/// An import on its way.
struct Taking<'s> {
    writer: Writer,
    sha256: &'s str,
    lines: Vec<Line>,
    bytes: u64,
    done: Adopted,
    progress: Progress,
}

impl Taking<'_> {
    fn all_of(&mut self, file: &mut Source<'_>, summary: &Summary) -> Result<(), Failure> {
        self.step(ImportStep::Begin)?;
        let again = file.read(|line| {
            self.bytes += line.weight();
            self.lines.push(line);
            if self.lines.len() >= LINES || self.bytes >= BYTES { self.send() } else { Ok(()) }
        })?;
        self.send()?;
        if again != *summary {
            return Err(Failure::Failed(anyhow!("the file was changed while it was read: import it again")));
        }
        self.step(ImportStep::End(self.done.clone())).map(drop)
    }

    fn send(&mut self) -> Result<(), Failure> {
        self.bytes = 0;
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return Ok(());
        }
        let count = lines.len() as u64;
        let part = self.step(ImportStep::Lines(lines))?;
        self.done.add(&part);
        self.progress.add(count);
        Ok(())
    }

    fn step(&self, step: ImportStep) -> Result<Adopted, Failure> {
        match self.writer.make(Change::Import { sha256: self.sha256.to_owned(), step })? {
            ChangeDone::Imported(adopted) => Ok(adopted),
            other => Err(Failure::Failed(anyhow!("the relay did something else: {other:?}"))),
        }
    }
}

/// The file, held open from the first look to the last line.
struct Source<'p> {
    path: &'p Path,
    file: File,
}

/// Why it was not read to its end.
enum Stopped {
    File(ExchangeError),
    Here(Failure),
}

impl From<ExchangeError> for Stopped {
    fn from(error: ExchangeError) -> Self {
        Stopped::File(error)
    }
}

impl<'p> Source<'p> {
    fn open(path: &'p Path) -> Result<Self, Failure> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Source { path, file })
    }

    /// Whether it is whole, and how many lines it has.
    fn look(&mut self) -> Result<(Summary, u64), Failure> {
        let progress = Progress::counting("checking the file", None, in_lines);
        let mut lines = 0;
        let summary = self.read(|_| {
            lines += 1;
            progress.add(1);
            Ok(())
        })?;
        Ok((summary, lines))
    }

    fn read(&mut self, mut see: impl FnMut(Line) -> Result<(), Failure>) -> Result<Summary, Failure> {
        self.file.rewind().with_context(|| format!("{} has to be a file", self.path.display()))?;
        let input = BufReader::with_capacity(256 << 10, &self.file);
        exchange::read(self.path, input, |line| see(line).map_err(Stopped::Here)).map_err(|stopped| {
            match stopped {
                Stopped::File(error) => Failure::Failed(error.into()),
                Stopped::Here(failure) => failure,
            }
        })
    }
}

fn in_lines(count: u64) -> String {
    many(count, "line")
}

fn in_words(adopted: &Adopted) -> String {
    let mut parts = vec![many(adopted.records, "record")];
    for (sink, count) in adopted.to_publish.iter().filter(|(_, count)| **count > 0) {
        parts.push(format!("{count} of them to be published on {sink}"));
    }
    for (count, what) in [
        (adopted.dead_letters, "dead letter"),
        (adopted.signatures, "signature"),
        (adopted.contents, "content"),
        (adopted.entities, "entity state"),
        (adopted.held, "held-back duplicate"),
        (adopted.quarantined, "quarantined callback"),
    ] {
        if count > 0 {
            parts.push(many(count, what));
        }
    }
    let mut words = parts.join(", ");
    if adopted.known > 0 {
        words.push_str(&format!(" ({} known here already)", adopted.known));
    }
    if adopted.left_out > 0 {
        words.push_str(&format!(
            "; {} kept aside found no room within spool.held_max or quarantine_max",
            adopted.left_out
        ));
    }
    words
}
