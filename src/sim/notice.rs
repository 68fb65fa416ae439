//! A callback that is owed to a customer: what both sides of the simulator speak of.

use std::fmt;
use std::sync::Arc;

/// An account as Plivo knows it: who signs.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The auth id: `MA…`, or `SA…` for a sub-account.
    pub auth_id: String,
    /// The auth token, which signs.
    pub token: String,
    /// The main account of a sub-account; its token signs the `Ma-` headers.
    pub main: Option<Arc<Account>>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("auth_id", &self.auth_id).finish_non_exhaustive()
    }
}

/// What a callback is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// A brand's registration.
    Brand,
    /// A campaign's registration.
    Campaign,
    /// A number's link to a campaign.
    NumberLinking,
    /// A number's unlinking.
    NumberUnlinking,
}

/// The step that it tells of, in the words of Plivo's callbacks page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// The request was taken.
    Created,
    /// A brand or campaign was registered.
    Registered,
    /// A brand or campaign was rejected.
    Rejected,
    /// A number was linked or unlinked.
    Success,
    /// It was not.
    Failed,
}

/// How the callback is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// Parameters in the body.
    Post,
}

/// One callback that is owed to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Counts from 1, in the order in which they came to be owed.
    pub number: u64,
    /// Whose request it was.
    pub account: Arc<Account>,
    /// What it is about.
    pub endpoint: Endpoint,
    /// The step.
    pub status: Status,
    /// The brand, where there is one.
    pub brand_id: Option<String>,
    /// The campaign, where there is one.
    pub campaign_id: Option<String>,
    /// The phone number, as the request named it.
    pub phone_number: Option<String>,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
    /// Where to, as the customer's request gave it.
    pub url: String,
    /// How, as the customer's request said.
    pub method: Method,
}
