//! Whatever requests come, in whatever order and at whatever times: every one owes what it must, and no more.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::sim::notice::{Endpoint, Method, Status};
use crate::sim::world::{Attributes, BrandType};

const MOST: usize = 12;

#[derive(Debug, Clone)]
enum Act {
    CreateBrand {
        told: bool,
    },
    DeleteBrand(usize),
    /// So many brands, each deleted at once.
    Churn(u8),
    CreateCampaign {
        brand: usize,
        told: bool,
    },
    Import(u8),
    Update(usize),
    DeleteCampaign(usize),
    Link {
        campaign: usize,
        numbers: Vec<u8>,
    },
    Unlink {
        campaign: usize,
        number: u8,
    },
    Wait(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => any::<bool>().prop_map(|told| Act::CreateBrand { told }),
        1 => (0..3_usize).prop_map(Act::DeleteBrand),
        1 => (1..40_u8).prop_map(Act::Churn),
        2 => (0..2_usize, any::<bool>()).prop_map(|(brand, told)| Act::CreateCampaign { brand, told }),
        1 => (0..3_u8).prop_map(Act::Import),
        2 => (0..3_usize).prop_map(Act::Update),
        1 => (0..3_usize).prop_map(Act::DeleteCampaign),
        4 => (0..3_usize, prop::collection::vec(0..3_u8, 1..3))
            .prop_map(|(campaign, numbers)| Act::Link { campaign, numbers }),
        4 => (0..3_usize, 0..3_u8).prop_map(|(campaign, number)| Act::Unlink { campaign, number }),
        4 => (0..9_000_u16).prop_map(Act::Wait),
        2 => Just(Act::Wait(u16::MAX)),
    ]
}

/// A Plivo, its clock, and what it has owed so far.
struct Run {
    plivo: Plivo,
    account: Arc<Account>,
    now: Duration,
    notices: Vec<Notice>,
}

impl Run {
    fn new(rate: f64) -> Self {
        let outcomes = Outcomes {
            brand_rate: rate / 2.0,
            campaign_rate: rate,
            link_rate: rate,
            unlink_rate: rate,
            ..Outcomes::default()
        };
        let behaviour = Behaviour { seed: 5, delays: Delays::DEFAULT, outcomes, max_entities: MOST };
        let account = Account { auth_id: "MAX".to_owned(), token: "t".to_owned(), main: None };
        Run {
            plivo: Plivo::new(behaviour),
            account: Arc::new(account),
            now: Duration::ZERO,
            notices: Vec::new(),
        }
    }

    fn brand(&self, nth: usize) -> String {
        let brands = &self.plivo.world().tenant("MAX").brands;
        brands.iter().nth(nth).map_or("BNONE", |(id, _)| id).to_owned()
    }

    fn campaign(&self, nth: usize) -> String {
        let campaigns = &self.plivo.world().tenant("MAX").campaigns;
        campaigns.iter().nth(nth).map_or("CNONE", |(id, _)| id).to_owned()
    }

    fn act(&mut self, act: &Act) {
        let (account, now) = (Arc::clone(&self.account), self.now);
        // Refusals are answers too; what matters is what is owed afterwards.
        let _ = match act {
            Act::CreateBrand { told } => self.plivo.create_brand(&account, brand(*told), now).map(drop),
            Act::DeleteBrand(nth) => self.plivo.delete_brand(&account, &self.brand(*nth)),
            Act::Churn(times) => (0..*times).try_for_each(|_| {
                let id = self.plivo.create_brand(&account, brand(false), now)?;
                self.plivo.delete_brand(&account, &id)
            }),
            Act::CreateCampaign { brand, told } => {
                let new = campaign(self.brand(*brand), *told);
                self.plivo.create_campaign(&account, new, now).map(drop)
            }
            Act::Import(id) => {
                self.plivo.import_campaign(&account, &format!("CI{id}"), "alias".to_owned(), to(true), now)
            }
            Act::Update(nth) => {
                let id = self.campaign(*nth);
                self.plivo.update_campaign(&account, &id, Texts::default(), now, |_| ())
            }
            Act::DeleteCampaign(nth) => self.plivo.delete_campaign(&account, &self.campaign(*nth)),
            Act::Link { campaign, numbers } => {
                let mut numbers: Vec<_> = numbers.iter().map(|digit| format!("1415555010{digit}")).collect();
                numbers.sort();
                numbers.dedup();
                self.plivo.link(&account, &self.campaign(*campaign), &numbers, to(true), now)
            }
            Act::Unlink { campaign, number } => {
                let (id, number) = (self.campaign(*campaign), format!("+1415555010{number}"));
                self.plivo.unlink(&account, &id, &number, to(true), now)
            }
            Act::Wait(millis) => {
                self.now += Duration::from_millis(u64::from(*millis));
                Ok(())
            }
        };
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(step) = self.plivo.step(self.now) {
            self.notices.extend(step.notice);
        }
    }
}

