//! A brand: the company that sends.

use serde::{Deserialize, Serialize};

use super::CallbackTo;

/// Where a brand's registration stands, in the words of the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BrandStatus {
    /// Not decided.
    Processing,
    /// Registered.
    #[default]
    Completed,
    /// Rejected.
    Failed,
}

/// What a brand is registered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BrandType {
    /// With an EIN.
    Standard,
    /// Without; what Plivo assumes.
    #[default]
    Starter,
}

/// The company behind a brand. Plivo takes it from the profile that the request names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Company {
    /// Shown always, if only as empty texts.
    pub address: Address,
    /// Empty for some.
    pub authorized_contact: Contact,
    /// The legal name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company_name: String,
    /// The tax number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ein: String,
    /// Which country gave it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ein_issuing_country: String,
    /// The legal form.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub entity_type: String,
    /// The industry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vertical: String,
    /// Its web site.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub website: String,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The names say it all.
pub struct Address {
    pub city: String,
    pub country: String,
    pub postal_code: String,
    pub state: String,
    pub street: String,
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The names say it all.
pub struct Contact {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub first_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phone: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub seniority: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
}

impl Company {
    /// The company of a profile that the simulator has never heard of: it has no Profile API, and takes any.
    pub fn made_up(alias: &str, brand_type: BrandType) -> Self {
        let text = str::to_owned;
        let standard = brand_type == BrandType::Standard;
        Company {
            address: Address {
                city: text("New York"),
                country: text("US"),
                postal_code: text("10001"),
                state: text("NY"),
                street: text("123"),
            },
            authorized_contact: Contact {
                email: text("contact@example.com"),
                first_name: text("John"),
                last_name: text("Doe"),
                phone: text("12125550100"),
                seniority: text("admin"),
                title: text("CEO"),
            },
            company_name: if standard { text(alias) } else { String::new() },
            ein: if standard { text("123456789") } else { String::new() },
            ein_issuing_country: text("US"),
            entity_type: text(if standard { "PRIVATE" } else { "INDIVIDUAL" }),
            vertical: text("TECHNOLOGY"),
            website: String::new(),
        }
    }
}

/// A request for a brand, its arguments checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBrand {
    /// The name that the customer gave it.
    pub alias: String,
    /// What it is to be registered as.
    pub brand_type: BrandType,
    /// The profile that has the company.
    pub profile_uuid: String,
    /// Whether it is to be vetted.
    pub secondary_vetting: bool,
    /// Who is told.
    pub to: Option<CallbackTo>,
}

/// A brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Plivo's id.
    pub id: String,
    /// The name that the customer gave it.
    pub alias: String,
    /// What it is registered as.
    pub brand_type: BrandType,
    /// The profile that has the company.
    pub profile_uuid: String,
    /// The company.
    pub company: Company,
    /// Its score, once vetted.
    pub vetting_score: Option<u8>,
    /// Whether it was to be vetted.
    pub secondary_vetting: bool,
    /// Where the registration stands.
    pub status: BrandStatus,
}

impl Brand {
    /// The names that a rule about names looks at.
    pub fn names(&self) -> [&str; 2] {
        [&self.alias, &self.company.company_name]
    }

    /// The score of a vetted company; Plivo's own example.
    pub(super) fn vetted(&self) -> Option<u8> {
        (self.secondary_vetting && self.brand_type == BrandType::Standard).then_some(80)
    }
}
