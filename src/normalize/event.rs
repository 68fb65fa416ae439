//! From a record to its event.

use data_encoding::BASE64;

use super::Facts;
use crate::callback::params::{self, Body};
use crate::callback::{Request, Verdict};
use crate::event::{Event, EventData, EventParts, Raw, Stamp, Verification};

/// The event of a record: a pure function of the request as received, the verdict, the facts and the stamp.
pub fn event<'a>(
    request: &'a Request,
    verdict: &'a Verdict,
    facts: &'a Facts,
    stamp: &'a Stamp,
) -> Event<'a> {
    let data = EventData {
        endpoint: facts.endpoint,
        status: facts.endpoint.map(|_| facts.status_or_unknown()),
        unrecognized: facts.unrecognized,
        provider_status: facts.provider_status.as_deref(),
        brand_id: facts.brand_id.as_deref(),
        campaign_id: facts.campaign_id.as_deref(),
        number: facts.number.as_deref(),
        reason: facts.reason.as_deref(),
        tag: facts.tag.as_deref(),
        previous_status: stamp.previous_status,
        transition: stamp.transition,
        occurrence: stamp.occurrence,
        verification: Verification {
            scheme: verdict.scheme,
            key: verdict.key,
            account: &verdict.account,
            covers: verdict.covers,
        },
        raw: raw(request),
        revision: None,
        supersedes: None,
    };
    let received_at = facts.received_at.unwrap_or(stamp.received_at);
    Event::new(EventParts { auth_id: &verdict.auth_id, entity: facts.entity(), received_at, stamp }, data)
}

/// Every parameter, whatever their number: the limit on them bounds what is looked into, not what is passed
/// on.
fn raw(request: &Request) -> Raw<'_> {
    let params = params::parse(request, usize::MAX);
    let mut raw = Raw { query: params.query.into_iter().collect(), ..Raw::default() };
    match params.body {
        Body::Empty => {}
        Body::Form(pairs) => raw.form = pairs.into_iter().collect(),
        Body::Json(document) => raw.json = Some(document),
        Body::Opaque(_) => {
            raw.body = Some(BASE64.encode(&request.body));
            raw.content_type = request.content_type.as_deref();
            raw.content_encoding = request.content_encoding.as_deref();
        }
    }
    raw
}