fn to(told: bool) -> Option<CallbackTo> {
    told.then(|| CallbackTo { url: "https://x.example/".to_owned(), method: Method::Post })
}

fn brand(told: bool) -> NewBrand {
    NewBrand {
        alias: if told { "told" } else { "silent" }.to_owned(),
        brand_type: BrandType::Standard,
        profile_uuid: "p".to_owned(),
        secondary_vetting: false,
        to: to(told),
    }
}

fn campaign(brand_id: String, told: bool) -> NewCampaign {
    NewCampaign {
        brand_id,
        vertical: "RETAIL".to_owned(),
        usecase: "MIXED".to_owned(),
        sub_usecases: Vec::new(),
        texts: Texts::default(),
        attributes: Attributes::default(),
        to: to(told),
    }
}

/// Whether an entity's callbacks make sense in this order: `created` comes first, and an end follows a `created`, or,
/// for a campaign that was submitted again, a rejection.
fn is_a_life(endpoint: Endpoint, statuses: &[Status]) -> bool {
    let mut before = None;
    statuses.iter().all(|status| {
        let fits = match (status, before) {
            (Status::Created, None) => true,
            (Status::Created, Some(_)) => {
                matches!(endpoint, Endpoint::NumberLinking | Endpoint::NumberUnlinking)
            }
            (_, Some(Status::Created)) => true,
            (_, Some(Status::Rejected)) => endpoint == Endpoint::Campaign,
            (_, _) => false,
        };
        before = Some(*status);
        fits
    })
}

proptest! {
    #[test]
    fn every_life_makes_sense_and_all_stays_within_its_bounds(
        acts in prop::collection::vec(act(), 1..80),
        rate in prop_oneof![Just(0.0), 0.0..1.0_f64],
    ) {
        let mut run = Run::new(rate);
        let registered = [Act::CreateBrand { told: true }, Act::Wait(u16::MAX)];
        let active = [Act::CreateCampaign { brand: 0, told: true }, Act::Wait(u16::MAX)];
        for act in registered.iter().chain(&active).chain(&acts) {
            run.act(act);
            prop_assert!(run.plivo.world().entities() <= MOST);
            prop_assert!(run.plivo.waiting() <= 4 * MOST);
        }
        run.act(&Act::Wait(u16::MAX));
        prop_assert_eq!(run.plivo.waiting(), 0, "every request ends");

        let tenant = run.plivo.world().tenant("MAX");
        let numbers: usize = tenant.campaigns.iter().map(|(_, campaign)| campaign.numbers.len()).sum();
        prop_assert_eq!(run.plivo.world().entities(), tenant.brands.len() + tenant.campaigns.len() + numbers);

        let mut lives: HashMap<_, Vec<Status>> = HashMap::new();
        for (index, notice) in run.notices.iter().enumerate() {
            prop_assert_eq!(notice.number, index as u64 + 1);
            prop_assert_eq!(notice.reason.is_some(), matches!(notice.status, Status::Rejected | Status::Failed));
            let campaign = notice.campaign_id.clone();
            let key = match notice.endpoint {
                Endpoint::Brand => (notice.endpoint, notice.brand_id.clone(), None),
                _ => (notice.endpoint, campaign, notice.phone_number.clone()),
            };
            lives.entry(key).or_default().push(notice.status);
        }
        for ((endpoint, entity, _), statuses) in &lives {
            prop_assert!(is_a_life(*endpoint, statuses), "{:?} {:?} {:?}", endpoint, entity, statuses);
        }
    }

    #[test]
    fn the_same_seed_and_requests_owe_the_same(acts in prop::collection::vec(act(), 1..40)) {
        let [first, second] = [(); 2].map(|()| {
            let mut run = Run::new(0.5);
            acts.iter().for_each(|act| run.act(act));
            run.act(&Act::Wait(u16::MAX));
            run.notices
        });
        prop_assert_eq!(first, second);
    }
}

#[test]
fn nobody_is_told_who_gave_no_url_and_the_state_changes_all_the_same() {
    let mut run = Run::new(0.0);
    run.act(&Act::CreateBrand { told: false });
    run.act(&Act::Wait(u16::MAX));
    assert_eq!(run.notices, []);
    let brands = &run.plivo.world().tenant("MAX").brands;
    assert_eq!(brands.iter().next().unwrap().1.status, crate::sim::world::BrandStatus::Completed);
}
