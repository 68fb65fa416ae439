//! The result of a run, for a person and for a program.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::client::{Pace, Plan};
use super::seen::{Seen, quantile_ms};
use crate::sim::failure::Verdict;

/// The quantiles that are told.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

/// What was asked for, and what came of it.
pub struct Report {
    /// The URL that was signed.
    pub to: String,
    /// Where the connections led.
    pub origin: String,
    /// How many.
    pub connections: usize,
    /// When what was meant to be sent.
    pub plan: Plan,
    /// What decided ids and nonces.
    pub seed: u64,
    /// What came of it.
    pub seen: Seen,
}

impl Report {
    /// Whether anything was delivered, and no more than so many callbacks failed.
    pub fn verdict(&self, max_failures: u64) -> Verdict {
        if self.seen.is_partial {
            return Verdict::Interrupted;
        }
        Verdict::from(self.seen.delivered > 0 && self.seen.failed() <= max_failures)
    }

    /// One document.
    pub fn json(&self) -> Value {
        let Report { to, origin, connections, plan, seed, seen } = self;
        let (pace, rate) = match plan.pace {
            Pace::Closed => ("closed", None),
            Pace::Open(rate) => ("open", Some(rate)),
        };
        json!({
            "to": to,
            "connected_to": origin,
            "connections": connections,
            "pace": pace,
            "rate": rate,
            "duration_s": plan.duration.as_secs_f64(),
            "seed": seed,
            "partial": seen.is_partial,
            "elapsed_s": seen.elapsed.as_secs_f64(),
            "sent": seen.sent,
            "delivered": seen.delivered,
            "failed": seen.failed(),
            "delivered_per_second": seen.rate(),
            "answers": seen.answers(),
            "errors": seen.errors(),
            "reopened_connections": seen.reopened,
            "latency_ms": document(&seen.latency),
            "away_s": seen.away.as_secs_f64(),
            "undisturbed": seen.undisturbed.len(),
            "undisturbed_latency_ms": document(&seen.undisturbed),
        })
    }

    /// A table with what it means.
    pub fn text(&self) -> String {
        let Report { to, origin, connections, plan, seed, seen } = self;
        let seconds = plan.duration.as_secs_f64();
        let (pace, since) = match plan.pace {
            Pace::Closed => (format!("at full speed for {seconds} s"), "was sent"),
            Pace::Open(rate) => (format!("{rate} a second for {seconds} s"), "was meant to be sent"),
        };
        let mut text = format!("{to} at {origin}: {pace}, {connections} connections, seed {seed}\n\n");
        // Writing to a string cannot fail.
        if seen.is_partial {
            let _ = write!(text, "PARTIAL: interrupted after {:.1} s\n\n", seen.elapsed.as_secs_f64());
        }
        let _ = write!(text, "{}\n\n", self.table());
        let _ = writeln!(text, "answers      {}", listed(&seen.answers()));
        let _ = writeln!(text, "errors       {}", listed(&seen.errors()));
        if seen.reopened > 0 {
            let _ = writeln!(text, "connections  {} lost and opened again", seen.reopened);
        }
        let _ = write!(text, "Milliseconds from when a callback {since} to its 200.");
        if !seen.away.is_zero() {
            let _ = write!(text, "\n{}", self.away());
        }
        text
    }

    /// What this machine, and not the server, is to blame for.
    fn away(&self) -> String {
        let Seen { away, undisturbed, latency, .. } = &self.seen;
        let share = 100.0 * undisturbed.len() as f64 / latency.len().max(1) as f64;
        let quantiles = QUANTILES
            .map(|(name, quantile)| format!("{name} {:.2}", quantile_ms(undisturbed, quantile)))
            .join(", ");
        format!(
            "This program was kept from its processor for {:.0} ms. The {share:.1} % of the answers that this did not touch: {quantiles}.",
            away.as_secs_f64() * 1e3,
        )
    }

