//! Tests of the whole stage.

mod detection;
mod events;
mod fingerprints;
mod properties;
mod validator;
mod vocabularies;

use bytes::Bytes;

use super::{Facts, NormalizeConfig, NormalizedCallback, Normalizer, Unrecognized};
use crate::callback::{
    Covers, KeyOwner, Method, Request, Verdict, VerificationScheme, VerifiedCallback, VerifiedParts,
};
use crate::event::{Endpoint, EventId, Stamp, Status, Timestamp, Transition};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn request(method: Method, target: &str, content_type: Option<&str>, body: impl Into<Bytes>) -> Request {
    Request {
        method,
        target: target.into(),
        content_type: content_type.map(Into::into),
        content_encoding: None,
        body: body.into(),
    }
}

fn form(body: &str) -> Request {
    request(Method::Post, "/tendlc_status/", Some(FORM), body.to_owned())
}

fn json(body: &str) -> Request {
    request(Method::Post, "/tendlc_status/", Some(JSON), body.to_owned())
}

fn get(query: &str) -> Request {
    request(Method::Get, &format!("/tendlc_status/?{query}"), None, "")
}

fn facts_on(route: Option<Endpoint>, request: &Request) -> Facts {
    Normalizer::new(&NormalizeConfig::default()).unwrap().facts(request, route, None)
}

fn facts(request: &Request) -> Facts {
    facts_on(None, request)
}

fn verdict() -> Verdict {
    Verdict {
        scheme: VerificationScheme::V2,
        key: Some(KeyOwner::Account),
        account: "acme".into(),
        auth_id: "MAXXXXXXXXXXXXXXXXXX".into(),
        covers: Covers::Url,
    }
}

fn normalized(config: &NormalizeConfig, request: Request) -> NormalizedCallback {
    let parts = VerifiedParts {
        request,
        verdict: verdict(),
        route_endpoint: None,
        tag: Some("tenant-7".into()),
        signatures: vec![[7; 32]],
    };
    Normalizer::new(config).unwrap().normalize(VerifiedCallback::for_tests(parts))
}

fn stamp() -> Stamp {
    Stamp {
        sequence: 42,
        id: EventId::new(&[1; 32], 0),
        received_at: Timestamp::from_millis(1_795_526_055_016),
        occurrence: 0,
        previous_status: Some(Status::Created),
        transition: Some(Transition::Advanced),
        revision: 0,
    }
}

fn unplaced(facts: &Facts) -> Option<Unrecognized> {
    assert_eq!(facts.endpoint.is_none(), facts.unrecognized.is_some());
    facts.unrecognized
}
