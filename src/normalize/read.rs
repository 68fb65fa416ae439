//! The facts of a callback, from its parameters.

use super::candidates::{Candidate, Candidates};
use super::names::{Field, Names};
use super::vocabulary::{self, Topic};
use super::{Facts, detect, number};
use crate::callback::params::{Body, Params};
use crate::event::{Endpoint, Status, Unrecognized};

/// The most characters of an id, a number, or a status as received.
const LONGEST_WORD: usize = 256;
/// The most characters of a reason.
const LONGEST_REASON: usize = 2_048;

/// Reads what `params` say. Never fails: what cannot be placed is unrecognized, with the ids that were found.
pub fn facts(params: &Params<'_>, names: &Names, route: Option<Endpoint>, tag: Option<String>) -> Facts {
    if let Body::Opaque(why) = params.body {
        return Facts { unrecognized: Some(why), tag, route, ..Facts::default() };
    }
    let candidates = Candidates::read(params, names);
    let endpoint = detect::endpoint(route, &candidates);
    let facts = Facts {
        endpoint,
        unrecognized: None,
        status: None,
        provider_status: provider_status(&candidates, endpoint),
        brand_id: first(&candidates, Field::BrandId),
        campaign_id: first(&candidates, Field::CampaignId),
        number: candidates
            .of(Field::Number)
            .next()
            .map(|found| bounded(&number::e164(&found.value), LONGEST_WORD)),
        reason: reason(&candidates, endpoint),
        tag,
        route,
        received_at: None,
    };
    judge(facts)
}

/// A known endpoint with neither entity nor status says nothing; with one of the two it is passed on.
fn judge(mut facts: Facts) -> Facts {
    match facts.endpoint {
        Some(endpoint) if facts.entity().is_some() || facts.provider_status.is_some() => {
            let text = facts.provider_status.as_deref();
            facts.status = Some(text.map_or(Status::Unknown, |text| vocabulary::status(endpoint, text)));
        }
        _ => {
            facts.endpoint = None;
            facts.unrecognized = Some(Unrecognized::UnknownFields);
        }
    }
    facts
}

fn first(candidates: &Candidates<'_>, field: Field) -> Option<String> {
    candidates.of(field).next().map(|found| bounded(&found.value, LONGEST_WORD))
}

/// The status as received; where there is none, a word such as `brand.registered` in the field that names the
/// endpoint.
fn provider_status(candidates: &Candidates<'_>, endpoint: Option<Endpoint>) -> Option<String> {
    let status = candidates.of(Field::Status).min_by_key(|found| distance(found, endpoint));
    let event = || {
        candidates.of(Field::Endpoint).find(|found| {
            endpoint.is_some_and(|endpoint| vocabulary::status(endpoint, &found.value) != Status::Unknown)
        })
    };
    status.or_else(event).map(|found| bounded(&found.value, LONGEST_WORD))
}

/// All values of the best name, since a list of reasons is one reason.
fn reason(candidates: &Candidates<'_>, endpoint: Option<Endpoint>) -> Option<String> {
    let best = candidates.of(Field::Reason).min_by_key(|found| distance(found, endpoint))?;
    let all: Vec<&str> = candidates
        .of(Field::Reason)
        .filter(|found| found.path == best.path)
        .map(|found| found.value.trim())
        .collect();
    Some(bounded(&all.join("; "), LONGEST_REASON))
}

/// In a document that tells of several things, the name that is about this endpoint comes first, and one that
/// is about another comes last.
fn distance(found: &Candidate<'_>, endpoint: Option<Endpoint>) -> u8 {
    match (vocabulary::topic(&found.path), endpoint) {
        (Some(Topic::Of(about)), Some(endpoint)) if about == endpoint => 0,
        (Some(Topic::Number), Some(Endpoint::NumberLinking | Endpoint::NumberUnlinking)) => 0,
        (Some(_), Some(_)) => 2,
        _ => 1,
    }
}

fn bounded(text: &str, longest: usize) -> String {
    let text = text.trim();
    // No text has more characters than bytes.
    if text.len() <= longest { text.to_owned() } else { text.chars().take(longest).collect() }
}
