//! How findings are told, and what they come to.

use serde::Serialize;

use crate::cli::Shown;
use crate::commands::Failure;
use crate::commands::output::{Format, json_line, line_out, printable, table};
use crate::finding::{Finding, Level};

/// The check of the configuration.
pub(super) const CONFIGURATION: &str = "configuration";

/// The check of the spool.
pub(super) const SPOOL: &str = "spool";

/// A finding and what was looked at.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    check: String,
    #[serde(flatten)]
    finding: Finding,
}

impl Row {
    pub(super) fn new(check: &str, finding: Finding) -> Self {
        Row { check: check.to_owned(), finding }
    }

    pub(super) fn level(&self) -> Level {
        self.finding.level()
    }
}

/// Tells every finding.
pub(super) fn show(rows: &[Row], shown: Shown) -> Result<(), Failure> {
    if Format::choose(shown.json) == Format::Json {
        return rows.iter().try_for_each(json_line);
    }
    let mut table = table(["", "check", "found", "next step"]);
    for Row { check, finding } in rows {
        table.add_row([
            finding.level().as_str().to_owned(),
            printable(check),
            printable(finding.found()),
            printable(finding.next().unwrap_or_default()),
        ]);
    }
    line_out(&table.to_string())?;
    line_out(&summary(rows))
}

fn summary(rows: &[Row]) -> String {
    let count = |level| rows.iter().filter(|row| row.level() == level).count();
    match (count(Level::Error), count(Level::Warning)) {
        (0, 0) => "nothing is worse than a note".to_owned(),
        (errors, warnings) => format!("errors: {errors}, warnings: {warnings}"),
    }
}

/// 0 when nothing is worse than a note; else as for every command: 2 for the configuration, 3 for the spool, 1.
pub(super) fn exit_code(rows: &[Row]) -> u8 {
    let is_wrong = |check: &str| rows.iter().any(|row| row.check == check && row.level() == Level::Error);
    match rows.iter().map(Row::level).max() {
        None | Some(Level::Ok | Level::Note) => 0,
        _ if is_wrong(CONFIGURATION) => 2,
        _ if is_wrong(SPOOL) => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let (ok, note) = (Finding::ok("a"), Finding::note("b"));
        let (warning, error) = (Finding::warning("c", "d"), Finding::error("e", "f"));
        for (rows, code) in [
            (vec![], 0),
            (vec![("disk", &ok), ("clock", &note)], 0),
            (vec![("disk", &warning)], 1),
            (vec![(SPOOL, &warning)], 1),
            (vec![("disk", &error), ("clock", &ok)], 1),
            (vec![(SPOOL, &error), ("disk", &error)], 3),
            (vec![(SPOOL, &error), (CONFIGURATION, &error)], 2),
        ] {
            let rows: Vec<Row> = rows.into_iter().map(|(check, it)| Row::new(check, it.clone())).collect();
            assert_eq!(exit_code(&rows), code, "{rows:?}");
        }
    }

    #[test]
    fn a_row_is_one_flat_object() {
        let row = Row::new("disk", Finding::warning("slow", "another disk"));
        let json = serde_json::json!({ "check": "disk", "level": "warning", "found": "slow", "next": "another disk" });
        assert_eq!(serde_json::to_value(row).unwrap(), json);
    }
}
