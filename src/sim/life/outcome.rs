//! How requests end: well, unless a rule or chance says otherwise.

use serde::Deserialize;

use crate::sim::world::{Subject, Tenant, Verdict, chance, plain_number};

/// Which requests end badly.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outcomes {
    /// A brand or campaign with this word in its name is rejected, in capitals or not; empty for none.
    pub reject_word: String,
    /// A link or unlink of a number that ends in one of these fails.
    pub fail_numbers: Vec<String>,
    /// How many brands are rejected, from 0 to 1.
    pub brand_rate: f64,
    /// How many campaigns are rejected.
    pub campaign_rate: f64,
    /// How many links fail.
    pub link_rate: f64,
    /// How many unlinks fail.
    pub unlink_rate: f64,
}

impl Default for Outcomes {
    fn default() -> Self {
        Outcomes {
            reject_word: "reject".to_owned(),
            fail_numbers: Vec::new(),
            brand_rate: 0.0,
            campaign_rate: 0.0,
            link_rate: 0.0,
            unlink_rate: 0.0,
        }
    }
}

/// Rates that are none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0} is a share from 0 to 1, not {1}")]
pub struct OutcomesError(&'static str, f64);

impl Outcomes {
    /// Whether the rates are rates.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), OutcomesError> {
        let rates = [
            ("the rate of rejected brands", self.brand_rate),
            ("the rate of rejected campaigns", self.campaign_rate),
            ("the rate of failed links", self.link_rate),
            ("the rate of failed unlinks", self.unlink_rate),
        ];
        let bad = rates.into_iter().find(|(_, rate)| !(0.0..=1.0).contains(rate));
        bad.map_or(Ok(()), |(name, rate)| Err(OutcomesError(name, rate)))
    }

    /// How this request ends. The same request under the same seed ends the same; `turn` tells repetitions apart.
    pub fn verdict(&self, seed: u64, tenant: &Tenant, subject: &Subject, turn: u64) -> Verdict {
        match subject {
            Subject::Brand { brand } => {
                let names = tenant.brands.get(brand).map(|brand| brand.names().map(str::to_owned));
                if self.is_named(names) {
                    return Verdict::Bad(format!("Brand name contains \"{}\"", self.reject_word));
                }
                draw(self.brand_rate, seed, "brand", brand, turn, "Brand identity could not be verified")
            }
            Subject::Campaign { campaign } => {
                let names = tenant.campaigns.get(campaign).map(|kept| kept.names().map(str::to_owned));
                if self.is_named(names) {
                    return Verdict::Bad(format!("Campaign name contains \"{}\"", self.reject_word));
                }
                draw(
                    self.campaign_rate,
                    seed,
                    "campaign",
                    campaign,
                    turn,
                    "Campaign rejected by carrier review",
                )
            }
            Subject::Link { number, .. } if self.is_failing(number) => {
                Verdict::Bad("Number could not be linked".to_owned())
            }
            Subject::Link { number, .. } => {
                draw(self.link_rate, seed, "link", number, turn, "Number could not be linked")
            }
            Subject::Unlink { number, .. } if self.is_failing(number) => {
                Verdict::Bad("Number could not be unlinked".to_owned())
            }
            Subject::Unlink { number, .. } => {
                draw(self.unlink_rate, seed, "unlink", number, turn, "Number could not be unlinked")
            }
        }
    }

    fn is_named(&self, names: Option<[String; 2]>) -> bool {
        let word = self.reject_word.to_lowercase();
        !word.is_empty()
            && names.is_some_and(|names| names.iter().any(|name| name.to_lowercase().contains(&word)))
    }

    fn is_failing(&self, number: &str) -> bool {
        let number = plain_number(number);
        self.fail_numbers.iter().any(|end| !end.is_empty() && number.ends_with(plain_number(end)))
    }
}

fn draw(rate: f64, seed: u64, kind: &str, id: &str, turn: u64, reason: &str) -> Verdict {
    if chance(seed, &[kind, id, &turn.to_string()]) < rate {
        Verdict::Bad(reason.to_owned())
    } else {
        Verdict::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(number: &str) -> Subject {
        Subject::Link { campaign: "C1".to_owned(), number: number.to_owned() }
    }

    fn failed(outcomes: &Outcomes, subjects: impl Iterator<Item = Subject>) -> usize {
        let tenant = Tenant::default();
        subjects.filter(|subject| outcomes.verdict(1, &tenant, subject, 0) != Verdict::Good).count()
    }

    #[test]
    fn all_ends_well_unless_asked_otherwise() {
        assert_eq!(failed(&Outcomes::default(), (0..100).map(|n| link(&format!("1415555{n:04}")))), 0);
    }

    #[test]
    fn numbers_fail_by_their_end_with_and_without_the_plus() {
        let outcomes =
            Outcomes { fail_numbers: vec!["0001".to_owned(), String::new()], ..Outcomes::default() };
        let numbers = ["14155550001", "+14155550001", "14155550010"];
        assert_eq!(failed(&outcomes, numbers.into_iter().map(link)), 2);
        let unlink = Subject::Unlink { campaign: "C1".to_owned(), number: "14155550001".to_owned() };
        assert_eq!(failed(&outcomes, [unlink].into_iter()), 1);
    }

    #[test]
    fn a_rate_is_about_kept_and_a_request_again_is_a_new_chance() {
        let outcomes = Outcomes { link_rate: 0.3, ..Outcomes::default() };
        let share = failed(&outcomes, (0..2_000).map(|n| link(&format!("1415{n:07}"))));
        assert!((500..700).contains(&share), "{share}");
        let (tenant, subject) = (Tenant::default(), link("14155550100"));
        let verdicts: Vec<_> = (0..50).map(|turn| outcomes.verdict(1, &tenant, &subject, turn)).collect();
        assert!(
            verdicts.contains(&Verdict::Good) && verdicts.iter().any(|verdict| *verdict != Verdict::Good)
        );
    }

    #[test]
    fn rates_are_shares() {
        assert!(Outcomes { brand_rate: 1.0, ..Outcomes::default() }.check().is_ok());
        for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Outcomes { unlink_rate: rate, ..Outcomes::default() }.check().is_err(), "{rate}");
        }
    }
}
