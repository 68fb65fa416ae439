//! What the simulator's own tests begin with.

use std::sync::Arc;

use crate::sim::content::{Content, FORM};
use crate::sim::ledger::{Delivery, Label, Outcome};
use crate::sim::notice::{Account, Endpoint, Method, Notice, Status};
use crate::sim::profile::Profile;

/// A sub-account of a main account.
pub fn account() -> Arc<Account> {
    let main = Account { auth_id: "MAMAIN".into(), token: "t0ken-main".into(), main: None };
    Arc::new(Account { auth_id: "SASUB".into(), token: "t0ken-sub".into(), main: Some(Arc::new(main)) })
}

/// A notice about the brand, campaign or number of this number.
pub fn notice(number: u64, endpoint: Endpoint, status: Status) -> Notice {
    let is = |wanted: bool, text: String| wanted.then_some(text);
    Notice {
        number,
        account: account(),
        endpoint,
        status,
        brand_id: is(endpoint == Endpoint::Brand, format!("B{number}")),
        campaign_id: is(endpoint != Endpoint::Brand, format!("C{number}")),
        phone_number: is(endpoint.is_of_number(), format!("+1415555{number:04}")),
        reason: is(status == endpoint.bad(), format!("reason {number}")),
        url: format!("https://relay.example.com/tendlc_status/{}/", endpoint.word()),
        method: Method::Post,
    }
}

/// A delivery of that notice's number, delivered, without any attempt yet.
pub fn delivery(number: u64, label: Label) -> Delivery {
    let notice = notice(number, Endpoint::Brand, Status::Created);
    let body = format!("brand_id=B{number}&status=created");
    Delivery {
        number,
        copy: 0,
        label,
        account: notice.account.auth_id.clone(),
        endpoint: notice.endpoint.word().to_owned(),
        entity: notice.entity().to_owned(),
        status: notice.status.word().to_owned(),
        method: notice.method.word().to_owned(),
        url: notice.url.clone(),
        means: Profile::built_in("snake").unwrap().meaning(&notice),
        parameters: Content::of_request(&notice.url, Some(FORM), body.as_bytes()),
        body_bytes: body.len(),
        attempts: Vec::new(),
        outcome: Outcome::Delivered,
    }
}
