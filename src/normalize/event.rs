//! From a record to its event.

use data_encoding::BASE64;

use super::Facts;
use crate::callback::params::{self, Body, Pair};
use crate::callback::{Request, Verdict};
use crate::event::{Event, EventData, EventParts, Raw, Stamp, Verification};

/// The event of a record: a pure function of the request as received, the verdict, the facts and the stamp.
pub fn event(request: &Request, verdict: &Verdict, facts: &Facts, stamp: &Stamp) -> Event {
    let data = EventData {
        endpoint: facts.endpoint,
        status: facts.endpoint.map(|_| facts.status_or_unknown()),
        unrecognized: facts.unrecognized,
        provider_status: facts.provider_status.clone(),
        brand_id: facts.brand_id.clone(),
        campaign_id: facts.campaign_id.clone(),
        number: facts.number.clone(),
        reason: facts.reason.clone(),
        tag: facts.tag.clone(),
        previous_status: stamp.previous_status,
        transition: stamp.transition,
        occurrence: stamp.occurrence,
        verification: Verification {
            scheme: verdict.scheme,
            key: verdict.key,
            account: verdict.account.clone(),
            covers: verdict.covers,
        },
        raw: raw(request),
        revision: None,
        supersedes: None,
    };
    Event::new(EventParts { auth_id: &verdict.auth_id, entity: facts.entity(), stamp }, data)
}

/// Every parameter, whatever their number: the limit on them bounds what is looked into, not what is passed
/// on.
fn raw(request: &Request) -> Raw {
    let params = params::parse(request, usize::MAX);
    let mut raw = Raw { query: owned(params.query).collect(), ..Raw::default() };
    match params.body {
        Body::Empty => {}
        Body::Form(pairs) => raw.form = owned(pairs).collect(),
        Body::Json(document) => raw.json = Some(document),
        Body::Opaque(_) => {
            raw.body = Some(BASE64.encode(&request.body));
            raw.content_type = request.content_type.clone();
            raw.content_encoding = request.content_encoding.clone();
        }
    }
    raw
}

fn owned(pairs: Vec<Pair<'_>>) -> impl Iterator<Item = (String, String)> {
    pairs.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()))
}
