//! What goes wrong on the way, by chance that a seed decides: the same seed does the same to the same notices.
//!
//! A notice itself is sent as it should be, or late, slowly, with its connection cut, or after its successor; beside
//! that, copies of it may be sent, which are duplicates of it or lies. Each kind of thing has dice of its own, so that a
//! changed rate of one leaves the others where they were.
//!
//! A lie has content that no genuine callback has: the entity's good status, for a reason that names the copy.
//! Copies that bear the genuine callback's signature are sent after it was answered with 200, since under V2 nobody can
//! tell which of two contents a signature was made for; [`Rates::early`] sends some of them before.

mod rates;

use std::sync::Arc;
use std::time::Duration;

pub use rates::Rates;

use crate::sim::courier::{ATTEMPTS, Errand, Payload, Sending, Signing};
use crate::sim::dice;
use crate::sim::ledger::Label;
use crate::sim::meaning::Meaning;
use crate::sim::notice::Notice;
use crate::sim::profile::{Format, Profile};

/// What chance may do.
#[derive(Debug, Clone)]
pub struct Chaos {
    /// Decides everything.
    pub seed: u64,
    /// How often.
    pub rates: Rates,
    /// The longest delay of one that is delayed, before the time scale.
    pub longest_delay: Duration,
    /// How long one that is sent slowly takes.
    pub slow_over: Duration,
    /// How many bytes are added to one that is too large.
    pub oversize: usize,
}

/// What callbacks look like.
#[derive(Debug, Clone)]
pub struct Look {
    /// Names and words.
    pub profile: Profile,
    /// How a POST carries them.
    pub format: Format,
}

/// When a copy is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the notice itself, which waits for its answer.
    Before,
    /// At the same time.
    Beside,
    /// After the notice was answered with 200, and not at all when it never is.
    After,
}

/// All that is to be sent for one notice.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The notice itself.
    pub own: Errand,
    /// Its copies.
    pub copies: Vec<(When, Errand)>,
}

impl Chaos {
    /// Whether the notice of this number changes places with its successor.
    pub fn is_reordered(&self, number: u64) -> bool {
        self.happens("reordered", number, self.rates.reordered)
    }

    /// What is sent for a notice. `reordered` says that it comes after its successor.
    pub fn plan(&self, look: &Look, notice: Notice, request_id: Option<&str>, reordered: bool) -> Plan {
        let notice = Arc::new(notice);
        let number = notice.number;
        let payload = |notice: &Notice, more: &[(String, String)]| {
            Payload::of(&look.profile, look.format, notice, request_id, more)
        };
        let genuine = payload(&notice, &[]);
        let means = look.profile.meaning(&notice);
        let own = self.own(&notice, means, genuine.clone(), reordered);
        let mut copies = Vec::new();
        for (copy, label) in (1..).zip(self.labels(number)) {
            let mut means = own.means.clone();
            let payload = match label {
                Label::Duplicate => genuine.clone(),
                Label::Truncated => genuine.clone().truncated(self.dice("where", number).u16(0..1000)),
                Label::Oversized => payload(&notice, &[("padding".to_owned(), "x".repeat(self.oversize))]),
                _ => {
                    let lie = lie(&notice, copy);
                    means = look.profile.meaning(&lie);
                    payload(&lie, &[])
                }
            };
            let errand = Errand {
                notice: notice.clone(),
                copy,
                label,
                said: own.said.clone(),
                means,
                payload,
                signing: self.signing(label, number),
                sending: Sending::Whole,
                delay: Duration::ZERO,
                attempts: attempts(label),
            };
            copies.push((self.when(label, number), errand));
        }
        Plan { own, copies }
    }

