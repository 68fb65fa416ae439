//! Examples: callbacks as Plivo would send them, taken down the relay's own road: verified, normalized under the live
//! configuration, stamped, and made an event.

use anyhow::Context as _;
use bytes::Bytes;

use crate::callback::{
    Account, Keyring, Method, RawCallback, Request, SignatureHeaders, VerifyPolicy, verify,
};
use crate::event::{Endpoint, Event, EventId, Stamp, Status, Timestamp, Transition};
use crate::normalize::meanings::meaning;
use crate::normalize::schema::Kind;
use crate::normalize::{self, AliasesConfig, NormalizeConfig, NormalizedCallback, Normalizer};
use crate::signature::{Key, v2};

/// The account of the examples, as the configuration would name it.
pub(super) const ACCOUNT: &str = "acme";

const AUTH_ID: &str = "MAXXXXXXXXXXXXXXXXXX";
const ORIGIN: &str = "https://relay.example.com";
const NONCE: &str = "05429567804466091622";
/// It signs the examples, and nobody takes it for a real one.
const TOKEN: &str = "an example's token";
const BRAND: &str = "BRPXS6E";
const CAMPAIGN: &str = "CMPT4EP";
const NUMBER: &str = "14155550100";
const FORM: &str = "application/x-www-form-urlencoded";
/// 2026-11-24T13:14:15.016Z
const BEGUN: Timestamp = Timestamp::from_millis(1_795_526_055_016);
/// From one status to the next.
const PAUSE_MS: i64 = 3_600_000;

/// One callback and what the spool's writer would have stamped on it.
pub(super) struct Example {
    kind: Kind,
    status: Option<Status>,
    callback: NormalizedCallback,
    stamp: Stamp,
}

impl Example {
    /// The event that it becomes.
    pub(super) fn event(&self) -> Event<'_> {
        normalize::event(&self.callback.request, &self.callback.verdict, &self.callback.facts, &self.stamp)
    }

    /// Its status, or that it is unrecognized.
    pub(super) fn name(&self) -> &'static str {
        self.status.map_or("unrecognized", Status::as_str)
    }

    /// What it says.
    pub(super) fn meaning(&self) -> &'static str {
        meaning(self.kind.0, self.status.unwrap_or(Status::Unknown)).meaning
    }
}

/// An example of every kind and documented status that the configuration understands.
pub(super) struct Examples(Vec<Example>);

impl Examples {
    pub(super) fn new(config: &NormalizeConfig) -> anyhow::Result<Self> {
        let road = Road::new(config)?;
        let mut examples = Vec::new();
        for endpoint in Endpoint::ALL {
            for status in endpoint.statuses() {
                let fields = fields(&config.aliases, endpoint, status);
                examples.push(road.take(examples.len(), Kind(Some(endpoint)), Some(status), &fields)?);
            }
        }
        let surprise = [("surprise".to_owned(), "a field of next year".to_owned())];
        examples.push(road.take(examples.len(), Kind(None), None, &surprise)?);
        // Where somebody took an alias away, a callback may mean something else, or nothing.
        examples.retain(|example| {
            let data = example.event();
            data.kind() == example.kind.0 && data.data().status == example.status
        });
        Ok(Examples(examples))
    }

    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Example> {
        self.0.iter().filter(move |example| example.kind == kind)
    }
}

/// The parameters of a callback, under the likeliest of the configured names.
fn fields(aliases: &AliasesConfig, endpoint: Endpoint, status: Status) -> Vec<(String, String)> {
    let reason = matches!(status, Status::Rejected | Status::Failed).then_some(match endpoint {
        Endpoint::Brand => "The tax number does not match the company's name",
        Endpoint::Campaign => "Opt-in not described",
        Endpoint::NumberLinking | Endpoint::NumberUnlinking => "The number belongs to another campaign",
    });
    let of_number = matches!(endpoint, Endpoint::NumberLinking | Endpoint::NumberUnlinking);
    let fields = [
        (&aliases.number, of_number.then_some(NUMBER)),
        (&aliases.brand_id, (!of_number).then_some(BRAND)),
        (&aliases.campaign_id, (endpoint != Endpoint::Brand).then_some(CAMPAIGN)),
        (&aliases.status, Some(status.as_str())),
        (&aliases.reason, reason),
    ];
    fields
        .into_iter()
        .filter_map(|(names, value)| Some((names.first()?.clone(), value?.to_owned())))
        .collect()
}

/// What a callback meets on its way to becoming an event.
struct Road {
    key: Key,
    policy: VerifyPolicy,
    keyring: Keyring,
    normalizer: Normalizer,
}

impl Road {
    fn new(config: &NormalizeConfig) -> anyhow::Result<Self> {
        Ok(Road {
            key: Key::new(TOKEN)?,
            policy: VerifyPolicy { public_urls: vec![ORIGIN.to_owned()], ..VerifyPolicy::default() },
            keyring: Keyring::new([Account::new(ACCOUNT, AUTH_ID, [TOKEN], [])?])?,
            normalizer: Normalizer::new(config)?,
        })
    }

    /// The `place`-th callback of the story.
    fn take(
        &self,
        place: usize,
        kind: Kind,
        status: Option<Status>,
        fields: &[(String, String)],
    ) -> anyhow::Result<Example> {
        let raw = self.signed(kind, fields)?;
        let verified = verify(raw, &self.policy, &self.keyring).context("an example is refused")?;
        let callback = self.normalizer.normalize(verified.callback);
        let stamp = stamp(place, status, &callback);
        Ok(Example { kind, status, callback, stamp })
    }

    fn signed(&self, kind: Kind, fields: &[(String, String)]) -> anyhow::Result<RawCallback> {
        let path =
            kind.0.map_or("/tendlc_status/".to_owned(), |endpoint| format!("/tendlc_status/{endpoint}/"));
        let signed = v2::signed_string(&format!("{ORIGIN}{path}"), NONCE)?;
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Ok(RawCallback {
            request: Request {
                method: Method::Post,
                target: path,
                content_type: Some(FORM.to_owned()),
                content_encoding: None,
                body: Bytes::from(body),
            },
            signatures: SignatureHeaders {
                v2: vec![self.key.sign(&signed)],
                v2_nonce: vec![NONCE.to_owned()],
                ..SignatureHeaders::default()
            },
            route_endpoint: kind.0,
            account: None,
            tag: None,
            forwarded_origin: None,
        })
    }
}

/// As the spool's writer would: each entity is created first.
fn stamp(place: usize, status: Option<Status>, callback: &NormalizedCallback) -> Stamp {
    let hours = |hours: usize| Timestamp::from_millis(BEGUN.as_millis() + PAUSE_MS * hours as i64);
    let previous = status.filter(|status| *status != Status::Created).map(|_| Status::Created);
    let before = previous.map(|previous| (previous, BEGUN));
    Stamp {
        sequence: place as u64 + 1,
        id: EventId::new(&callback.fingerprint, 0),
        received_at: hours(place),
        occurrence: 0,
        previous_status: previous,
        transition: status.map(|status| Transition::between(before, (status, hours(place)))),
        revision: 0,
    }
}
