//! The whole of it without sockets and without a clock: requests in, notices out.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::life::{Delays, Outcomes, Schedule, Stage, Step, Taken};
use super::notice::{Account, Notice};
use super::world::{
    CallbackTo, Campaign, Company, NewBrand, NewCampaign, Refusal, Seed, SeedError, Subject, Texts, Told,
    World,
};

/// How a simulated Plivo behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Ids and chance.
    pub seed: u64,
    /// How long steps take.
    pub delays: Delays,
    /// How requests end.
    pub outcomes: Outcomes,
    /// At most this many brands, campaigns and links.
    pub max_entities: usize,
}

/// A step that fell due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The request's number: its steps have it in common.
    pub turn: u64,
    /// What is owed for it; nothing where nobody asked to be told, or what it was about is gone.
    pub notice: Option<Notice>,
}

/// A simulated Plivo.
#[derive(Debug)]
pub struct Plivo {
    world: World,
    behaviour: Behaviour,
    profiles: HashMap<String, Company>,
    schedule: Schedule<Step>,
    /// Requests taken so far.
    taken: u64,
    owed: u64,
}

impl Plivo {
    /// One that knows nobody yet.
    pub fn new(behaviour: Behaviour) -> Self {
        Plivo {
            world: World::new(behaviour.seed, behaviour.max_entities),
            behaviour,
            profiles: HashMap::new(),
            schedule: Schedule::default(),
            taken: 0,
            owed: 0,
        }
    }

    /// Puts the entities and profiles of a file in.
    ///
    /// # Errors
    /// The first entity that cannot be had.
    pub fn plant(
        &mut self,
        seed: &Seed,
        default: &str,
        known: impl Fn(&str) -> bool,
    ) -> Result<(), SeedError> {
        for profile in &seed.profiles {
            self.profiles.insert(profile.profile_uuid.clone(), profile.company.clone());
        }
        self.world.plant(seed, default, known)
    }

    /// What it knows.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// An id for a request.
    pub fn request_id(&mut self) -> String {
        self.world.request_id()
    }

    /// Takes a request for a brand; its id.
    ///
    /// # Errors
    /// As [`World::create_brand`].
    pub fn create_brand(
        &mut self,
        account: &Arc<Account>,
        new: NewBrand,
        now: Duration,
    ) -> Result<String, Refusal> {
        self.room_to_wait(1)?;
        let company = self.profiles.get(&new.profile_uuid).cloned();
        let to = new.to.clone();
        let brand = self.world.create_brand(&account.auth_id, new, company)?;
        self.take(account, Subject::Brand { brand: brand.clone() }, to, now);
        Ok(brand)
    }

    /// Takes a brand off.
    ///
    /// # Errors
    /// As [`World::delete_brand`].
    pub fn delete_brand(&mut self, account: &Account, id: &str) -> Result<(), Refusal> {
        self.world.delete_brand(&account.auth_id, id)
    }

    /// Takes a request for a campaign; its id.
    ///
    /// # Errors
    /// As [`World::create_campaign`].
    pub fn create_campaign(
        &mut self,
        account: &Arc<Account>,
        new: NewCampaign,
        now: Duration,
    ) -> Result<String, Refusal> {
        self.room_to_wait(1)?;
        let to = new.to.clone();
        let campaign = self.world.create_campaign(&account.auth_id, new)?;
        self.take(account, Subject::Campaign { campaign: campaign.clone() }, to, now);
        Ok(campaign)
    }

    /// Takes a campaign over.
    ///
    /// # Errors
    /// As [`World::import_campaign`].
    pub fn import_campaign(
        &mut self,
        account: &Arc<Account>,
        id: &str,
        alias: String,
        to: Option<CallbackTo>,
        now: Duration,
    ) -> Result<(), Refusal> {
        self.room_to_wait(1)?;
        self.world.import_campaign(&account.auth_id, id, alias, to.clone())?;
        self.take(account, Subject::Campaign { campaign: id.to_owned() }, to, now);
        Ok(())
    }