    fn own(&self, notice: &Arc<Notice>, means: Meaning, payload: Payload, reordered: bool) -> Errand {
        let number = notice.number;
        let mut errand = Errand {
            notice: notice.clone(),
            copy: 0,
            label: Label::Genuine,
            said: payload.said(),
            means,
            payload,
            signing: Signing::Own,
            sending: Sending::Whole,
            delay: Duration::ZERO,
            attempts: ATTEMPTS,
        };
        if reordered {
            errand.label = Label::Reordered;
        } else if self.happens("cut", number, self.rates.cut) {
            errand.label = Label::Cut;
            let mut dice = self.dice("cut where", number);
            // A third of the answers is lost, of the other requests some part.
            errand.sending = Sending::Cut(if dice.u8(0..3) == 0 { 1000 } else { dice.u16(0..1000) });
        } else if self.happens("slow", number, self.rates.slow) {
            errand.label = Label::Slow;
            errand.sending = Sending::Slow(self.slow_over);
        } else if self.happens("delayed", number, self.rates.delayed) {
            errand.label = Label::Delayed;
            errand.delay = self.longest_delay.mul_f64(self.dice("how late", number).f64());
        }
        errand
    }

    fn labels(&self, number: u64) -> Vec<Label> {
        let Rates { duplicated, forged_token, forged_nonce, tampered, truncated, oversized, .. } = self.rates;
        let rates = [
            (Label::Duplicate, duplicated),
            (Label::ForgedToken, forged_token),
            (Label::ForgedNonce, forged_nonce),
            (Label::Tampered, tampered),
            (Label::Truncated, truncated),
            (Label::Oversized, oversized),
        ];
        let happens = |&(label, rate): &(Label, f64)| self.happens(label.word(), number, rate);
        rates.into_iter().filter(happens).map(|(label, _)| label).collect()
    }

    fn signing(&self, label: Label, number: u64) -> Signing {
        match label {
            Label::ForgedToken => Signing::WrongToken,
            Label::ForgedNonce => Signing::WrongNonce,
            // Replaced by what was answered where there is an answer.
            Label::Tampered | Label::Truncated => Signing::AsNotice,
            Label::Duplicate if self.dice("signed as", number).bool() => Signing::AsNotice,
            _ => Signing::Own,
        }
    }

    fn when(&self, label: Label, number: u64) -> When {
        let purpose = format!("when {label}");
        match label {
            Label::Tampered | Label::Truncated if self.happens(&purpose, number, self.rates.early) => {
                When::Before
            }
            Label::Tampered | Label::Truncated => When::After,
            Label::Duplicate if self.dice(&purpose, number).bool() => When::After,
            _ => When::Beside,
        }
    }

    fn happens(&self, purpose: &str, number: u64, rate: f64) -> bool {
        self.dice(purpose, number).f64() < rate
    }

    fn dice(&self, purpose: &str, number: u64) -> fastrand::Rng {
        dice::of(self.seed, purpose, number)
    }
}

/// Plivo tries again; who forges has no reason to.
fn attempts(label: Label) -> u32 {
    match label {
        Label::Duplicate | Label::Oversized => ATTEMPTS,
        _ => 1,
    }
}

