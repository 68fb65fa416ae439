//! Which endpoint a callback is about, and when nobody can tell.

use super::*;

fn endpoint(request: &Request) -> Option<Endpoint> {
    facts(request).endpoint
}

#[test]
fn the_route_comes_first_then_an_explicit_field() {
    let callback = form("type=campaign&campaign_id=C1&brand_id=B1&status=registered");
    assert_eq!(endpoint(&callback), Some(Endpoint::Campaign));
    assert_eq!(facts_on(Some(Endpoint::Brand), &callback).endpoint, Some(Endpoint::Brand));
    let explicit = form("event=brand.registered&campaign_id=C1&brand_id=B1&status=registered");
    assert_eq!(endpoint(&explicit), Some(Endpoint::Brand));
}

#[test]
fn a_type_that_is_another_thing_is_passed_over() {
    let callback = form("type=STARTER&entity_type=PRIVATE_PROFIT&brand_id=B1&status=registered");
    assert_eq!(endpoint(&callback), Some(Endpoint::Brand));
}

#[test]
fn the_registered_url_may_say_it() {
    let target = "/tendlc_status/?type=number_unlinking";
    let callback = request(Method::Post, target, Some(FORM), "number=14155550123&status=success");
    assert_eq!(endpoint(&callback), Some(Endpoint::NumberUnlinking));
}

#[test]
fn the_body_is_believed_before_the_query() {
    let callback = request(
        Method::Post,
        "/tendlc_status/?brand_id=Q&status=rejected&type=campaign",
        Some(FORM),
        "brand_id=B&status=registered&type=brand",
    );
    let facts = facts(&callback);
    assert_eq!(facts.endpoint, Some(Endpoint::Brand));
    assert_eq!((facts.brand_id.as_deref(), facts.status), (Some("B"), Some(Status::Registered)));
}

#[test]
fn a_number_needs_a_word_that_says_linked_or_unlinked() {
    let cases = [
        ("number=14155550123&status=success", None),
        ("number=14155550123&campaign_id=C1&status=failed", None),
        ("number=14155550123&campaign_id=C1&status=created", None),
        ("number=14155550123&status=registered", None),
        ("type=number&number=14155550123&campaign_id=C1&status=registered", None),
        ("number=14155550123&status=linked", Some(Endpoint::NumberLinking)),
        ("number=14155550123&status=unlinked", Some(Endpoint::NumberUnlinking)),
        ("number=14155550123&action=unlink&status=failed", Some(Endpoint::NumberUnlinking)),
        ("number=14155550123&action=LINK&status=failed", Some(Endpoint::NumberLinking)),
        ("unlinked_number=14155550123&status=success", Some(Endpoint::NumberUnlinking)),
        ("number=14155550123&number_linking_status=success", Some(Endpoint::NumberLinking)),
        ("number=14155550123&campaign_id=C1&status=registered", Some(Endpoint::Campaign)),
        ("number=14155550123&brand_id=B1&status=rejected", Some(Endpoint::Brand)),
    ];
    for (body, expected) in cases {
        let facts = facts(&form(body));
        assert_eq!(facts.endpoint, expected, "{body}");
        assert_eq!(facts.number.as_deref(), Some("+14155550123"), "{body}");
        assert_eq!(unplaced(&facts), expected.is_none().then_some(Unrecognized::UnknownFields), "{body}");
    }
}

#[test]
fn a_document_about_both_is_about_the_campaign() {
    let document =
        r#"{"brand":{"id":"B1","status":"registered"},"campaign":{"id":"C1","status":"rejected"}}"#;
    let facts = facts(&json(document));
    assert_eq!((facts.endpoint, facts.status), (Some(Endpoint::Campaign), Some(Status::Rejected)));
    assert_eq!((facts.brand_id.as_deref(), facts.campaign_id.as_deref()), (Some("B1"), Some("C1")));
    let brand = r#"{"brand":{"id":"B1","status":"registered"},"campaign":{"id":"C1"}}"#;
    assert_eq!(endpoint(&json(brand)), Some(Endpoint::Brand));
}

