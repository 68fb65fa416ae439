//! Whatever comes, the stage answers, and the same way each time.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::validator::problems;
use super::*;
use crate::normalize::schema::schema;
use crate::normalize::{event, names};

/// Names that mean something, among others that do not.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("brand_id".to_owned()),
        Just("CampaignID".to_owned()),
        Just("number".to_owned()),
        Just("data.status".to_owned()),
        Just("type".to_owned()),
        Just("reason".to_owned()),
        any::<String>(),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("registered".to_owned()),
        Just("Brand failed".to_owned()),
        Just("number.unlinked".to_owned()),
        Just("+1 415 555 0123".to_owned()),
        any::<String>(),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((name(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn pairs() -> impl Strategy<Value = String> {
    vec((name(), word()), 0..12)
        .prop_map(|pairs| form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

fn body() -> impl Strategy<Value = (Option<String>, Vec<u8>)> {
    prop_oneof![
        pairs().prop_map(|form| (Some(FORM.to_owned()), form.into_bytes())),
        document().prop_map(|document| (Some(JSON.to_owned()), document.to_string().into_bytes())),
        (
            prop_oneof![Just(Some(FORM.to_owned())), Just(Some(JSON.to_owned())), any::<Option<String>>()],
            vec(any::<u8>(), 0..200)
        ),
    ]
}

fn any_request() -> impl Strategy<Value = Request> {
    let target = prop_oneof![pairs().prop_map(|query| format!("/tendlc_status/?{query}")), any::<String>()];
    (any::<bool>(), target, body(), any::<Option<bool>>()).prop_map(
        |(post, target, (content_type, body), encoded)| Request {
            method: if post { Method::Post } else { Method::Get },
            target,
            content_type,
            content_encoding: encoded.map(|gzip| if gzip { "gzip" } else { "identity" }.to_owned()),
            body: body.into(),
        },
    )
}

fn any_route() -> impl Strategy<Value = Option<Endpoint>> {
    prop_oneof![Just(None), (0..4_usize).prop_map(|index| Some(Endpoint::ALL[index]))]
}

proptest! {
    #[test]
    fn every_request_becomes_a_valid_event(
        request in any_request(),
        route in any_route(),
        auth_id in any::<String>(),
        previous in prop::option::of(0..3_usize),
        revision in 0..3_u32,
    ) {
        prop_assume!(!auth_id.is_empty());
        let facts = facts_on(route, &request);
        prop_assert_eq!(&facts, &facts_on(route, &request));
        prop_assert_eq!(facts.endpoint.is_none(), facts.unrecognized.is_some());
        prop_assert_eq!(facts.endpoint.is_some(), facts.status.is_some());
        let verdict = Verdict { auth_id, ..verdict() };
        let previous = facts.endpoint.zip(previous);
        let previous = previous.map(|(endpoint, place)| (endpoint.statuses()[place], Transition::Advanced));
        let (previous_status, transition) = previous.unzip();
        let stamp = Stamp { previous_status, transition, revision, ..stamp() };
        let event = event(&request, &verdict, &facts, &stamp);
        prop_assert!(!event.partition_key().is_empty());
        for (name, text) in event.attributes() {
            prop_assert!(!text.chars().any(char::is_control), "{name}: {text:?}");
        }
        let structured = event.to_structured();
        prop_assert_eq!(&structured, &serde_json::to_vec(&event)?);
        let whole: Value = serde_json::from_slice(&structured)?;
        let found = problems(&schema(event.kind()), &whole);
        prop_assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn nothing_received_is_missing_from_the_event(request in any_request()) {
        let (verdict, facts, stamp) = (verdict(), facts(&request), stamp());
        let event = event(&request, &verdict, &facts, &stamp);
        let raw = &event.data().raw;
        let sent = |text: &[u8]| form_urlencoded::parse(text).count();
        prop_assert_eq!(raw.query.count(), sent(request.query().unwrap_or("").as_bytes()));
        match (&raw.json, &raw.body) {
            (Some(document), None) => {
                prop_assert_eq!(document, &serde_json::from_slice::<Value>(&request.body)?);
            }
            (None, Some(encoded)) => {
                prop_assert_eq!(&data_encoding::BASE64.decode(encoded.as_bytes()).unwrap(), &request.body);
            }
            (None, None) => prop_assert_eq!(raw.form.count(), sent(&request.body)),
            both => prop_assert!(false, "{both:?}"),
        }
    }

    #[test]
    fn a_retry_has_the_fingerprint_of_the_first_attempt(request in any_request()) {
        let config = NormalizeConfig::default();
        let mut changed = NormalizeConfig { max_parameters: 2, ..NormalizeConfig::default() };
        changed.aliases.status = vec!["other".into()];
        let first = normalized(&config, request.clone());
        prop_assert_eq!(first.fingerprint, normalized(&changed, request).fingerprint);
    }

    #[test]
    fn folding_twice_is_folding_once(name in any::<String>()) {
        let once = names::fold(&name);
        prop_assert_eq!(names::fold(&once), once);
    }
}
