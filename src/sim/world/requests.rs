//! What a customer's requests do at once.

use super::brand::{Brand, BrandStatus, BrandType, Company, NewBrand};
use super::campaign::{Campaign, CampaignStatus, LinkStatus, NewCampaign, Texts, Throughput};
use super::shelf::Shelf;
use super::{CallbackTo, Refusal, Tenant, World, plain_number};

impl World {
    /// Takes a request for a brand; its id.
    ///
    /// # Errors
    /// When the world is full.
    pub fn create_brand(
        &mut self,
        auth_id: &str,
        new: NewBrand,
        company: Option<Company>,
    ) -> Result<String, Refusal> {
        self.room_for(1)?;
        let id = self.fresh_id('B', |tenant, id| tenant.brands.get(id).is_some(), auth_id);
        let company = company.unwrap_or_else(|| Company::made_up(&new.alias, new.brand_type));
        let brand = Brand {
            id: id.clone(),
            alias: new.alias,
            brand_type: new.brand_type,
            profile_uuid: new.profile_uuid,
            company,
            vetting_score: None,
            secondary_vetting: new.secondary_vetting,
            status: BrandStatus::Processing,
        };
        self.tenant_mut(auth_id).brands.put(&id, brand);
        self.entities += 1;
        Ok(id)
    }

    /// Takes a brand off.
    ///
    /// # Errors
    /// When there is none, or a campaign of it lives.
    pub fn delete_brand(&mut self, auth_id: &str, id: &str) -> Result<(), Refusal> {
        let tenant = self.tenant(auth_id);
        tenant.brand(id)?;
        let live = tenant.campaigns.iter().find(|(_, campaign)| {
            campaign.brand_id == id
                && matches!(campaign.status, CampaignStatus::Active | CampaignStatus::Processing)
        });
        if let Some((campaign, _)) = live {
            return Err(Refusal::state(format!("brand {id} has an active campaign: {campaign}")));
        }
        self.tenant_mut(auth_id).brands.take(id);
        self.entities -= 1;
        Ok(())
    }

    /// Takes a request for a campaign; its id.
    ///
    /// # Errors
    /// When the brand is unknown or not registered, or the world is full.
    pub fn create_campaign(&mut self, auth_id: &str, new: NewCampaign) -> Result<String, Refusal> {
        let throughput = fitting_brand(self.tenant(auth_id), &new)?;
        self.room_for(1)?;
        let id = self.fresh_id('C', |tenant, id| tenant.campaigns.get(id).is_some(), auth_id);
        let campaign = Campaign {
            id: id.clone(),
            brand_id: new.brand_id,
            vertical: new.vertical,
            usecase: new.usecase,
            sub_usecases: new.sub_usecases,
            texts: new.texts,
            attributes: Some(new.attributes),
            throughput,
            source: "plivo".to_owned(),
            reseller_id: String::new(),
            status: CampaignStatus::Processing,
            resubmissions: 0,
            to: new.to,
            numbers: Shelf::default(),
        };
        self.tenant_mut(auth_id).campaigns.put(&id, campaign);
        self.entities += 1;
        Ok(id)
    }

    /// Takes a campaign over that was registered elsewhere.
    ///
    /// # Errors
    /// When it is here already, or the world is full.
    pub fn import_campaign(
        &mut self,
        auth_id: &str,
        id: &str,
        alias: String,
        to: Option<CallbackTo>,
    ) -> Result<(), Refusal> {
        if self.tenant(auth_id).campaigns.get(id).is_some() {
            return Err(Refusal::state(format!("campaign {id} is in this account already")));
        }
        self.room_for(1)?;
        let campaign = Campaign {
            id: id.to_owned(),
            brand_id: String::new(),
            vertical: String::new(),
            usecase: "MIXED".to_owned(),
            sub_usecases: Vec::new(),
            texts: Texts { campaign_alias: alias, ..Texts::default() },
            attributes: None,
            throughput: Throughput::TOP,
            source: "shared".to_owned(),
            reseller_id: String::new(),
            status: CampaignStatus::Processing,
            resubmissions: 0,
            to,
            numbers: Shelf::default(),
        };
        self.tenant_mut(auth_id).campaigns.put(id, campaign);
        self.entities += 1;
        Ok(())
    }

    /// Mends a campaign's texts. One that was rejected is then to be submitted anew; see [`World::resubmit`].
    ///
    /// # Errors
    /// When there is none, or it is registered or deactivated.
    pub fn update_campaign(&mut self, auth_id: &str, id: &str, texts: Texts) -> Result<&Campaign, Refusal> {
        self.tenant(auth_id).campaign(id)?;
        let campaign = self.tenant_mut(auth_id).campaign_mut(id)?;
        match campaign.status {
            CampaignStatus::Failed | CampaignStatus::Processing => campaign.texts.mend(texts),
            CampaignStatus::Active | CampaignStatus::Expired => {
                return Err(Refusal::state(format!("campaign {id} can only be updated while it is FAILED")));
            }
        }
        Ok(campaign)
    }

