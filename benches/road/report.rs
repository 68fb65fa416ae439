//! What was found: one table for people, one JSON document for programs, and whether each target was met.

use comfy_table::{Cell, CellAlignment, Table};
use hdrhistogram::Histogram;
use serde::Serialize;
use tendlc_relay::sim::load::quantile_ms;

/// Everything one run found.
#[derive(Default, Serialize)]
pub struct Report {
    /// The machine and how it was used.
    pub setting: Vec<(String, String)>,
    /// Servers under load.
    pub roads: Vec<Road>,
    /// Publishing what waited.
    pub drains: Vec<Drain>,
    /// Single figures.
    pub figures: Vec<(String, String)>,
    /// What was promised.
    pub targets: Vec<Target>,
}

/// One server under load: medians of the rounds.
#[derive(Clone, Serialize)]
pub struct Road {
    pub name: String,
    pub rounds: usize,
    pub requests_per_second: f64,
    pub requests_per_cpu_second: f64,
    /// The same, to what the server that does nothing answered in the same minute.
    pub to_noop: Option<f64>,
    pub latency: Latency,
    /// Of the answers that came while the load had its processor, and how many of all those are.
    pub undisturbed: Undisturbed,
    /// Callbacks in one commit, mean and the buckets seen.
    pub groups: Option<Groups>,
    /// Answers other than 200 `accepted`.
    pub refused: u64,
}

/// Milliseconds.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
}

/// Latency without what the load's own absences did to it: a sender that is kept from its processor by other programs
/// sends late and reads late.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Undisturbed {
    pub share: f64,
    pub latency: Latency,
}

impl Latency {
    /// From nanoseconds.
    pub fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| quantile_ms(times, quantile);
        Latency { p50_ms: at(0.5), p99_ms: at(0.99), p999_ms: at(0.999) }
    }

    /// Each quantile's own median.
    pub fn median(all: &[Latency]) -> Self {
        let of = |pick: fn(&Latency) -> f64| median(all.iter().map(pick));
        Latency { p50_ms: of(|l| l.p50_ms), p99_ms: of(|l| l.p99_ms), p999_ms: of(|l| l.p999_ms) }
    }
}

/// The sizes of the groups that were made durable together.
#[derive(Clone, Serialize)]
pub struct Groups {
    pub mean: f64,
    /// Upper bounds and how many commits were that large.
    pub commits: Vec<(f64, u64)>,
}

/// How fast what waited was published.
#[derive(Clone, Serialize)]
pub struct Drain {
    pub broker: String,
    pub records: u64,
    pub window: usize,
    pub rounds: usize,
    pub relay_per_second: f64,
    pub raw_client_per_second: f64,
    pub relay_per_cpu_second: f64,
    pub raw_client_per_cpu_second: f64,
}

/// A promise and what became of it.
#[derive(Clone, Serialize)]
pub struct Target {
    pub what: String,
    pub wanted: String,
    pub found: String,
    pub met: bool,
}

/// The one in the middle; 0 of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Nanoseconds, up to a minute.
pub fn times() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000_000, 3)?)
}

impl Report {
    pub fn figure(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.figures.push((name.into(), value.into()));
    }

    /// Records a promise of at least so much.
    pub fn at_least(&mut self, what: impl Into<String>, wanted: f64, found: f64) {
        self.target(what, format!(">= {wanted:.2}"), format!("{found:.3}"), found >= wanted);
    }

    /// Records a promise of at most so much.
    pub fn at_most(&mut self, what: impl Into<String>, wanted: f64, found: f64, unit: &str) {
        self.target(what, format!("<= {wanted:.1}{unit}"), format!("{found:.2}{unit}"), found <= wanted);
    }

    pub fn road(&self, name: &str) -> Option<&Road> {
        self.roads.iter().find(|road| road.name == name)
    }

    fn target(&mut self, what: impl Into<String>, wanted: String, found: String, met: bool) {
        self.targets.push(Target { what: what.into(), wanted, found, met });
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        print_table(&["setting", ""], self.setting.iter().map(|(name, value)| [name.clone(), value.clone()]));
        self.print_roads();
        self.print_drains();
        print_table(&["figure", ""], self.figures.iter().map(|(name, value)| [name.clone(), value.clone()]));
        let verdict = |met| if met { "met" } else { "MISSED" }.to_owned();
        print_table(
            &["target", "wanted", "found", ""],
            self.targets.iter().map(|t| [t.what.clone(), t.wanted.clone(), t.found.clone(), verdict(t.met)]),
        );
        Ok(())
    }

    fn print_roads(&self) {
        let head = [
            "road",
            "requests/s",
            "per cpu-second",
            "to no-op",
            "p50 ms",
            "p99 ms",
            "p999 ms",
            "group mean",
            "refused",
        ];
        let rows = self.roads.iter().map(|road| {
            let Latency { p50_ms, p99_ms, p999_ms } = road.latency;
            [
                road.name.clone(),
                format!("{:.0}", road.requests_per_second),
                format!("{:.0}", road.requests_per_cpu_second),
                road.to_noop.map_or(String::from("-"), |ratio| format!("{ratio:.3}")),
                format!("{p50_ms:.2}"),
                format!("{p99_ms:.2}"),
                format!("{p999_ms:.2}"),
                road.groups.as_ref().map_or(String::from("-"), |groups| format!("{:.1}", groups.mean)),
                road.refused.to_string(),
            ]
        });
        print_table(&head, rows);
    }

    fn print_drains(&self) {
        let head = ["drain to", "records", "window", "relay/s", "raw client/s", "relay/cpu-s", "raw/cpu-s"];
        let rows = self.drains.iter().map(|drain| {
            [
                drain.broker.clone(),
                drain.records.to_string(),
                drain.window.to_string(),
                format!("{:.0}", drain.relay_per_second),
                format!("{:.0}", drain.raw_client_per_second),
                format!("{:.0}", drain.relay_per_cpu_second),
                format!("{:.0}", drain.raw_client_per_cpu_second),
            ]
        });
        print_table(&head, rows);
    }
}

fn print_table<const N: usize>(head: &[&str; N], rows: impl Iterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED).set_header(*head);
    for row in rows {
        let numeric = |cell: &String| cell.starts_with(|first: char| first.is_ascii_digit());
        table.add_row(row.iter().map(|cell| {
            let side = if numeric(cell) { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(cell).set_alignment(side)
        }));
    }
    if table.row_count() > 0 {
        println!("{table}");
    }
}
