//! What becomes of a request in the end, and what is told of it.

use super::brand::BrandStatus;
use super::campaign::{CampaignStatus, LinkStatus};
use super::{Subject, Tenant, World, plain_number};
use crate::sim::notice::{Endpoint, Status};

/// How a request ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As the customer wished.
    Good,
    /// Not so, and why.
    Bad(String),
}

/// What a callback will say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // As in a notice.
pub struct Told {
    pub endpoint: Endpoint,
    pub status: Status,
    pub brand_id: Option<String>,
    pub campaign_id: Option<String>,
    pub phone_number: Option<String>,
    pub reason: Option<String>,
}

impl World {
    /// That the request was taken; nothing when what it was about is no longer under way.
    pub fn begun(&self, auth_id: &str, subject: &Subject) -> Option<Told> {
        let tenant = self.tenants.get(auth_id)?;
        tenant.under_way(subject).then(|| tenant.told(subject, Status::Created, None))
    }

    /// Ends a request, and says so; nothing when what it was about is no longer under way.
    pub fn end(&mut self, auth_id: &str, subject: &Subject, verdict: Verdict) -> Option<Told> {
        let tenant = self.tenants.get_mut(auth_id)?;
        if !tenant.under_way(subject) {
            return None;
        }
        let verdict = tenant.link_conflict(subject).unwrap_or(verdict);
        // Before the change: an unlinked number is gone after it.
        let mut told = tenant.told(subject, Status::Created, None);
        told.status = outcome(subject, &verdict);
        let gone = tenant.change(subject, &verdict);
        self.entities -= usize::from(gone);
        if let Verdict::Bad(reason) = verdict {
            told.reason = Some(reason);
        }
        Some(told)
    }
}

impl Tenant {
    fn under_way(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Brand { brand } => {
                self.brands.get(brand).is_some_and(|brand| brand.status == BrandStatus::Processing)
            }
            Subject::Campaign { campaign } => self
                .campaigns
                .get(campaign)
                .is_some_and(|campaign| campaign.status == CampaignStatus::Processing),
            Subject::Link { campaign, number } | Subject::Unlink { campaign, number } => {
                let campaign = self.campaigns.get(campaign);
                campaign.and_then(|campaign| campaign.numbers.get(plain_number(number)))
                    == Some(&LinkStatus::Processing)
            }
        }
    }

    /// A number belongs to one campaign at a time, whatever chance says; to link it again where it is always works.
    fn link_conflict(&self, subject: &Subject) -> Option<Verdict> {
        let Subject::Link { campaign, number } = subject else { return None };
        match self.holders.get(plain_number(number)) {
            Some(holder) if holder == campaign => Some(Verdict::Good),
            Some(holder) => Some(Verdict::Bad(format!("number is linked to campaign {holder} already"))),
            None => None,
        }
    }

    /// Makes the change; whether an entity is gone with it.
    fn change(&mut self, subject: &Subject, verdict: &Verdict) -> bool {
        let good = *verdict == Verdict::Good;
        match subject {
            Subject::Brand { brand } => {
                if let Some(brand) = self.brands.get_mut(brand) {
                    brand.status = if good { BrandStatus::Completed } else { BrandStatus::Failed };
                    brand.vetting_score = if good { brand.vetted() } else { None };
                }
                false
            }
            Subject::Campaign { campaign } => {
                if let Some(campaign) = self.campaigns.get_mut(campaign) {
                    campaign.status = if good { CampaignStatus::Active } else { CampaignStatus::Failed };
                }
                false
            }
            Subject::Link { campaign, number } => self.linked(campaign, plain_number(number), good),
            Subject::Unlink { campaign, number } => self.unlinked(campaign, plain_number(number), good),
        }
    }

    fn linked(&mut self, campaign: &str, number: &str, good: bool) -> bool {
        if let Some(kept) = self.campaigns.get_mut(campaign) {
            kept.numbers.put(number, if good { LinkStatus::Completed } else { LinkStatus::Failed });
            if good {
                self.holders.insert(number.to_owned(), campaign.to_owned());
            }
        }
        false
    }

    fn unlinked(&mut self, campaign: &str, number: &str, good: bool) -> bool {
        let Some(kept) = self.campaigns.get_mut(campaign) else { return false };
        if !good {
            kept.numbers.put(number, LinkStatus::Completed);
            return false;
        }
        self.holders.remove(number);
        kept.numbers.take(number).is_some()
    }

    fn told(&self, subject: &Subject, status: Status, reason: Option<String>) -> Told {
        let (endpoint, campaign, number) = match subject {
            Subject::Brand { .. } => (Endpoint::Brand, None, None),
            Subject::Campaign { campaign } => (Endpoint::Campaign, Some(campaign), None),
            Subject::Link { campaign, number } => (Endpoint::NumberLinking, Some(campaign), Some(number)),
            Subject::Unlink { campaign, number } => (Endpoint::NumberUnlinking, Some(campaign), Some(number)),
        };
        let brand_id = match subject {
            Subject::Brand { brand } => Some(brand.clone()),
            _ => campaign
                .and_then(|campaign| self.campaigns.get(campaign))
                .map(|campaign| campaign.brand_id.clone())
                .filter(|brand| !brand.is_empty()),
        };
        Told {
            endpoint,
            status,
            brand_id,
            campaign_id: campaign.cloned(),
            phone_number: number.cloned(),
            reason,
        }
    }
}

fn outcome(subject: &Subject, verdict: &Verdict) -> Status {
    let good = *verdict == Verdict::Good;
    match subject {
        Subject::Brand { .. } | Subject::Campaign { .. } if good => Status::Registered,
        Subject::Brand { .. } | Subject::Campaign { .. } => Status::Rejected,
        Subject::Link { .. } | Subject::Unlink { .. } if good => Status::Success,
        Subject::Link { .. } | Subject::Unlink { .. } => Status::Failed,
    }
}
