//! A campaign: what a brand sends, and the numbers it sends from.

use serde::{Deserialize, Serialize};

use super::shelf::Shelf;
use super::{CallbackTo, Refusal};

/// Where a campaign's registration stands, in the words of the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CampaignStatus {
    /// Not decided.
    Processing,
    /// Registered.
    #[default]
    Active,
    /// Rejected.
    Failed,
    /// Deactivated.
    Expired,
}

/// Where a number's link stands, in the words of the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LinkStatus {
    /// Being linked or unlinked.
    Processing,
    /// Linked.
    #[default]
    Completed,
    /// Not linked: the request failed.
    Failed,
}

/// Everything about a campaign that can be written at its creation and mended later.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The names are Plivo's.
pub struct Texts {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub campaign_alias: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample1: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample2: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample3: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample4: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sample5: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message_flow: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help_message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help_keywords: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub optin_message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub optin_keywords: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub optout_message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub optout_keywords: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub terms_and_conditions_link: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub privacy_policy_link: String,
}

impl Texts {
    /// Each text by its name, to be written.
    pub fn fields(&mut self) -> [(&'static str, &mut String); 16] {
        [
            ("campaign_alias", &mut self.campaign_alias),
            ("description", &mut self.description),
            ("sample1", &mut self.sample1),
            ("sample2", &mut self.sample2),
            ("sample3", &mut self.sample3),
            ("sample4", &mut self.sample4),
            ("sample5", &mut self.sample5),
            ("message_flow", &mut self.message_flow),
            ("help_message", &mut self.help_message),
            ("help_keywords", &mut self.help_keywords),
            ("optin_message", &mut self.optin_message),
            ("optin_keywords", &mut self.optin_keywords),
            ("optout_message", &mut self.optout_message),
            ("optout_keywords", &mut self.optout_keywords),
            ("terms_and_conditions_link", &mut self.terms_and_conditions_link),
            ("privacy_policy_link", &mut self.privacy_policy_link),
        ]
    }

    /// Takes over what is written in `newer`; the SDKs send an empty text for what is to stay.
    pub fn mend(&mut self, mut newer: Texts) {
        for ((_, mine), (_, theirs)) in self.fields().into_iter().zip(newer.fields()) {
            if !theirs.is_empty() {
                *mine = std::mem::take(theirs);
            }
        }
    }
}

/// What the customer declares of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The names are Plivo's.
pub struct Attributes {
    pub embedded_link: bool,
    pub embedded_phone: bool,
    pub age_gated: bool,
    pub direct_lending: bool,
    pub subscriber_optin: bool,
    pub subscriber_optout: bool,
    pub subscriber_help: bool,
    pub affiliate_marketing: bool,
}

/// A request for a campaign, its arguments checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCampaign {
    /// Whose campaign.
    pub brand_id: String,
    /// The industry.
    pub vertical: String,
    /// What for.
    pub usecase: String,
    /// And in detail, for a mixed one.
    pub sub_usecases: Vec<String>,
    /// The texts.
    pub texts: Texts,
    /// The declarations.
    pub attributes: Attributes,
    /// Who is told.
    pub to: Option<CallbackTo>,
}

/// How much a campaign may send, which goes by its brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throughput {
    /// Texts a minute.
    pub tpm: u32,
    /// T-Mobile's word for it.
    pub brand_tier: &'static str,
}

impl Throughput {
    /// Of a vetted brand.
    pub const TOP: Throughput = Throughput { tpm: 4500, brand_tier: "TOP" };
    /// Of one that is not.
    pub const LOW: Throughput = Throughput { tpm: 240, brand_tier: "LOW" };
    /// Of a starter.
    pub const SOLE: Throughput = Throughput { tpm: 15, brand_tier: "SOLE_PROPRIETOR" };
}

/// A campaign.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Plivo's id.
    pub id: String,
    /// Whose campaign; an imported one's brand is not known here.
    pub brand_id: String,
    /// The industry.
    pub vertical: String,
    /// What for.
    pub usecase: String,
    /// And in detail, for a mixed one.
    pub sub_usecases: Vec<String>,
    /// The texts.
    pub texts: Texts,
    /// The declarations.
    pub attributes: Option<Attributes>,
    /// How much it may send.
    pub throughput: Throughput,
    /// `plivo`, or `shared` for an imported one.
    pub source: String,
    /// The reseller, where there is one.
    pub reseller_id: String,
    /// Where the registration stands.
    pub status: CampaignStatus,
    /// How often it was submitted before.
    pub resubmissions: u32,
    /// Who is told, also of what follows a resubmission, which names nobody.
    pub to: Option<CallbackTo>,
    /// The numbers with their links, by number without `+`.
    pub numbers: Shelf<LinkStatus>,
}

impl Campaign {
    /// The names that a rule about names looks at.
    pub fn names(&self) -> [&str; 2] {
        [&self.texts.campaign_alias, &self.texts.description]
    }

    pub(super) fn must_be_active(&self) -> Result<(), Refusal> {
        if self.status == CampaignStatus::Active {
            return Ok(());
        }
        Err(Refusal::state(format!("campaign {} is not ACTIVE: numbers cannot be linked to it", self.id)))
    }
}
