//! `Campaign/`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::answer::Outcome;
use super::args::{Args, Named, one_of};
use super::page::Query;
use super::{Api, usecases, views};
use crate::sim::notice::Account;
use crate::sim::world::{Attributes, NewCampaign, Refusal, Texts};

type Owner = Extension<Arc<Account>>;

/// A mixed campaign has no more than this.
const SUB_USECASES: usize = 5;
/// No id of Plivo's comes near this.
const ID_CHARS: usize = 40;

/// POST: a campaign is to be registered.
pub(super) async fn create(State(api): State<Api>, Extension(owner): Owner, args: Args) -> Response {
    api.taken(create_campaign(&api, &owner, &args))
}

/// POST: a campaign that was registered elsewhere is to be taken over.
pub(super) async fn import(State(api): State<Api>, Extension(owner): Owner, args: Args) -> Response {
    api.taken(import_campaign(&api, &owner, &args))
}

/// GET: the campaigns.
pub(super) async fn list(State(api): State<Api>, Extension(owner): Owner, query: Query) -> Response {
    api.shown(list_campaigns(&api, &owner, &query))
}

/// GET: one campaign.
pub(super) async fn get(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
) -> Response {
    let shown = api.state.with(|plivo, _| {
        let tenant = plivo.world().tenant(&owner.auth_id);
        tenant.campaign(&id).map(|campaign| json!({ "campaign": views::campaign(campaign) }))
    });
    api.shown(shown)
}

/// POST: a campaign is mended, and submitted again where it was rejected.
pub(super) async fn update(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
    args: Args,
) -> Response {
    let shown = texts(&args).and_then(|texts| {
        api.state.with(|plivo, now| plivo.update_campaign(&owner, &id, texts, now, views::campaign))
    });
    api.bare(shown.map(|campaign| json!({ "campaign": campaign })))
}

/// DELETE: the campaign is deactivated.
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
) -> Response {
    let deleted = api.state.with(|plivo, _| plivo.delete_campaign(&owner, &id));
    api.bare(deleted.map(|()| json!({ "message": "Campaign Deactivated", "campaign_id": id })))
}

fn create_campaign(api: &Api, owner: &Arc<Account>, args: &Args) -> Outcome {
    let codes = usecases::codes();
    let (vertical, usecase) = (args.required("vertical")?, args.required("usecase")?);
    one_of("vertical", vertical, &usecases::VERTICALS)?;
    one_of("usecase", usecase, &codes)?;
    let sub_usecases = args.list("sub_usecases")?;
    if sub_usecases.len() > SUB_USECASES {
        return Err(Refusal::argument("sub_usecases must be five or fewer"));
    }
    let parts = usecases::parts();
    sub_usecases.iter().try_for_each(|code| one_of("sub_usecases", code, &parts))?;
    let new = NewCampaign {
        brand_id: args.required("brand_id")?.to_owned(),
        vertical: vertical.to_owned(),
        usecase: usecase.to_owned(),
        sub_usecases: sub_usecases.into_iter().map(str::to_owned).collect(),
        texts: texts(args)?,
        attributes: attributes(args)?,
        to: args.callback()?,
    };
    let id = api.state.with(|plivo, now| plivo.create_campaign(owner, new, now))?;
    Ok(json!({
        "campaign_id": id,
        "message": "Request to create campaign was received and is being processed.",
    }))
}

fn import_campaign(api: &Api, owner: &Arc<Account>, args: &Args) -> Outcome {
    let id = args.required("campaign_id")?;
    if id.len() > ID_CHARS || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Refusal::argument("campaign_id must be letters and digits"));
    }
    let alias = args.required("campaign_alias")?.to_owned();
    let to = args.callback()?;
    api.state.with(|plivo, now| plivo.import_campaign(owner, id, alias, to, now))?;
    Ok(json!({
        "campaign_id": id,
        "message": "Request to import campaign was received and is being processed.",
    }))
}

fn list_campaigns(api: &Api, owner: &Account, query: &Query) -> Outcome {
    let status = query.filter("registration_status", &["ACTIVE", "FAILED", "PROCESSING", "EXPIRED"])?;
    let usecase = query.filter("usecase", &usecases::codes())?;
    let source = query.filter("campaign_source", &["plivo", "shared"])?;
    let is = |wanted: Option<&str>, word: &str| wanted.is_none_or(|wanted| word == wanted);
    let (campaigns, more) = api.state.with(|plivo, _| {
        let campaigns = plivo.world().tenant(&owner.auth_id).campaigns.iter().map(|(_, campaign)| campaign);
        let fitting = campaigns.filter(|campaign| {
            is(query.text("brand_id"), &campaign.brand_id)
                && is(usecase.as_deref(), &campaign.usecase)
                && is(source.as_deref(), &campaign.source)
                && status.as_ref().is_none_or(|wanted| views::word(&campaign.status) == **wanted)
        });
        query.cut(fitting, views::campaign)
    });
    let path = format!("/v1/Account/{}/10dlc/Campaign/", owner.auth_id);
    Ok(json!({ "campaigns": campaigns, "meta": query.meta(&path, more) }))
}

fn texts(args: &Args) -> Result<Texts, Refusal> {
    let mut texts = Texts::default();
    for (name, text) in texts.fields() {
        if let Some(given) = args.text(name)? {
            given.clone_into(text);
        }
    }
    Ok(texts)
}

fn attributes(args: &Args) -> Result<Attributes, Refusal> {
    Ok(Attributes {
        embedded_link: args.flag("embedded_link")?,
        embedded_phone: args.flag("embedded_phone")?,
        age_gated: args.flag("age_gated")?,
        direct_lending: args.flag("direct_lending")?,
        subscriber_optin: args.flag("subscriber_optin")?,
        subscriber_optout: args.flag("subscriber_optout")?,
        subscriber_help: args.flag("subscriber_help")?,
        affiliate_marketing: args.flag("affiliate_marketing")?,
    })
}
