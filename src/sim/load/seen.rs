//! What a run saw.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use super::answer::Answer;
use super::connection::Trouble;

/// How many kinds of answers are told apart; the others are one.
const MOST_KINDS: usize = 32;

/// What a run saw.
pub struct Seen {
    /// Callbacks sent.
    pub sent: u64,
    /// Those answered with 200.
    pub delivered: u64,
    /// Callbacks that were due and never found a free connection.
    pub unsent: u64,
    /// Whether it was told to end before its time.
    pub is_partial: bool,
    /// How often a lost connection was opened again.
    pub reopened: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Of what was answered with 200, in nanoseconds.
    pub latency: Histogram<u64>,
    /// The same of those alone that were sent and answered while this program had its processor.
    pub undisturbed: Histogram<u64>,
    /// For how long it was kept from it.
    pub away: Duration,
    kinds: Vec<Kind>,
    other: u64,
    troubles: BTreeMap<&'static str, u64>,
}

struct Kind {
    code: u16,
    status: Option<String>,
    count: u64,
}

impl Seen {
    /// Nothing yet.
    ///
    /// # Errors
    /// Never: the bounds of its histogram are sound.
    pub fn new() -> Result<Self, CreationError> {
        Ok(Seen {
            sent: 0,
            delivered: 0,
            unsent: 0,
            is_partial: false,
            reopened: 0,
            elapsed: Duration::ZERO,
            latency: up_to_an_hour()?,
            undisturbed: up_to_an_hour()?,
            away: Duration::ZERO,
            kinds: Vec::new(),
            other: 0,
            troubles: BTreeMap::new(),
        })
    }

    /// Callbacks that were not answered with 200; during a run also those that are not answered yet.
    pub fn failed(&self) -> u64 {
        self.sent + self.unsent - self.delivered
    }

    /// Callbacks a second that were answered with 200.
    pub fn rate(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { self.delivered as f64 / self.elapsed.as_secs_f64() }
    }

    /// Those answered with 200 and a body with this `status`.
    pub fn answered(&self, status: &str) -> u64 {
        let of_status = |kind: &&Kind| kind.code == 200 && kind.status.as_deref() == Some(status);
        self.kinds.iter().filter(of_status).map(|kind| kind.count).sum()
    }

    /// Answers by the `status` of those with 200, the code of all others.
    pub fn answers(&self) -> BTreeMap<String, u64> {
        let mut answers = BTreeMap::new();
        if self.other > 0 {
            answers.insert(String::from("other"), self.other);
        }
        for kind in &self.kinds {
            let word = match (&kind.status, kind.code) {
                (Some(status), 200) => status.clone(),
                (_, code) => code.to_string(),
            };
            *answers.entry(word).or_default() += kind.count;
        }
        answers
    }

    /// Callbacks without an answer, by what happened.
    pub fn errors(&self) -> BTreeMap<&'static str, u64> {
        let mut errors = self.troubles.clone();
        if self.unsent > 0 {
            errors.insert("unsent", self.unsent);
        }
        errors
    }

    pub(super) fn note(&mut self, answer: Answer<'_>, after: Duration, is_undisturbed: bool) {
        if answer.code == 200 {
            let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
            self.delivered += 1;
            self.latency.saturating_record(after);
            if is_undisturbed {
                self.undisturbed.saturating_record(after);
            }
        }
        let same = |kind: &&mut Kind| kind.code == answer.code && kind.status.as_deref() == answer.status;
        if let Some(kind) = self.kinds.iter_mut().find(same) {
            kind.count += 1;
        } else if self.kinds.len() < MOST_KINDS {
            let status = answer.status.map(str::to_owned);
            self.kinds.push(Kind { code: answer.code, status, count: 1 });
        } else {
            self.other += 1;
        }
    }

    pub(super) fn note_trouble(&mut self, trouble: Trouble) {
        *self.troubles.entry(trouble.word()).or_default() += 1;
    }
}

fn up_to_an_hour() -> Result<Histogram<u64>, CreationError> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 3)
}

/// A quantile in milliseconds.
pub fn quantile_ms(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, status: Option<&str>) -> Answer<'_> {
        Answer { code, status, keep: true }
    }

    #[test]
    fn every_callback_counts_once_by_what_became_of_it() {
        let mut seen = Seen::new().unwrap();
        (seen.sent, seen.unsent) = (6, 2);
        let after = Duration::from_millis(3);
        for (code, status) in
            [(200, Some("accepted")), (200, Some("accepted")), (200, None), (503, Some("x"))]
        {
            seen.note(answer(code, status), after, seen.delivered > 0);
        }
        seen.note_trouble(Trouble::Timeout);
        seen.note_trouble(Trouble::Closed);
        assert_eq!(
            (
                seen.delivered,
                seen.failed(),
                seen.latency.len(),
                seen.undisturbed.len(),
                seen.answered("accepted")
            ),
            (3, 5, 3, 2, 2)
        );
        let answers = [("200", 1), ("503", 1), ("accepted", 2)].map(|(word, count)| (word.to_owned(), count));
        assert_eq!(seen.answers(), BTreeMap::from(answers));
        assert_eq!(seen.errors(), BTreeMap::from([("closed", 1), ("timeout", 1), ("unsent", 2)]));
        assert!((quantile_ms(&seen.latency, 0.5) - 3.0).abs() < 0.01);
    }

    #[test]
    fn a_server_of_many_words_fills_no_memory() {
        let mut seen = Seen::new().unwrap();
        for number in 0..1000_u64 {
            seen.note(answer(200 + (number % 300) as u16, None), Duration::ZERO, true);
        }
        let answers = seen.answers();
        assert_eq!((answers.len(), answers.values().sum::<u64>()), (MOST_KINDS + 1, 1000));
        assert!(answers["other"] > 800);
    }
}
