//! Every documented pair, in every spelling and place in which it may come.

use super::*;

/// One way of writing callbacks: names, and how ids, status and a word for the endpoint are put together.
struct Profile {
    name: &'static str,
    write: fn(Endpoint, &str) -> Request,
}

const PROFILES: [Profile; 6] = [
    Profile { name: "snake_case form", write: |endpoint, status| form(&snake(endpoint, status)) },
    Profile { name: "snake_case query", write: |endpoint, status| get(&snake(endpoint, status)) },
    Profile { name: "PascalCase form", write: |endpoint, status| form(&pascal(endpoint, status)) },
    Profile { name: "flat JSON", write: |endpoint, status| json(&flat(endpoint, status)) },
    Profile { name: "nested JSON", write: |endpoint, status| json(&nested(endpoint, status)) },
    Profile { name: "captions", write: |endpoint, status| form(&captions(endpoint, status)) },
];

fn snake(endpoint: Endpoint, status: &str) -> String {
    match endpoint {
        Endpoint::Brand => format!("brand_id=B1&status={status}"),
        Endpoint::Campaign => format!("brand_id=B1&campaign_id=C1&status={status}"),
        _ => format!("type={endpoint}&campaign_id=C1&number=14155550123&status={status}"),
    }
}

fn pascal(endpoint: Endpoint, status: &str) -> String {
    let status = status.to_uppercase();
    match endpoint {
        Endpoint::Brand => format!("Event=BrandStatus&BrandID=B1&Status={status}"),
        Endpoint::Campaign => {
            format!("Event=CampaignStatus&BrandID=B1&CampaignID=C1&CampaignStatus={status}")
        }
        Endpoint::NumberLinking => {
            format!("Event=NumberLinking&PhoneNumber=%2B14155550123&CampaignID=C1&Status={status}")
        }
        Endpoint::NumberUnlinking => {
            format!("Event=NumberUnlinking&PhoneNumber=+14155550123&CampaignID=C1&Status={status}")
        }
    }
}

