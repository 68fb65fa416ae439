//! Requests and verdicts, one after another.

use super::*;
use crate::sim::notice::Status;

const WHO: &str = "MATEST00000000000000";

fn brand(alias: &str, brand_type: BrandType) -> NewBrand {
    NewBrand {
        alias: alias.to_owned(),
        brand_type,
        profile_uuid: "201faedc-7df9-4840-9ab1-3997ce3f7cf4".to_owned(),
        secondary_vetting: true,
        to: None,
    }
}

fn campaign(brand_id: &str, usecase: &str) -> NewCampaign {
    NewCampaign {
        brand_id: brand_id.to_owned(),
        vertical: "INSURANCE".to_owned(),
        usecase: usecase.to_owned(),
        sub_usecases: Vec::new(),
        texts: Texts::default(),
        attributes: Attributes::default(),
        to: None,
    }
}

fn number(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// A world with a registered brand and an active campaign.
fn registered() -> (World, String) {
    let mut world = World::new(1, 100);
    let brand_id = world.create_brand(WHO, brand("acme", BrandType::Standard), None).unwrap();
    world.end(WHO, &Subject::Brand { brand: brand_id.clone() }, Verdict::Good).unwrap();
    let id = world.create_campaign(WHO, campaign(&brand_id, "MIXED")).unwrap();
    world.end(WHO, &Subject::Campaign { campaign: id.clone() }, Verdict::Good).unwrap();
    (world, id)
}

fn link(campaign: &str, number: &str) -> Subject {
    Subject::Link { campaign: campaign.to_owned(), number: number.to_owned() }
}

fn unlink(campaign: &str, number: &str) -> Subject {
    Subject::Unlink { campaign: campaign.to_owned(), number: number.to_owned() }
}

#[test]
fn a_campaign_waits_for_its_brand() {
    let mut world = World::new(1, 100);
    let id = world.create_brand(WHO, brand("acme", BrandType::Starter), None).unwrap();
    let error = world.create_campaign(WHO, campaign(&id, "STARTER")).unwrap_err();
    assert!(error.to_string().contains("not COMPLETED"), "{error}");
    let told = world.end(WHO, &Subject::Brand { brand: id.clone() }, Verdict::Good).unwrap();
    assert_eq!(told.brand_id.as_deref(), Some(id.as_str()));
    let error = world.create_campaign(WHO, campaign(&id, "MIXED")).unwrap_err();
    assert!(error.to_string().contains("STARTER"), "{error}");
    assert!(world.create_campaign(WHO, campaign(&id, "STARTER")).is_ok());
    assert!(matches!(world.create_campaign(WHO, campaign("BNONE", "MIXED")), Err(Refusal::NotFound(_))));
    assert!(matches!(world.delete_brand(WHO, &id), Err(Refusal::State(_))), "its campaign lives");
}

#[test]
fn a_rejected_campaign_is_mended_and_submitted_again() {
    let (mut world, id) = registered();
    let subject = Subject::Campaign { campaign: id.clone() };
    let error = world.update_campaign(WHO, &id, Texts::default()).unwrap_err();
    assert!(error.to_string().contains("FAILED"), "an active one is as it is: {error}");
    assert_eq!(world.resubmit(WHO, &id), None);
    let brand_id = world.tenant(WHO).campaign(&id).unwrap().brand_id.clone();
    let other = world.create_campaign(WHO, campaign(&brand_id, "2FA")).unwrap();
    let subject_of_other = Subject::Campaign { campaign: other.clone() };
    let told = world.end(WHO, &subject_of_other, Verdict::Bad("no opt-in".to_owned())).unwrap();
    assert_eq!((told.status, told.reason.as_deref()), (Status::Rejected, Some("no opt-in")));
    let texts = Texts { sample1: "new".to_owned(), ..Texts::default() };
    assert_eq!(world.update_campaign(WHO, &other, texts).unwrap().texts.sample1, "new");
    assert_eq!(world.resubmit(WHO, &other), Some(None));
    assert!(world.end(WHO, &subject_of_other, Verdict::Good).is_some());
    assert_eq!(world.end(WHO, &subject, Verdict::Good), None, "nothing of that one was under way");
}

#[test]
fn a_number_is_linked_once_and_can_move() {
    let (mut world, first) = registered();
    let brand_id = world.tenant(WHO).campaign(&first).unwrap().brand_id.clone();
    let second = world.create_campaign(WHO, campaign(&brand_id, "MIXED")).unwrap();
    world.end(WHO, &Subject::Campaign { campaign: second.clone() }, Verdict::Good).unwrap();

    world.link(WHO, &first, &number("+14155550100")).unwrap();
    let error = world.link(WHO, &first, &number("14155550100")).unwrap_err();
    assert!(error.to_string().contains("being processed"), "{error}");
    assert!(matches!(world.delete_campaign(WHO, &first), Err(Refusal::State(_))));
    world.end(WHO, &link(&first, "+14155550100"), Verdict::Good).unwrap();

    world.link(WHO, &first, &number("14155550100")).unwrap();
    let told = world.end(WHO, &link(&first, "14155550100"), Verdict::Bad("chance".to_owned())).unwrap();
    assert_eq!((told.status, told.reason), (Status::Success, None), "it is linked as it was");

    world.link(WHO, &second, &number("14155550100")).unwrap();
    let told = world.end(WHO, &link(&second, "14155550100"), Verdict::Good).unwrap();
    assert_eq!(told.status, Status::Failed, "it is the first one's");
    assert!(told.reason.unwrap().contains(&first));

    world.unlink(WHO, &first, "14155550100").unwrap();
    world.end(WHO, &unlink(&first, "14155550100"), Verdict::Bad("no".to_owned())).unwrap();
    world.unlink(WHO, &first, "14155550100").unwrap();
    let told = world.end(WHO, &unlink(&first, "14155550100"), Verdict::Good).unwrap();
    assert_eq!(told.brand_id, Some(brand_id), "what an unlink tells is known before the number is gone");
    assert!(matches!(world.unlink(WHO, &first, "14155550100"), Err(Refusal::NotFound(_))));

    world.link(WHO, &second, &number("14155550100")).unwrap();
    let told = world.end(WHO, &link(&second, "14155550100"), Verdict::Good).unwrap();
    assert_eq!(told.status, Status::Success);
}

#[test]
fn a_link_of_many_is_taken_whole_or_not_at_all() {
    let (mut world, id) = registered();
    world.link(WHO, &id, &number("14155550100")).unwrap();
    let before = world.entities();
    let numbers = ["14155550101", "14155550100"].map(str::to_owned);
    assert!(world.link(WHO, &id, &numbers).is_err());
    assert_eq!(world.entities(), before);
    assert!(world.tenant(WHO).campaign(&id).unwrap().numbers.get("14155550101").is_none());
}

#[test]
fn a_full_world_says_so() {
    let mut world = World::new(1, 2);
    for _ in 0..2 {
        world.create_brand(WHO, brand("acme", BrandType::Starter), None).unwrap();
    }
    assert_eq!(world.create_brand(WHO, brand("acme", BrandType::Starter), None), Err(Refusal::Full));
    let first = world.tenant(WHO).brands.iter().next().unwrap().0.to_owned();
    world.delete_brand(WHO, &first).unwrap();
    assert!(world.create_brand(WHO, brand("acme", BrandType::Starter), None).is_ok());
}

#[test]
fn accounts_do_not_see_each_other() {
    let (world, id) = registered();
    assert!(world.tenant(WHO).campaign(&id).is_ok());
    assert!(world.tenant("MAOTHER0000000000000").campaign(&id).is_err());
}
