//! How brands, campaigns and numbers look in answers. What is empty is left out, as Plivo does.

use serde_json::{Map, Value, json};

use crate::sim::world::{Brand, Campaign, LinkStatus, Throughput};

/// A brand in a list.
pub(super) fn listed_brand(brand: &Brand) -> Value {
    let mut shown = shown_brand(brand);
    if let (Value::Object(fields), false) = (&mut shown, brand.alias.is_empty()) {
        fields.insert("brand_alias".to_owned(), brand.alias.clone().into());
    }
    shown
}

/// A brand by itself, which Plivo shows without its alias.
pub(super) fn shown_brand(brand: &Brand) -> Value {
    let mut fields = object(&brand.company);
    fields.insert("brand_id".to_owned(), brand.id.clone().into());
    fields.insert("brand_type".to_owned(), word(&brand.brand_type));
    put(&mut fields, "profile_uuid", &brand.profile_uuid);
    fields.insert("registration_status".to_owned(), word(&brand.status));
    if let Some(score) = brand.vetting_score {
        fields.insert("vetting_score".to_owned(), score.into());
        fields.insert("vetting_status".to_owned(), "ACTIVE".into());
    }
    Value::Object(fields)
}

/// A campaign, in a list or by itself.
pub(super) fn campaign(campaign: &Campaign) -> Value {
    let mut fields = Map::new();
    fields.insert("brand_id".to_owned(), campaign.brand_id.clone().into());
    fields.insert("campaign_id".to_owned(), campaign.id.clone().into());
    fields.insert("mno_metadata".to_owned(), mno_metadata(campaign.throughput));
    fields.insert("registration_status".to_owned(), word(&campaign.status));
    fields.insert("reseller_id".to_owned(), campaign.reseller_id.clone().into());
    put(&mut fields, "sub_usecase", &campaign.sub_usecases.join(","));
    put(&mut fields, "usecase", &campaign.usecase);
    put(&mut fields, "vertical", &campaign.vertical);
    fields.extend(object(&campaign.texts));
    if let Some(attributes) = &campaign.attributes {
        fields.insert("campaign_attributes".to_owned(), Value::Object(object(attributes)));
    }
    put(&mut fields, "campaign_source", &campaign.source);
    Value::Object(fields)
}

/// Numbers of a campaign.
pub(super) fn numbers<'a>(
    campaign: &Campaign,
    numbers: impl IntoIterator<Item = (&'a str, &'a LinkStatus)>,
) -> Value {
    let shown: Vec<Value> = numbers
        .into_iter()
        .map(|(number, status)| json!({ "number": number, "status": word(status) }))
        .collect();
    json!({
        "campaign_alias": campaign.texts.campaign_alias,
        "campaign_id": campaign.id,
        "phone_numbers": shown,
        "usecase": campaign.usecase,
    })
}

/// The word that the REST API has for it.
pub(super) fn word(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn mno_metadata(throughput: Throughput) -> Value {
    let Throughput { tpm, brand_tier } = throughput;
    json!({
        "AT&T": { "tpm": tpm },
        "T-Mobile": { "brand_tier": brand_tier },
        "US Cellular": { "tpm": tpm },
        "Verizon Wireless": { "tpm": tpm },
    })
}

fn object(value: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}

fn put(fields: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        fields.insert(name.to_owned(), value.into());
    }
}
