//! The relay's stages before the spool, called as a library.

use anyhow::Result;
use bytes::Bytes;
use tendlc_relay::callback::{
    Account, Keyring, RawCallback, Refusal, VerifiedCallback, VerifyPolicy, verify,
};
use tendlc_relay::event::{EventId, Stamp, Timestamp, Transition};
use tendlc_relay::normalize::{NormalizeConfig, NormalizedCallback, Normalizer, event};

use crate::callbacks::{self, ACCOUNT, AUTH_ID, ORIGIN, TOKEN};

/// Verifies and normalizes with the benchmark's account.
pub struct Street {
    policy: VerifyPolicy,
    keyring: Keyring,
    normalizer: Normalizer,
}

impl Street {
    pub fn new() -> Result<Self> {
        let account = Account::new(ACCOUNT, AUTH_ID, [TOKEN], [])?;
        Ok(Street {
            policy: VerifyPolicy { public_urls: vec![ORIGIN.to_owned()], ..VerifyPolicy::default() },
            keyring: Keyring::new([account])?,
            normalizer: Normalizer::new(&NormalizeConfig::default())?,
        })
    }

    pub fn take(&self, raw: RawCallback) -> Result<NormalizedCallback, Refusal> {
        Ok(self.normalizer.normalize(self.verify(raw)?))
    }

    fn verify(&self, raw: RawCallback) -> Result<VerifiedCallback, Refusal> {
        Ok(verify(raw, &self.policy, &self.keyring)?.callback)
    }

    /// An event as a sink publishes it.
    pub fn payload(&self) -> Result<Bytes> {
        let verified = self.verify(callbacks::raw(callbacks::mint()?.callback()))?;
        let (request, verdict) = (verified.request().clone(), verified.verdict().clone());
        let callback = self.normalizer.normalize(verified);
        let stamp = Stamp {
            sequence: 1,
            id: EventId::new(&[0; 32], 0),
            received_at: Timestamp::now(),
            occurrence: 0,
            previous_status: None,
            transition: Some(Transition::First),
            revision: 0,
        };
        Ok(event(&request, &verdict, callback.facts(), &stamp).to_structured().into())
    }
}
