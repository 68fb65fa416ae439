//! A ledger in sum.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::{Delivery, Label, Outcome};

/// Counts of deliveries, by label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// By what they were.
    pub labels: BTreeMap<Label, Counts>,
}

/// Counts of the deliveries of one label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Deliveries.
    pub deliveries: u64,
    /// Those that were answered with 200.
    pub delivered: u64,
    /// Those that were given up.
    pub given_up: u64,
    /// Those that the end of the simulator left.
    pub unfinished: u64,
    /// Attempts of all of them.
    pub attempts: u64,
    /// What the last attempts were answered: the answer's `status`, else the status code, else `no answer`.
    pub answers: BTreeMap<String, u64>,
}

impl Summary {
    /// Counts a delivery.
    pub fn add(&mut self, delivery: &Delivery) {
        let counts = self.labels.entry(delivery.label).or_default();
        counts.deliveries += 1;
        counts.attempts += delivery.attempts.len() as u64;
        match delivery.outcome {
            Outcome::Delivered => counts.delivered += 1,
            Outcome::GivenUp => counts.given_up += 1,
            Outcome::Unfinished => counts.unfinished += 1,
        }
        *counts.answers.entry(last_answer(delivery)).or_default() += 1;
    }

    /// For a person.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["WHAT", "SENT", "DELIVERED", "GIVEN UP", "UNFINISHED", "ATTEMPTS", "LAST ANSWERS"]);
        for column in 1..6 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for (label, counts) in &self.labels {
            let answers: Vec<String> =
                counts.answers.iter().map(|(answer, count)| format!("{answer} {count}")).collect();
            let Counts { deliveries, delivered, given_up, unfinished, attempts, .. } = *counts;
            let numbers = [deliveries, delivered, given_up, unfinished, attempts];
            let mut row = vec![label.to_string()];
            row.extend(numbers.map(|number| number.to_string()));
            row.push(answers.join(", "));
            table.add_row(row);
        }
        table
    }
}

fn last_answer(delivery: &Delivery) -> String {
    let Some(last) = delivery.attempts.last() else { return "not sent".to_owned() };
    match (&last.answer_status, last.code) {
        // What others wrote must not steer a terminal.
        (Some(status), Some(200)) => status.chars().filter(|c| !c.is_control()).take(32).collect(),
        (_, Some(code)) => code.to_string(),
        (_, None) => "no answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::ledger::Attempt;
    use crate::sim::testing;

    #[test]
    fn each_delivery_counts_once_under_its_label() {
        let mut summary = Summary::default();
        let attempt = |code, status: Option<&str>| Attempt {
            code,
            answer_status: status.map(str::to_owned),
            ..Attempt::default()
        };
        let mut delivery = testing::delivery(1, Label::Cut);
        delivery.attempts = vec![attempt(None, None), attempt(Some(200), Some("accepted\u{1b}"))];
        summary.add(&delivery);
        delivery.attempts = vec![attempt(Some(503), Some("x"))];
        delivery.outcome = Outcome::GivenUp;
        summary.add(&delivery);
        let counts = &summary.labels[&Label::Cut];
        assert_eq!((counts.deliveries, counts.delivered, counts.given_up, counts.attempts), (2, 1, 1, 3));
        assert_eq!(counts.answers, BTreeMap::from([("503".to_owned(), 1), ("accepted".to_owned(), 1)]));
        assert!(summary.table().to_string().contains("cut"));
    }
}
