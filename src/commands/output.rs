//! Tables for a person on a terminal, JSON for everything else.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::Failure;
use crate::telemetry::steers;

/// How the answer of a command is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For a person.
    Table,
    /// One JSON document a line.
    Json,
}

impl Format {
    /// JSON when asked for, and wherever standard output is not a terminal.
    pub(super) fn choose(json: bool) -> Self {
        if json || !std::io::stdout().is_terminal() { Format::Json } else { Format::Table }
    }
}

/// Writes one JSON document as a line.
pub(super) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(anyhow::Error::from)?;
    line_out(&line)
}

/// Writes one line to standard output. A reader that has gone away, such as `head`, ends the command quietly.
pub(super) fn line_out(line: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(error.into()),
    }
}

/// A table with these headings, or none, as wide as the terminal allows.
pub(super) fn table<'a>(headings: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
    {
        table.set_width(size.ws_col);
    }
    let headings: Vec<&str> = headings.into_iter().collect();
    if !headings.is_empty() {
        table.set_header(headings);
    }
    table
}

/// What others wrote, without what could steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_steers_a_terminal() {
        assert!(!printable("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e").chars().any(steers));
    }
}