/// A content that no genuine callback has.
fn lie(notice: &Notice, copy: u32) -> Notice {
    Notice {
        status: notice.endpoint.good(),
        reason: Some(format!("not true: copy {copy} of notice {}", notice.number)),
        ..notice.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::courier::{Pen, RetryNonce};
    use crate::sim::ledger::Class;
    use crate::sim::notice::{Endpoint, Status};
    use crate::sim::testing;

    fn chaos(seed: u64, rates: &str) -> Chaos {
        Chaos {
            seed,
            rates: rates.parse().unwrap(),
            longest_delay: Duration::from_secs(5),
            slow_over: Duration::from_secs(1),
            oversize: 100_000,
        }
    }

    fn plan(chaos: &Chaos, number: u64) -> Plan {
        let look = Look { profile: Profile::built_in("snake").unwrap(), format: Format::Form };
        let notice = testing::notice(number, Endpoint::Campaign, Status::Created);
        chaos.plan(&look, notice, Some("r"), chaos.is_reordered(number))
    }

    /// Everything that a seed sends: who, when, how, and the signed bytes.
    fn sent(chaos: &Chaos) -> Vec<String> {
        let pen = Pen { seed: chaos.seed, retry_nonce: RetryNonce::New, v3: true };
        let all = (1..200).flat_map(|number| {
            let Plan { own, copies } = plan(chaos, number);
            std::iter::once((When::Beside, own)).chain(copies)
        });
        all.map(|(when, errand)| {
            let signed: Vec<_> = (0..errand.attempts).map(|attempt| pen.sign(&errand, attempt)).collect();
            format!("{when:?} {:?} {:?} {:?} {signed:?}", errand.label, errand.sending, errand.payload)
        })
        .collect()
    }

    #[test]
    fn the_same_seed_sends_the_same_bytes_and_another_one_others() {
        let first = sent(&chaos(7, "0.3,early=0.5"));
        assert_eq!(first, sent(&chaos(7, "0.3,early=0.5")));
        assert_ne!(first, sent(&chaos(8, "0.3,early=0.5")));
    }

    #[test]
    fn a_rate_is_about_the_share_to_which_it_happens() {
        let mut counts = BTreeMap::new();
        let chaos = chaos(1, "0.2");
        for number in 0..2000 {
            let Plan { own, copies } = plan(&chaos, number);
            for errand in std::iter::once(own).chain(copies.into_iter().map(|(_, errand)| errand)) {
                *counts.entry(errand.label).or_insert(0) += 1;
            }
        }
        for label in Label::ALL {
            // Of the notice itself only one thing can happen: 0.2 of what the ones before left over.
            assert!((180..900).contains(&counts[&label]), "{counts:?}");
        }
        assert_eq!(counts.len(), Label::ALL.len());
    }

    #[test]
    fn without_rates_everything_is_genuine() {
        for number in 0..100 {
            let Plan { own, copies } = plan(&chaos(3, ""), number);
            assert!(copies.is_empty() && own.label == Label::Genuine && own.sending == Sending::Whole);
        }
    }

    #[test]
    fn lies_differ_from_the_truth_and_from_each_other_and_captured_ones_come_after() {
        let chaos = chaos(5, "1");
        for number in 1..50 {
            let Plan { own, copies } = plan(&chaos, number);
            let mut seen = vec![own.payload.content().key()];
            for (when, errand) in copies {
                if errand.label.class() == Class::Captured {
                    assert_eq!(when, When::After);
                }
                let key = errand.payload.content().key();
                assert_eq!(seen.contains(&key), errand.label == Label::Duplicate, "{}", errand.label);
                seen.push(key);
            }
            assert_eq!(seen.len(), 7);
        }
    }

    #[test]
    fn another_content_under_the_same_number_and_seed_has_other_signatures() {
        let chaos = chaos(7, "");
        let pen = Pen { seed: 7, retry_nonce: RetryNonce::Keep, v3: false };
        let look = Look { profile: Profile::built_in("snake").unwrap(), format: Format::Form };
        let signed = |request: &str| {
            let notice = testing::notice(1, Endpoint::Brand, Status::Created);
            pen.sign(&chaos.plan(&look, notice, Some(request), false).own, 0)
        };
        assert_eq!(signed("r1"), signed("r1"));
        assert_ne!(signed("r1").v2, signed("r2").v2);
    }

    #[test]
    fn a_rate_of_one_kind_leaves_the_others_where_they_were() {
        let only = |rates: &str| {
            let chaos = chaos(9, rates);
            let is_tampered = |number: &u64| {
                plan(&chaos, *number).copies.iter().any(|(_, errand)| errand.label == Label::Tampered)
            };
            (0..300).filter(is_tampered).collect::<Vec<u64>>()
        };
        assert_eq!(only("tampered=0.1"), only("tampered=0.1,duplicated=0.9,cut=0.5"));
    }
}
