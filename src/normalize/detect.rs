//! Which endpoint a callback is about.
//!
//! In order: the route; a field that says so (`type=brand`, `event=number.unlinked`); what the status's value
//! or name says ("Campaign registered", `linked`, `brand_status`); the ids present. A campaign's id beats a
//! brand's, since a campaign's callback may name its brand; a number beats both.
//!
//! Linking and unlinking report the same ids in the same words, so that a number with nothing beside it that
//! says which of the two it was stays unrecognized: taking an unlinked number for a linked one would be worse
//! than asking. A path for each endpoint, or `?type=number_unlinking` in the URL given to Plivo, settles it.

use super::candidates::Candidates;
use super::names::Field;
use super::vocabulary::{self, Topic};
use crate::event::Endpoint;

/// The endpoint, or `None` where nothing tells it for sure.
pub fn endpoint(route: Option<Endpoint>, candidates: &Candidates<'_>) -> Option<Endpoint> {
    if route.is_some() {
        return route;
    }
    values(candidates, Field::Endpoint)
        .find_map(definite)
        .or_else(|| only(values(candidates, Field::Status)))
        .or_else(|| only(names(candidates, Field::Status)))
        .or_else(|| by_ids(candidates))
}

fn by_ids(candidates: &Candidates<'_>) -> Option<Endpoint> {
    let about_number = values(candidates, Field::Endpoint)
        .chain(values(candidates, Field::Status))
        .chain(names(candidates, Field::Status))
        .any(|topic| topic == Topic::Number);
    let has = |field| candidates.of(field).next().is_some();
    let registered = if has(Field::CampaignId) {
        Some(Endpoint::Campaign)
    } else if has(Field::BrandId) {
        Some(Endpoint::Brand)
    } else {
        None
    };
    if about_number || has(Field::Number) {
        by_number(candidates, registered, about_number)
    } else {
        registered
    }
}

/// A number is there: its own name may say what happened to it, and the words that Plivo has for brands and
/// campaigns alone say that it only stands beside them.
fn by_number(
    candidates: &Candidates<'_>,
    registered: Option<Endpoint>,
    about_number: bool,
) -> Option<Endpoint> {
    let beside = || {
        candidates.of(Field::Status).next().is_some_and(|status| vocabulary::is_of_registry(&status.value))
    };
    let mut by_name = names(candidates, Field::Number).filter_map(definite);
    let linked = by_name.find(|endpoint| is_of_number(*endpoint));
    linked.or_else(|| registered.filter(|_| !about_number && beside()))
}

fn values(candidates: &Candidates<'_>, field: Field) -> impl Iterator<Item = Topic> {
    candidates.of(field).filter_map(|candidate| vocabulary::topic_of_value(&candidate.value))
}

fn names(candidates: &Candidates<'_>, field: Field) -> impl Iterator<Item = Topic> {
    candidates.of(field).filter_map(|candidate| vocabulary::topic(&candidate.path))
}

fn definite(topic: Topic) -> Option<Endpoint> {
    match topic {
        Topic::Of(endpoint) => Some(endpoint),
        Topic::Number => None,
    }
}

/// The endpoint that all topics agree on.
fn only(mut topics: impl Iterator<Item = Topic>) -> Option<Endpoint> {
    let first = definite(topics.next()?)?;
    topics.all(|topic| topic == Topic::Of(first)).then_some(first)
}

fn is_of_number(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::NumberLinking | Endpoint::NumberUnlinking)
}