    /// Submits a rejected campaign anew, with who is told of it; nothing for one that is not rejected.
    pub fn resubmit(&mut self, auth_id: &str, id: &str) -> Option<Option<CallbackTo>> {
        let campaign = self.tenants.get_mut(auth_id)?.campaigns.get_mut(id)?;
        (campaign.status == CampaignStatus::Failed).then(|| {
            campaign.status = CampaignStatus::Processing;
            campaign.resubmissions = campaign.resubmissions.saturating_add(1);
            campaign.to.clone()
        })
    }

    /// Deactivates a campaign; its numbers are free again.
    ///
    /// # Errors
    /// When there is none, or a number of it is under way.
    pub fn delete_campaign(&mut self, auth_id: &str, id: &str) -> Result<(), Refusal> {
        let campaign = self.tenant(auth_id).campaign(id)?;
        if let Some((number, _)) =
            campaign.numbers.iter().find(|(_, status)| **status == LinkStatus::Processing)
        {
            return Err(Refusal::state(format!("campaign {id} has a number in processing: {number}")));
        }
        let tenant = self.tenant_mut(auth_id);
        tenant.holders.retain(|_, holder| holder != id);
        let campaign = tenant.campaign_mut(id)?;
        campaign.status = CampaignStatus::Expired;
        let freed = std::mem::take(&mut campaign.numbers).len();
        self.entities -= freed;
        Ok(())
    }

    /// Takes a request to link numbers, all or none.
    ///
    /// # Errors
    /// When there is no such campaign, it is not registered, a number is under way, or the world is full.
    pub fn link(&mut self, auth_id: &str, id: &str, numbers: &[String]) -> Result<(), Refusal> {
        let campaign = self.tenant(auth_id).campaign(id)?;
        campaign.must_be_active()?;
        let mut new = 0;
        for number in numbers {
            match campaign.numbers.get(plain_number(number)) {
                Some(LinkStatus::Processing) => return Err(under_way(number)),
                Some(LinkStatus::Completed | LinkStatus::Failed) => {}
                None => new += 1,
            }
        }
        self.room_for(new)?;
        let campaign = self.tenant_mut(auth_id).campaign_mut(id)?;
        let added = numbers
            .iter()
            .filter(|number| campaign.numbers.put(plain_number(number), LinkStatus::Processing))
            .count();
        self.entities += added;
        Ok(())
    }

    /// Takes a request to unlink a number.
    ///
    /// # Errors
    /// When there is no such campaign, or the number is not linked to it.
    pub fn unlink(&mut self, auth_id: &str, id: &str, number: &str) -> Result<(), Refusal> {
        let campaign = self.tenant(auth_id).campaign(id)?;
        match campaign.numbers.get(plain_number(number)) {
            None => return Err(Refusal::NotFound(format!("number {number} in campaign {id}"))),
            Some(LinkStatus::Processing) => return Err(under_way(number)),
            Some(LinkStatus::Failed) => {
                return Err(Refusal::state(format!("number {number} is not linked to campaign {id}")));
            }
            Some(LinkStatus::Completed) => {}
        }
        let campaign = self.tenant_mut(auth_id).campaign_mut(id)?;
        campaign.numbers.put(plain_number(number), LinkStatus::Processing);
        Ok(())
    }

    fn fresh_id(&mut self, kind: char, taken: impl Fn(&Tenant, &str) -> bool, auth_id: &str) -> String {
        loop {
            let id = self.ids.entity(kind);
            if !taken(self.tenant(auth_id), &id) {
                return id;
            }
        }
    }
}

fn under_way(number: &str) -> Refusal {
    Refusal::state(format!("number {number} is being processed; wait until that request has ended"))
}

/// How much a campaign of this brand may send, if it may have one.
fn fitting_brand(tenant: &Tenant, new: &NewCampaign) -> Result<Throughput, Refusal> {
    let brand = tenant.brand(&new.brand_id)?;
    if brand.status != BrandStatus::Completed {
        return Err(Refusal::state(format!(
            "brand {} is not registered: its status is not COMPLETED",
            brand.id
        )));
    }
    match brand.brand_type {
        BrandType::Starter if new.usecase != "STARTER" => {
            Err(Refusal::state("a STARTER brand can only have campaigns of the usecase STARTER"))
        }
        BrandType::Starter => Ok(Throughput::SOLE),
        BrandType::Standard if new.usecase == "STARTER" => {
            Err(Refusal::state("a STANDARD brand cannot have campaigns of the usecase STARTER"))
        }
        BrandType::Standard if brand.vetting_score.is_some() => Ok(Throughput::TOP),
        BrandType::Standard => Ok(Throughput::LOW),
    }
}