fn flat(endpoint: Endpoint, status: &str) -> String {
    match endpoint {
        Endpoint::Brand => format!(r#"{{"brandId":"B1","registrationStatus":"{status}"}}"#),
        Endpoint::Campaign => {
            format!(r#"{{"campaignId":"C1","brandId":"B1","registrationStatus":"{status}"}}"#)
        }
        Endpoint::NumberLinking => {
            format!(r#"{{"number":14155550123,"campaignId":"C1","linkStatus":"{status}"}}"#)
        }
        Endpoint::NumberUnlinking => {
            format!(r#"{{"number":4155550123,"campaignId":"C1","unlinkStatus":"{status}"}}"#)
        }
    }
}

fn nested(endpoint: Endpoint, status: &str) -> String {
    match endpoint {
        Endpoint::Brand => format!(r#"{{"data":{{"brand":{{"id":"B1","status":"{status}"}}}}}}"#),
        Endpoint::Campaign => {
            format!(r#"{{"data":{{"brand":{{"id":"B1"}},"campaign":{{"id":"C1","status":"{status}"}}}}}}"#)
        }
        Endpoint::NumberLinking | Endpoint::NumberUnlinking => format!(
            r#"{{"data":{{"campaign":{{"id":"C1"}},"{endpoint}":{{"numbers":["(415) 555-0123"],"status":"{status}"}}}}}}"#
        ),
    }
}

fn captions(endpoint: Endpoint, status: &str) -> String {
    match endpoint {
        Endpoint::Brand => format!("brand_id=B1&status=Brand+{status}"),
        Endpoint::Campaign => format!("campaign_id=C1&brand_id=B1&status=Campaign+{status}"),
        Endpoint::NumberLinking => {
            format!("campaign_id=C1&number=14155550123&status=Number+linking+{status}")
        }
        Endpoint::NumberUnlinking => {
            format!("campaign_id=C1&number=14155550123&status=Number+unlinking+{status}")
        }
    }
}

fn assert_placed(context: &str, endpoint: Endpoint, status: Status, facts: &Facts) {
    assert_eq!(facts.endpoint, Some(endpoint), "{context}");
    assert_eq!(facts.status, Some(status), "{context}");
    assert_eq!(facts.unrecognized, None, "{context}");
    let entity = match endpoint {
        Endpoint::Brand => "B1",
        Endpoint::Campaign => "C1",
        Endpoint::NumberLinking | Endpoint::NumberUnlinking => "+14155550123",
    };
    assert_eq!(facts.entity(), Some(entity), "{context}");
}

#[test]
fn every_documented_pair_in_every_profile() {
    for Profile { name, write } in PROFILES {
        for endpoint in Endpoint::ALL {
            for status in endpoint.statuses() {
                let facts = facts(&write(endpoint, status.as_str()));
                assert_placed(&format!("{name}: {endpoint} {status}"), endpoint, status, &facts);
            }
        }
    }
}

#[test]
fn the_rest_vocabulary_in_every_profile() {
    let cases = [
        (Endpoint::Brand, "COMPLETED", Status::Registered),
        (Endpoint::Brand, "PROCESSING", Status::Created),
        (Endpoint::Brand, "FAILED", Status::Rejected),
        (Endpoint::Campaign, "ACTIVE", Status::Registered),
        (Endpoint::Campaign, "EXPIRED", Status::Rejected),
        (Endpoint::Campaign, "FAILED", Status::Rejected),
        (Endpoint::NumberLinking, "PROCESSING", Status::Created),
        (Endpoint::NumberLinking, "COMPLETED", Status::Success),
        (Endpoint::NumberLinking, "FAILED", Status::Failed),
        (Endpoint::NumberUnlinking, "COMPLETED", Status::Success),
        (Endpoint::NumberUnlinking, "rejected", Status::Failed),
        (Endpoint::Brand, "ON_HOLD", Status::Unknown),
        (Endpoint::NumberLinking, "ON_HOLD", Status::Unknown),
    ];
    for Profile { name, write } in PROFILES {
        for (endpoint, word, status) in cases {
            let facts = facts(&write(endpoint, word));
            assert_placed(&format!("{name}: {endpoint} {word}"), endpoint, status, &facts);
        }
    }
}

#[test]
fn the_status_is_kept_as_received() {
    assert_eq!(
        facts(&form("brand_id=B1&status=+Brand+Failed+")).provider_status.as_deref(),
        Some("Brand Failed")
    );
    let none = facts(&form("brand_id=B1"));
    assert_eq!((none.status, none.provider_status), (Some(Status::Unknown), None));
}

#[test]
fn reasons() {
    let reason = |body: &str| facts(&form(body)).reason;
    let case = |more: &str| reason(&format!("brand_id=B1&status=rejected&{more}"));
    assert_eq!(case("reason=EIN+mismatch&error_code=710").as_deref(), Some("EIN mismatch"));
    assert_eq!(case("error_code=710&RejectionReason=EIN").as_deref(), Some("EIN"));
    assert_eq!(case("ErrorCode=710").as_deref(), Some("710"));
    assert_eq!(case("reason=&error_code=null").as_deref(), None);
    assert_eq!(case("reasons=a&reasons=b").as_deref(), Some("a; b"));
    let nested = json(
        r#"{"campaign":{"id":"C1","status":"rejected","error":{"code":9,"message":"no opt-in"}},"brand":{"reason":"x"}}"#,
    );
    assert_eq!(facts(&nested).reason.as_deref(), Some("no opt-in"));
}

#[test]
fn long_values_are_bounded() {
    let long = "é".repeat(10_000);
    let facts = facts(&form(&format!("brand_id={long}&status={long}&reason={long}")));
    assert_eq!(facts.brand_id.map(|id| id.chars().count()), Some(256));
    assert_eq!(facts.provider_status.map(|status| status.chars().count()), Some(256));
    assert_eq!(facts.reason.map(|reason| reason.chars().count()), Some(2_048));
    assert_eq!(facts.status, Some(Status::Unknown));
}
