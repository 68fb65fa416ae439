//! One delivery that is to be made.

use std::sync::Arc;
use std::time::Duration;

use super::payload::Payload;
use crate::sim::dice;
use crate::sim::ledger::{Class, Label};
use crate::sim::meaning::Meaning;
use crate::sim::notice::{Account, Notice};
use crate::sim::sign::Signatures;

/// One delivery that is to be made: of a notice, or of a copy that chaos adds.
#[derive(Debug, Clone)]
pub struct Errand {
    /// What it tells of.
    pub notice: Arc<Notice>,
    /// 0 for the notice itself, else which copy.
    pub copy: u32,
    /// What it is.
    pub label: Label,
    /// The hash of what the notice itself sends, of which its nonces and those of its copies are made.
    pub said: String,
    /// What it tells whoever takes it; of a truncated one, what the whole would have told.
    pub means: Meaning,
    /// What is sent.
    pub payload: Payload,
    /// How it is signed.
    pub signing: Signing,
    /// How the first attempt is sent; others are sent in one go.
    pub sending: Sending,
    /// What passes before the first attempt.
    pub delay: Duration,
    /// How many attempts it gets at most.
    pub attempts: u32,
}

/// How a delivery is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signing {
    /// As Plivo does.
    Own,
    /// As Plivo does, with the very nonces of the notice itself.
    AsNotice,
    /// With a token that is nobody's.
    WrongToken,
    /// The nonce of the headers is not the one that was signed.
    WrongNonce,
    /// By headers that were seen before, V2 alone: who replays them leaves out what would give him away.
    Captured(Signatures),
}

/// How an attempt is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// In one go.
    Whole,
    /// Bit by bit, over this time.
    Slow(Duration),
    /// The connection is closed after so many thousandths of the request; after all of it the answer is lost.
    Cut(u16),
}

/// Whether the attempts of one delivery share a nonce. Plivo does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum RetryNonce {
    /// A retry has the nonce of the first attempt.
    #[default]
    Keep,
    /// Each attempt has its own.
    New,
}

/// What every signature depends on beside the errand.
#[derive(Debug, Clone, Copy)]
pub struct Pen {
    /// The seed of the nonces.
    pub seed: u64,
    /// Whether retries share one.
    pub retry_nonce: RetryNonce,
    /// Whether V3 headers go along.
    pub v3: bool,
}

impl Pen {
    /// Signs an attempt, counted from 0.
    pub fn sign(&self, errand: &Errand, attempt: u32) -> Signatures {
        let attempt = if self.retry_nonce == RetryNonce::Keep { 0 } else { attempt };
        let nonce = |copy| dice::nonce(self.seed, &errand.said, errand.notice.number, copy, attempt);
        let account = &errand.notice.account;
        match &errand.signing {
            Signing::Own => self.make(account, errand, &nonce(errand.copy)),
            Signing::AsNotice if errand.label.class() == Class::Captured => {
                // V3 would be of the content that is sent here, which only the account can sign.
                Signatures { v3: None, ..self.make(account, errand, &nonce(0)) }
            }
            Signing::AsNotice => self.make(account, errand, &nonce(0)),
            Signing::WrongToken => self.make(&stranger(account), errand, &nonce(errand.copy)),
            Signing::WrongNonce => {
                // No nonce of another delivery.
                let shown = dice::nonce(self.seed, &errand.said, errand.notice.number, errand.copy, u32::MAX);
                Signatures { nonce: shown, ..self.make(account, errand, &nonce(errand.copy)) }
            }
            Signing::Captured(seen) => Signatures { v3: None, ..seen.clone() },
        }
    }

    fn make(&self, account: &Account, errand: &Errand, nonce: &str) -> Signatures {
        let Payload { method, url, signed, .. } = &errand.payload;
        Signatures::make(account, *method, url, signed, nonce, self.v3)
    }
}

/// One who has the account's id but neither of its tokens.
fn stranger(account: &Account) -> Account {
    let mut token: String = account.token.chars().rev().collect();
    token.push('x');
    Account { auth_id: account.auth_id.clone(), token, main: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::notice::{Endpoint, Status};
    use crate::sim::profile::{Format, Profile};
    use crate::sim::testing;

    fn errand(copy: u32, signing: Signing) -> Errand {
        let notice = testing::notice(1, Endpoint::Brand, Status::Created);
        let profile = Profile::built_in("snake").unwrap();
        let payload = Payload::of(&profile, Format::Form, &notice, None, &[]);
        Errand {
            means: profile.meaning(&notice),
            notice: Arc::new(notice),
            copy,
            label: Label::Genuine,
            said: payload.said(),
            payload,
            signing,
            sending: Sending::Whole,
            delay: Duration::ZERO,
            attempts: 4,
        }
    }

    #[test]
    fn a_retry_keeps_its_nonce_or_gets_a_new_one() {
        let pen = |retry_nonce| Pen { seed: 1, retry_nonce, v3: true };
        let own = errand(0, Signing::Own);
        let (keep, new) = (pen(RetryNonce::Keep), pen(RetryNonce::New));
        assert_eq!(keep.sign(&own, 0), keep.sign(&own, 3));
        assert_eq!(keep.sign(&own, 0), new.sign(&own, 0));
        assert_ne!(new.sign(&own, 0), new.sign(&own, 1));
    }

    #[test]
    fn only_what_plivo_signs_is_signed_right() {
        let pen = Pen { seed: 1, retry_nonce: RetryNonce::Keep, v3: true };
        let right = |errand: &Errand| {
            let made = pen.sign(errand, 0);
            let payload = &errand.payload;
            let account = &errand.notice.account;
            made == Signatures::make(
                account,
                payload.method,
                &payload.url,
                &payload.signed,
                &made.nonce,
                true,
            )
        };
        let genuine = errand(0, Signing::Own);
        let seen = pen.sign(&genuine, 0);
        assert!(right(&genuine) && right(&errand(1, Signing::Own)) && right(&errand(1, Signing::AsNotice)));
        assert_eq!(pen.sign(&errand(1, Signing::AsNotice), 0), seen);
        assert!(!right(&errand(1, Signing::WrongToken)) && !right(&errand(1, Signing::WrongNonce)));
        let replayed = pen.sign(&errand(1, Signing::Captured(seen.clone())), 0);
        assert_eq!((replayed.v2, replayed.nonce, replayed.v3), (seen.v2.clone(), seen.nonce, None));
        let early = Errand { label: Label::Tampered, ..errand(1, Signing::AsNotice) };
        assert_eq!((pen.sign(&early, 0).v2, pen.sign(&early, 0).v3), (seen.v2, None));
    }
}
