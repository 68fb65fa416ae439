//! What Plivo knows: brands, campaigns and numbers of each account, and how requests and steps change them.
//!
//! Pure: no clock, no sockets. A request is taken or refused at once; what becomes of it later is told to the world
//! as a [`Verdict`] (see [`super::life`]). An entity has at most one request under way: Plivo answers a second one
//! with an error, and so does this.

mod brand;
mod campaign;
mod ids;
mod refusal;
mod requests;
mod seed;
mod shelf;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::HashMap;

pub use brand::{Brand, BrandStatus, BrandType, Company, NewBrand};
pub use campaign::{Attributes, Campaign, CampaignStatus, LinkStatus, NewCampaign, Texts, Throughput};
pub use ids::{Ids, chance};
pub use refusal::Refusal;
pub use seed::{Profile, Seed, SeedBrand, SeedCampaign, SeedError};
pub use shelf::Shelf;
pub use verdict::{Told, Verdict};

use super::notice::Method;

/// Who is told of a request's steps: what the request itself said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackTo {
    /// The URL as given.
    pub url: String,
    /// POST unless GET was asked for.
    pub method: Method,
}

/// What a request is about, and so what its steps will be about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A brand's registration.
    Brand {
        /// The brand.
        brand: String,
    },
    /// A campaign's registration.
    Campaign {
        /// The campaign.
        campaign: String,
    },
    /// A number's link to a campaign.
    Link {
        /// The campaign.
        campaign: String,
        /// The number, as the request named it.
        number: String,
    },
    /// The end of that link.
    Unlink {
        /// The campaign.
        campaign: String,
        /// The number, as the request named it.
        number: String,
    },
}

/// Everything of one account.
#[derive(Debug, Default)]
pub struct Tenant {
    /// Brands, the oldest first.
    pub brands: Shelf<Brand>,
    /// Campaigns, the oldest first.
    pub campaigns: Shelf<Campaign>,
    /// Which campaign each linked number belongs to.
    holders: HashMap<String, String>,
}

/// Everything of everybody, within a bound.
#[derive(Debug)]
pub struct World {
    tenants: HashMap<String, Tenant>,
    nobody: Tenant,
    ids: Ids,
    /// Brands, campaigns and links, of all accounts.
    entities: usize,
    max_entities: usize,
}

impl World {
    /// An empty one that never holds more than this many brands, campaigns and links.
    pub fn new(seed: u64, max_entities: usize) -> Self {
        World {
            tenants: HashMap::new(),
            nobody: Tenant::default(),
            ids: Ids::new(seed),
            entities: 0,
            max_entities,
        }
    }

    /// What this account has.
    pub fn tenant(&self, auth_id: &str) -> &Tenant {
        self.tenants.get(auth_id).unwrap_or(&self.nobody)
    }

    /// An id for a request.
    pub fn request_id(&mut self) -> String {
        self.ids.request()
    }

    /// How many brands, campaigns and links there are.
    pub fn entities(&self) -> usize {
        self.entities
    }

    fn tenant_mut(&mut self, auth_id: &str) -> &mut Tenant {
        self.tenants.entry(auth_id.to_owned()).or_default()
    }

    fn room_for(&self, more: usize) -> Result<(), Refusal> {
        if self.entities.saturating_add(more) > self.max_entities { Err(Refusal::Full) } else { Ok(()) }
    }
}

impl Tenant {
    /// The brand, or that there is none.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn brand(&self, id: &str) -> Result<&Brand, Refusal> {
        self.brands.get(id).ok_or_else(|| Refusal::not_found("brand", id))
    }

    /// The campaign, or that there is none.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn campaign(&self, id: &str) -> Result<&Campaign, Refusal> {
        self.campaigns.get(id).ok_or_else(|| Refusal::not_found("campaign", id))
    }

    fn campaign_mut(&mut self, id: &str) -> Result<&mut Campaign, Refusal> {
        self.campaigns.get_mut(id).ok_or_else(|| Refusal::not_found("campaign", id))
    }
}

/// A number as it is kept: without the `+` that E.164 has and Plivo's examples leave out.
pub fn plain_number(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}
