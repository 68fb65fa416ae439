//! `Brand/`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::Outcome;
use super::args::{Args, Named, one_of};
use super::page::Query;
use super::{Api, usecases, views};
use crate::sim::notice::Account;
use crate::sim::world::{BrandType, NewBrand};

type Owner = Extension<Arc<Account>>;

/// POST: a brand is to be registered.
pub(super) async fn create(State(api): State<Api>, Extension(owner): Owner, args: Args) -> Response {
    api.taken(create_brand(&api, &owner, &args))
}

/// GET: the brands.
pub(super) async fn list(State(api): State<Api>, Extension(owner): Owner, query: Query) -> Response {
    api.shown(list_brands(&api, &owner, &query))
}

/// GET: one brand.
pub(super) async fn get(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
) -> Response {
    let shown = api.state.with(|plivo, _| {
        let tenant = plivo.world().tenant(&owner.auth_id);
        tenant.brand(&id).map(|brand| json!({ "brand": views::shown_brand(brand) }))
    });
    api.shown(shown)
}

/// DELETE: the brand is taken off.
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
) -> Response {
    let deleted = api.state.with(|plivo, _| plivo.delete_brand(&owner, &id));
    api.bare(deleted.map(|()| json!({ "message": "Brand Deactivated", "brand_id": id })))
}

/// GET: what its campaigns may be for.
pub(super) async fn usecases(
    State(api): State<Api>,
    Extension(owner): Owner,
    Named((_, id)): Named<(String, String)>,
) -> Response {
    let shown = api.state.with(|plivo, _| {
        let brand = plivo.world().tenant(&owner.auth_id).brand(&id)?;
        Ok(json!({ "use_cases": usecases::of(brand.brand_type), "brand_id": id }))
    });
    api.shown(shown)
}

fn create_brand(api: &Api, owner: &Arc<Account>, args: &Args) -> Outcome {
    let brand_type = match args.text("brand_type")? {
        None | Some("STARTER") => BrandType::Starter,
        Some("STANDARD") => BrandType::Standard,
        Some(other) => return one_of("brand_type", other, &["STANDARD", "STARTER"]).map(|()| Value::Null),
    };
    let new = NewBrand {
        alias: args.required("brand_alias")?.to_owned(),
        brand_type,
        profile_uuid: args.required("profile_uuid")?.to_owned(),
        secondary_vetting: args.flag("secondary_vetting")?,
        to: args.callback()?,
    };
    let id = api.state.with(|plivo, now| plivo.create_brand(owner, new, now))?;
    Ok(json!({
        "brand_id": id,
        "message": "Request to create brand was received and is being processed.",
    }))
}

fn list_brands(api: &Api, owner: &Account, query: &Query) -> Outcome {
    let kind = query.filter("type", &["STARTER", "STANDARD"])?;
    // The SDKs say `status`, Plivo's page `registration_status`.
    let statuses = ["FAILED", "PROCESSING", "COMPLETED"];
    let status = match query.filter("status", &statuses)? {
        None => query.filter("registration_status", &statuses)?,
        status => status,
    };
    let is = |wanted: &Option<String>, word: Value| wanted.as_deref().is_none_or(|wanted| word == wanted);
    let (brands, more) = api.state.with(|plivo, _| {
        let brands = plivo.world().tenant(&owner.auth_id).brands.iter().map(|(_, brand)| brand);
        let fitting = brands.filter(|brand| {
            is(&kind, views::word(&brand.brand_type)) && is(&status, views::word(&brand.status))
        });
        query.cut(fitting, views::listed_brand)
    });
    let path = format!("/v1/Account/{}/10dlc/Brand/", owner.auth_id);
    Ok(json!({ "brands": brands, "meta": query.meta(&path, more) }))
}