#[test]
fn an_event_name_may_be_the_only_status() {
    let facts = facts(&json(r#"{"event":"brand.registered","data":{"brand_id":"B1"}}"#));
    assert_eq!((facts.endpoint, facts.status), (Some(Endpoint::Brand), Some(Status::Registered)));
    assert_eq!(facts.provider_status.as_deref(), Some("brand.registered"));
}

#[test]
fn a_whole_rest_document_of_a_brand() {
    let document = r#"{"brand_id":"BPL3KN9","brand_type":"STARTER","registration_status":"COMPLETED",
        "address":{"state":"NY","postal_code":"10001"},
        "authorized_contact":{"phone":"919074079045","title":"Doe","email":"a@example.com"},
        "entity_type":"INDIVIDUAL","vertical":"ENERGY","ein":"123121231"}"#;
    let facts = facts(&json(document));
    assert_eq!(facts.endpoint, Some(Endpoint::Brand));
    assert_eq!((facts.entity(), facts.status), (Some("BPL3KN9"), Some(Status::Registered)));
    assert_eq!(facts.number, None);
}

#[test]
fn several_numbers_take_the_first() {
    let nested =
        r#"{"type":"link","numbers":[{"number":"14155550124","status":"failed"},{"number":"14155550125"}]}"#;
    for callback in [
        json(r#"{"type":"link","status":"failed","numbers":["14155550124","14155550125"]}"#),
        json(nested),
        form("type=link&status=failed&numbers=14155550124&numbers=14155550125"),
        form("type=link&status=failed&numbers=14155550124,14155550125"),
    ] {
        let facts = facts(&callback);
        assert_eq!((facts.entity(), facts.status), (Some("+14155550124"), Some(Status::Failed)));
    }
}

#[test]
fn what_cannot_be_placed_and_why() {
    let gzipped = Request { content_encoding: Some("gzip".into()), ..form("brand_id=B1") };
    let many = "a=1&".repeat(300) + "brand_id=B1&status=created";
    let cases = [
        (form(""), Unrecognized::UnknownFields),
        (form("foo=bar"), Unrecognized::UnknownFields),
        (form("status=registered"), Unrecognized::UnknownFields),
        (json("[]"), Unrecognized::UnknownFields),
        (json("\"brand\""), Unrecognized::UnknownFields),
        (json("{"), Unrecognized::Malformed),
        (request(Method::Post, "/?brand_id=B1", Some("text/xml"), "<a/>"), Unrecognized::ContentType),
        (request(Method::Post, "/", None, "brand_id=B1"), Unrecognized::ContentType),
        (gzipped, Unrecognized::ContentEncoding),
        (form(&many), Unrecognized::TooManyParameters),
    ];
    for (callback, why) in cases {
        assert_eq!(unplaced(&facts(&callback)), Some(why), "{callback:?}");
    }
}

#[test]
fn a_route_alone_is_not_enough() {
    let on_brand = |request: &Request| facts_on(Some(Endpoint::Brand), request);
    assert_eq!(unplaced(&on_brand(&form("foo=bar"))), Some(Unrecognized::UnknownFields));
    assert_eq!(unplaced(&on_brand(&json("{"))), Some(Unrecognized::Malformed));
    let status_alone = on_brand(&form("status=registered"));
    assert_eq!((status_alone.endpoint, status_alone.entity()), (Some(Endpoint::Brand), None));
    assert_eq!(status_alone.status, Some(Status::Registered));
}

#[test]
fn configured_aliases_take_the_place_of_the_defaults() {
    let mut config = NormalizeConfig::default();
    config.aliases.brand_id = vec!["marke".into()];
    let normalizer = Normalizer::new(&config).unwrap();
    let facts = normalizer.facts(&form("Marke=B7&brand_id=B1&status=created"), None, None);
    assert_eq!((facts.endpoint, facts.brand_id.as_deref()), (Some(Endpoint::Brand), Some("B7")));
}

#[test]
fn a_long_parent_is_no_obstacle() {
    for parent in ["p".repeat(20_000), "é".repeat(10_001)] {
        let document = format!(r#"{{"{parent}":{{"brand":{{"id":"B1","status":"registered"}}}}}}"#);
        assert_eq!(endpoint(&json(&document)), Some(Endpoint::Brand));
    }
}