    /// Mends a campaign, shows it as it then is, and submits a rejected one anew: Plivo's answer still says FAILED.
    ///
    /// # Errors
    /// As [`World::update_campaign`].
    pub fn update_campaign<T>(
        &mut self,
        account: &Arc<Account>,
        id: &str,
        texts: Texts,
        now: Duration,
        show: impl FnOnce(&Campaign) -> T,
    ) -> Result<T, Refusal> {
        self.room_to_wait(1)?;
        let shown = show(self.world.update_campaign(&account.auth_id, id, texts)?);
        if let Some(to) = self.world.resubmit(&account.auth_id, id) {
            let subject = Subject::Campaign { campaign: id.to_owned() };
            self.put(account, subject, to, true, now);
        }
        Ok(shown)
    }

    /// Deactivates a campaign.
    ///
    /// # Errors
    /// As [`World::delete_campaign`].
    pub fn delete_campaign(&mut self, account: &Account, id: &str) -> Result<(), Refusal> {
        self.world.delete_campaign(&account.auth_id, id)
    }

    /// Takes a request to link these numbers, each of which is a request of its own from then on.
    ///
    /// # Errors
    /// As [`World::link`].
    pub fn link(
        &mut self,
        account: &Arc<Account>,
        campaign: &str,
        numbers: &[String],
        to: Option<CallbackTo>,
        now: Duration,
    ) -> Result<(), Refusal> {
        self.room_to_wait(numbers.len())?;
        self.world.link(&account.auth_id, campaign, numbers)?;
        for number in numbers {
            let subject = Subject::Link { campaign: campaign.to_owned(), number: number.clone() };
            self.take(account, subject, to.clone(), now);
        }
        Ok(())
    }

    /// Takes a request to unlink a number.
    ///
    /// # Errors
    /// As [`World::unlink`].
    pub fn unlink(
        &mut self,
        account: &Arc<Account>,
        campaign: &str,
        number: &str,
        to: Option<CallbackTo>,
        now: Duration,
    ) -> Result<(), Refusal> {
        self.room_to_wait(1)?;
        self.world.unlink(&account.auth_id, campaign, number)?;
        let subject = Subject::Unlink { campaign: campaign.to_owned(), number: number.to_owned() };
        self.take(account, subject, to, now);
        Ok(())
    }

    /// Takes the next step that is due by `now`.
    pub fn step(&mut self, now: Duration) -> Option<Due> {
        let step = self.schedule.take_due(now)?;
        let auth_id = &step.account.auth_id;
        let told = match step.stage {
            Stage::Begun => self.world.begun(auth_id, &step.subject),
            Stage::Ended => {
                let Behaviour { seed, outcomes, .. } = &self.behaviour;
                let tenant = self.world.tenant(auth_id);
                let verdict = outcomes.verdict(*seed, tenant, &step.subject, step.turn);
                self.world.end(auth_id, &step.subject, verdict)
            }
        };
        let notice = told.zip(step.to).map(|(told, to)| self.notice(step.account, told, to));
        Some(Due { turn: step.turn, notice })
    }

    /// When the next step is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.schedule.next_due()
    }

    /// How many steps wait.
    pub fn waiting(&self) -> usize {
        self.schedule.len()
    }

    /// Deleted brands leave their steps behind until these are due, so that entities alone bound nothing.
    fn room_to_wait(&self, requests: usize) -> Result<(), Refusal> {
        let most = self.behaviour.max_entities.saturating_mul(4);
        let wanted = requests.saturating_mul(2).saturating_add(self.schedule.len());
        if wanted > most { Err(Refusal::Full) } else { Ok(()) }
    }

    fn take(&mut self, account: &Arc<Account>, subject: Subject, to: Option<CallbackTo>, now: Duration) {
        self.put(account, subject, to, false, now);
    }

    fn put(
        &mut self,
        account: &Arc<Account>,
        subject: Subject,
        to: Option<CallbackTo>,
        again: bool,
        now: Duration,
    ) {
        self.taken += 1;
        let taken = Taken { account: Arc::clone(account), subject, to, again, turn: self.taken };
        for (delay, step) in taken.steps(&self.behaviour.delays) {
            self.schedule.put(now.saturating_add(delay), step);
        }
    }

    fn notice(&mut self, account: Arc<Account>, told: Told, to: CallbackTo) -> Notice {
        self.owed += 1;
        let Told { endpoint, status, brand_id, campaign_id, phone_number, reason } = told;
        let CallbackTo { url, method } = to;
        Notice {
            number: self.owed,
            account,
            endpoint,
            status,
            brand_id,
            campaign_id,
            phone_number,
            reason,
            url,
            method,
        }
    }
}
