//! Plivo's words for what a campaign is for.

use serde_json::{Value, json};

use crate::sim::world::BrandType;

/// What Plivo takes for a campaign of a standard brand, and does not list: its page about requests for campaigns has it,
/// as have campaigns in the recorded exchanges, and the recorded answer to `usecases/` has not.
const UNLISTED: &str = "2FA";

/// What Plivo lists for a standard brand: code, name and details, to the letter as recorded.
const STANDARD: [(&str, &str, &str); 11] = [
    (
        "ACCOUNT_NOTIFICATION",
        "Account Notification",
        "Notification sent to account holders about changes in accounts",
    ),
    (
        "CUSTOMER_CARE",
        "Customer Care",
        "Customer care interactions by the support and other customer-facing teams",
    ),
    ("DELIVERY_NOTIFICATION", "Delivery Notification", "Updates about the delivery of products and services"),
    ("FRAUD_ALERT", "Fraud Alert", "Notifications of suspicious behavior identified the business"),
    (
        "HIGHER_EDUCATION",
        "Higher Education",
        "Messages sent by colleges, universities, and other educational institutions",
    ),
    (
        "LOW_VOLUME",
        "Low Volume",
        "A combination of two to five standard usage cases - for low throughput requirements",
    ),
    ("MARKETING", "Marketing", "Communications related to time-bound events and sales"),
    ("MIXED", "Mixed", "A combination of two to five standard usage cases"),
    (
        "POLLING_VOTING",
        "Polling Voting",
        "Surveys, polling, and voting campaigns used for non-political purposes",
    ),
    (
        "PUBLIC_SERVICE_ANNOUNCEMENT",
        "Public Service Announcement",
        "Messages aimed at creating awareness about important topics",
    ),
    (
        "SECURITY_ALERT",
        "Security Alert",
        "Notifications that alert users about a potential breach of systems",
    ),
];

/// And for a starter brand, whose campaigns can be nothing else, as that page says; no such list was recorded.
const STARTER: [(&str, &str, &str); 1] =
    [("STARTER", "Starter", "A combination of standard usage cases for a starter brand")];

/// Every industry that Plivo takes.
pub(super) const VERTICALS: [&str; 23] = [
    "PROFESSIONAL",
    "REAL_ESTATE",
    "HEALTHCARE",
    "HUMAN_RESOURCES",
    "ENERGY",
    "ENTERTAINMENT",
    "RETAIL",
    "TRANSPORTATION",
    "AGRICULTURE",
    "INSURANCE",
    "POSTAL",
    "EDUCATION",
    "HOSPITALITY",
    "FINANCIAL",
    "POLITICAL",
    "GAMBLING",
    "LEGAL",
    "CONSTRUCTION",
    "NGO",
    "MANUFACTURING",
    "GOVERNMENT",
    "TECHNOLOGY",
    "COMMUNICATION",
];

/// Every code that a request may have.
pub(super) fn codes() -> Vec<&'static str> {
    let listed = STANDARD.iter().chain(&STARTER).map(|(code, ..)| *code);
    std::iter::once(UNLISTED).chain(listed).collect()
}

/// Every code that a combination may be of: by their details the others are combinations themselves.
pub(super) fn parts() -> Vec<&'static str> {
    codes().into_iter().filter(|code| !["LOW_VOLUME", "MIXED", "STARTER"].contains(code)).collect()
}

/// What is listed for a brand of this type.
pub(super) fn of(brand_type: BrandType) -> Value {
    let table: &[_] = match brand_type {
        BrandType::Standard => &STANDARD,
        BrandType::Starter => &STARTER,
    };
    let shown = |(code, name, details): &(&str, &str, &str)| json!({ "name": name, "code": code, "details": details });
    table.iter().map(shown).collect()
}
