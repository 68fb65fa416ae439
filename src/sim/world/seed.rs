//! What is there from the start: entities and profiles out of a file.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::brand::{Brand, BrandStatus, BrandType, Company};
use super::campaign::{Attributes, Campaign, CampaignStatus, LinkStatus, Texts, Throughput};
use super::shelf::Shelf;
use super::{World, plain_number};

/// What a file says is there.
#[derive(Debug, Clone, Default)]
pub struct Seed {
    /// Companies for brands that are created later.
    pub profiles: Vec<Profile>,
    /// Brands.
    pub brands: Vec<SeedBrand>,
    /// Campaigns, with their numbers.
    pub campaigns: Vec<SeedCampaign>,
}

/// A profile: the company that a request names by its UUID.
#[derive(Debug, Clone, Deserialize)]
pub struct Profile {
    /// What a request names.
    pub profile_uuid: String,
    /// The company.
    #[serde(flatten, deserialize_with = "strict")]
    pub company: Company,
}

/// A brand, in the names of Plivo's answers.
#[derive(Debug, Clone, Deserialize)]
pub struct SeedBrand {
    account: Option<String>,
    brand_id: String,
    #[serde(default)]
    brand_alias: String,
    #[serde(default)]
    brand_type: BrandType,
    #[serde(default)]
    profile_uuid: String,
    #[serde(default)]
    registration_status: BrandStatus,
    vetting_score: Option<u8>,
    #[serde(flatten, deserialize_with = "strict")]
    company: Company,
}

/// A campaign, in the names of Plivo's answers, with its `numbers`.
#[derive(Debug, Clone, Deserialize)]
pub struct SeedCampaign {
    account: Option<String>,
    campaign_id: String,
    #[serde(default)]
    brand_id: String,
    #[serde(default)]
    usecase: String,
    #[serde(default)]
    sub_usecases: Vec<String>,
    #[serde(default)]
    vertical: String,
    #[serde(default)]
    campaign_source: String,
    #[serde(default)]
    reseller_id: String,
    #[serde(default)]
    registration_status: CampaignStatus,
    campaign_attributes: Option<Attributes>,
    #[serde(default)]
    numbers: Vec<SeedNumber>,
    #[serde(flatten, deserialize_with = "strict")]
    texts: Texts,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedNumber {
    number: String,
    #[serde(default)]
    status: LinkStatus,
}

/// What is left of a table, with no word that means nothing: serde passes over those of a flattened one.
fn strict<'de, D: Deserializer<'de>, T: DeserializeOwned>(rest: D) -> Result<T, D::Error> {
    toml::Table::deserialize(rest)?.try_into().map_err(D::Error::custom)
}

/// Why the entities of a file cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// More than the bound.
    #[error("the file has more entities than --max-entities allows ({0})")]
    TooMany(usize),
    /// Not an account that the simulator has.
    #[error("{0}: its account {1} is not one of the accounts")]
    Account(String, String),
    /// Twice the same id.
    #[error("{0} stands twice in the file")]
    Twice(String),
}

impl World {
    /// Puts the file's entities in. What names no account belongs to `default`; `known` tells the others.
    ///
    /// # Errors
    /// The first entity that cannot be had.
    pub fn plant(
        &mut self,
        seed: &Seed,
        default: &str,
        known: impl Fn(&str) -> bool,
    ) -> Result<(), SeedError> {
        let owner = |account: &Option<String>, id: &str| {
            let account = account.as_deref().unwrap_or(default);
            if known(account) {
                Ok(account.to_owned())
            } else {
                Err(SeedError::Account(id.to_owned(), account.to_owned()))
            }
        };
        for brand in &seed.brands {
            let auth_id = owner(&brand.account, &brand.brand_id)?;
            self.plant_one()?;
            let new = self.tenant_mut(&auth_id).brands.put(&brand.brand_id, brand.made());
            new.then_some(()).ok_or_else(|| SeedError::Twice(brand.brand_id.clone()))?;
        }
        for campaign in &seed.campaigns {
            self.plant_campaign(&owner(&campaign.account, &campaign.campaign_id)?, campaign)?;
        }
        Ok(())
    }

    fn plant_campaign(&mut self, auth_id: &str, seed: &SeedCampaign) -> Result<(), SeedError> {
        self.plant_one()?;
        let mut campaign = seed.made(self.throughput_of(auth_id, &seed.brand_id));
        for link in &seed.numbers {
            self.plant_one()?;
            let number = plain_number(&link.number);
            let new = campaign.numbers.put(number, link.status);
            let twice = || SeedError::Twice(format!("number {number} of campaign {}", seed.campaign_id));
            new.then_some(()).ok_or_else(twice)?;
            if link.status == LinkStatus::Completed {
                let holders = &mut self.tenant_mut(auth_id).holders;
                let before = holders.insert(number.to_owned(), seed.campaign_id.clone());
                before.is_none().then_some(()).ok_or_else(twice)?;
            }
        }
        let new = self.tenant_mut(auth_id).campaigns.put(&seed.campaign_id, campaign);
        new.then_some(()).ok_or_else(|| SeedError::Twice(seed.campaign_id.clone()))
    }

    fn plant_one(&mut self) -> Result<(), SeedError> {
        self.room_for(1).map_err(|_| SeedError::TooMany(self.max_entities))?;
        self.entities += 1;
        Ok(())
    }

    fn throughput_of(&self, auth_id: &str, brand: &str) -> Throughput {
        match self.tenant(auth_id).brands.get(brand) {
            Some(brand) if brand.brand_type == BrandType::Starter => Throughput::SOLE,
            Some(brand) if brand.vetting_score.is_none() => Throughput::LOW,
            _ => Throughput::TOP,
        }
    }
}

impl SeedBrand {
    fn made(&self) -> Brand {
        Brand {
            id: self.brand_id.clone(),
            alias: self.brand_alias.clone(),
            brand_type: self.brand_type,
            profile_uuid: self.profile_uuid.clone(),
            company: self.company.clone(),
            vetting_score: self.vetting_score,
            secondary_vetting: self.vetting_score.is_some(),
            status: self.registration_status,
        }
    }
}

impl SeedCampaign {
    fn made(&self, throughput: Throughput) -> Campaign {
        Campaign {
            id: self.campaign_id.clone(),
            brand_id: self.brand_id.clone(),
            vertical: self.vertical.clone(),
            usecase: self.usecase.clone(),
            sub_usecases: self.sub_usecases.clone(),
            texts: self.texts.clone(),
            attributes: self.campaign_attributes,
            throughput,
            source: self.campaign_source.clone(),
            reseller_id: self.reseller_id.clone(),
            status: self.registration_status,
            resubmissions: 0,
            to: None,
            numbers: Shelf::default(),
        }
    }
}
