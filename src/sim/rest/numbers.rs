//! `Campaign/{id}/Number/`.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::answer::Outcome;
use super::args::{Args, Named, phone_number};
use super::page::Query;
use super::{Api, views};
use crate::sim::notice::Account;
use crate::sim::world::{Refusal, plain_number};

type Owner = Extension<Arc<Account>>;
/// Account, campaign, number.
type Path3 = (String, String, String);

/// POST: numbers are to be linked.
pub(super) async fn link(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
    args: Args,
) -> Response {
    api.taken(link_numbers(&api, &owner, &id, &args))
}

/// DELETE: a number is to be unlinked.
pub(super) async fn unlink(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id, number)): Named<Path3>,
    args: Args,
) -> Response {
    let taken = args
        .callback()
        .and_then(|to| api.state.with(|plivo, now| plivo.unlink(&owner, &id, &number, to, now)))
        .map(|()| json!({ "message": "Request to unlink number was received and is being processed." }));
    api.taken(taken)
}

/// GET: the numbers.
pub(super) async fn list(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
    query: Query,
) -> Response {
    let shown = api.state.with(|plivo, _| {
        let campaign = plivo.world().tenant(&owner.auth_id).campaign(&id)?;
        Ok(views::numbers(campaign, query.cut(campaign.numbers.iter(), |number| number).0))
    });
    api.shown(shown)
}

/// GET: one number.
pub(super) async fn get(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id, number)): Named<Path3>,
) -> Response {
    let shown = api.state.with(|plivo, _| {
        let campaign = plivo.world().tenant(&owner.auth_id).campaign(&id)?;
        let plain = plain_number(&number);
        match campaign.numbers.get(plain) {
            Some(status) => Ok(views::numbers(campaign, [(plain, status)])),
            None => Err(Refusal::NotFound(format!("number {number} in campaign {id}"))),
        }
    });
    api.shown(shown)
}

fn link_numbers(api: &Api, owner: &Arc<Account>, id: &str, args: &Args) -> Outcome {
    let mut named = HashSet::new();
    let mut numbers = Vec::new();
    for number in args.list("numbers")? {
        phone_number(number)?;
        // Named twice, it is linked once.
        if named.insert(plain_number(number)) {
            numbers.push(number.to_owned());
        }
    }
    if numbers.is_empty() {
        return Err(Refusal::argument("numbers is a required parameter"));
    }
    let to = args.callback()?;
    api.state.with(|plivo, now| plivo.link(owner, id, &numbers, to, now))?;
    Ok(json!({ "message": "Request to link number(s) was received and is being processed." }))
}