    fn table(&self) -> Table {
        let seen = &self.seen;
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let mut head = ["SENT", "ANSWERED 200", "FAILED", "200 A SECOND"].map(str::to_owned).to_vec();
        let counts = [seen.sent.to_string(), seen.delivered.to_string(), seen.failed().to_string()];
        let mut row = counts.to_vec();
        row.push(format!("{:.0}", seen.rate()));
        for (name, quantile) in QUANTILES {
            head.push(format!("{} MS", name.to_uppercase().replace("P999", "P99.9")));
            row.push(format!("{:.2}", quantile_ms(&seen.latency, quantile)));
        }
        table.set_header(head).add_row(row);
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// The quantiles and the mean, in milliseconds.
fn document(latency: &Histogram<u64>) -> Value {
    let quantiles = QUANTILES.iter().map(|(name, quantile)| (*name, quantile_ms(latency, *quantile)));
    quantiles
        .chain([("mean", latency.mean() / 1e6)])
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

fn listed<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    if counts.is_empty() { String::from("none") } else { counts.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::answer::Answer;
    use super::*;

    fn report(pace: Pace, codes: &[u16]) -> Report {
        let mut seen = Seen::new().unwrap();
        seen.elapsed = Duration::from_secs(2);
        for code in codes {
            seen.sent += 1;
            seen.note(
                Answer { code: *code, status: None, keep: true },
                Duration::from_millis(4),
                *code == 200,
            );
        }
        Report {
            to: "https://relay.example.com/".to_owned(),
            origin: "http://127.0.0.1:8080".to_owned(),
            connections: 32,
            plan: Plan { pace, duration: Duration::from_secs(2), timeout: Duration::from_secs(8) },
            seed: 7,
            seen,
        }
    }

    #[test]
    fn it_is_good_while_no_more_failed_than_may() {
        let report = report(Pace::Closed, &[200, 503]);
        assert_eq!((report.verdict(0), report.verdict(1)), (Verdict::Bad, Verdict::Good));
        assert_eq!(self::report(Pace::Closed, &[]).verdict(9), Verdict::Bad, "nothing was delivered");
    }

    #[test]
    fn table_and_document_say_the_same() {
        let report = report(Pace::Open(1.5), &[200, 200, 503]);
        let text = report.text();
        for words in [
            "1.5 a second for 2 s",
            "32 connections",
            "200 2, 503 1",
            "errors       none",
            "meant to be sent",
        ] {
            assert!(text.contains(words), "no {words} in {text}");
        }
        assert!(!text.contains("PARTIAL"));
        let document = report.json();
        assert_eq!((&document["pace"], &document["delivered"]), (&"open".into(), &2.into()));
        assert_eq!((&document["failed"], &document["answers"]["503"]), (&1.into(), &1.into()));
        assert_eq!(document["delivered_per_second"], 1.0);
        assert!((document["latency_ms"]["p99"].as_f64().unwrap() - 4.0).abs() < 0.01);
        assert!(!text.contains("kept from its processor"));
    }

    #[test]
    fn what_this_machine_is_to_blame_for_is_told_apart() {
        let mut report = report(Pace::Open(1.5), &[200, 200, 200]);
        report.seen.note(Answer { code: 200, status: None, keep: true }, Duration::from_millis(90), false);
        (report.seen.sent, report.seen.away) = (4, Duration::from_millis(80));
        let text = report.text();
        assert!(text.contains("from its processor for 80 ms. The 75.0 % of the answers"), "{text}");
        let document = report.json();
        let p99 = |which: &str| document[which]["p99"].as_f64().unwrap().round();
        assert_eq!((p99("latency_ms"), p99("undisturbed_latency_ms")), (90.0, 4.0));
        assert_eq!((&document["undisturbed"], &document["away_s"]), (&3.into(), &0.08.into()));
    }

    #[test]
    fn what_is_of_a_part_says_so_and_is_neither_good_nor_bad() {
        let mut report = report(Pace::Closed, &[200]);
        report.seen.is_partial = true;
        assert_eq!((report.verdict(0), report.verdict(0).exit_code()), (Verdict::Interrupted, 130));
        assert!(report.text().contains("PARTIAL: interrupted after 2.0 s"));
        assert_eq!(report.json()["partial"], true);
    }
}
