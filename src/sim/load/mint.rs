//! Signed callbacks, each the only one of its kind.

use std::sync::Arc;

use crate::sim::courier::{self, Payload};
use crate::sim::dice;
use crate::sim::notice::{Account, Endpoint, Method, Notice};
use crate::sim::profile::{Format, Profile};
use crate::sim::scenario::Names;
use crate::sim::sign::Signatures;

/// What all callbacks of a run have in common.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What decides ids and nonces.
    pub seed: u64,
    /// Whose they are.
    pub account: Arc<Account>,
    /// Where they go; `{endpoint}` stands for the endpoint's word.
    pub url: String,
    /// How.
    pub method: Method,
    /// The names of their parameters.
    pub profile: Profile,
    /// How a POST carries them.
    pub format: Format,
    /// Whether V3 headers go along.
    pub v3: bool,
}

/// Makes callbacks: the four endpoints in turn, about an entity that no other callback of the run is about, with a nonce
/// that no other has. It counts, and those of two counters with different numbers differ as well.
#[derive(Debug, Clone)]
pub struct Mint {
    frame: Frame,
    next: u64,
}

/// One signed callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// What it carries.
    pub payload: Payload,
    /// How it is signed.
    pub signatures: Signatures,
}

/// Requests as they go over the wire, one after another in one allocation.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Mint {
    /// One that begins with the first callback.
    pub fn new(frame: Frame) -> Self {
        Mint { frame, next: 0 }
    }

    /// The same callbacks from this number on.
    pub fn starting_at(self, number: u64) -> Self {
        Mint { next: number, ..self }
    }

    /// Leaves `count` callbacks to another, which starts at the number returned.
    pub fn leave_out(&mut self, count: u64) -> u64 {
        let first = self.next;
        self.next += count;
        first
    }

    /// The next callback.
    pub fn callback(&mut self) -> Callback {
        let number = self.leave_out(1);
        let Frame { seed, account, profile, format, v3, .. } = &self.frame;
        let names = Names::of(*seed, number);
        let request_id = names.request(0);
        let notice = self.notice(number, names);
        let payload = Payload::of(profile, *format, &notice, Some(&request_id), &[]);
        let nonce = dice::nonce(*seed, "load", number, 0, 0);
        let signatures =
            Signatures::make(account, payload.method, &payload.url, &payload.signed, &nonce, *v3);
        Callback { payload, signatures }
    }

    /// The next `count` callbacks.
    pub fn batch(&mut self, count: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..count {
            batch.bytes.append(&mut self.callback().request());
            batch.ends.push(batch.bytes.len());
        }
        batch
    }

    fn notice(&self, number: u64, names: Names) -> Notice {
        let endpoint = Endpoint::ALL[(number % 4) as usize];
        // The good end and the bad one in turn, each for every endpoint.
        let status = if (number / 4).is_multiple_of(2) { endpoint.good() } else { endpoint.bad() };
        Notice {
            number,
            account: Arc::clone(&self.frame.account),
            endpoint,
            status,
            reason: (status == endpoint.bad()).then(|| names.reason(0)),
            brand_id: (!endpoint.is_of_number()).then_some(names.brand),
            campaign_id: (endpoint != Endpoint::Brand).then_some(names.campaign),
            phone_number: endpoint.is_of_number().then_some(names.number),
            url: self.frame.url.replace("{endpoint}", endpoint.word()),
            method: self.frame.method,
        }
    }
}

impl Callback {
    /// The request on the wire.
    pub fn request(&self) -> Vec<u8> {
        courier::request(&self.payload, &self.signatures)
    }
}

impl Batch {
    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The request of this index, where there is one.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::sim::testing;

    pub(in crate::sim::load) fn mint(seed: u64) -> Mint {
        Mint::new(Frame {
            seed,
            account: testing::account(),
            url: "https://relay.example.com/{endpoint}/".to_owned(),
            method: Method::Post,
            profile: Profile::built_in("snake").unwrap(),
            format: Format::Form,
            v3: false,
        })
    }

    #[test]
    fn no_two_share_content_nonce_or_signature() {
        let mut mints = [mint(1), mint(2), mint(1).starting_at(1000)];
        let callbacks: Vec<Callback> = mints
            .iter_mut()
            .flat_map(|mint| (0..1000).map(|_| mint.callback()).collect::<Vec<_>>())
            .collect();
        let distinct = |of: fn(&Callback) -> Vec<u8>| callbacks.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|callback| callback.payload.body.clone()), 3000);
        assert_eq!(distinct(|callback| callback.signatures.nonce.clone().into()), 3000);
        assert_eq!(distinct(|callback| callback.signatures.v2.clone().into()), 3000);
        let urls: HashSet<&String> = callbacks.iter().map(|callback| &callback.payload.url).collect();
        assert_eq!(urls.len(), 4);
    }

    #[test]
    fn a_batch_has_the_requests_of_its_callbacks() {
        let batch = mint(1).batch(3);
        let mut again = mint(1);
        for index in 0..3 {
            assert_eq!(batch.get(index), Some(again.callback().request().as_slice()));
        }
        assert_eq!((batch.len(), batch.get(3)), (3, None));
    }
}
