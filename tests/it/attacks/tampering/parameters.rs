//! Under V3 a change of the parameters is refused, but for what Plivo does not sign.

use super::*;

#[test]
fn a_v3_signature_fits_its_own_parameters_alone() {
    let genuine = Callback::with_params(
        "/tendlc_status/brand/",
        &[("brand_id", "B1"), ("note", "x"), ("status", "created")],
    )
    .scheme(Scheme::V3);
    let same = genuine.request();
    let path = genuine.path.as_str();
    let pairs = [("brand_id", "B1"), ("note", "x"), ("status", "created")];
    let own = form(&pairs);
    let json = r#"{"brand_id":"B1","note":"x","status":"created"}"#;
    let moved = sign::v3_post(&format!("{ORIGIN}{path}"), &genuine.params, &genuine.nonce, TOKEN);
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            ("in another order", with_body(&same, "status=created&note=x&brand_id=B1"), Duplicate),
            ("every character escaped", with_body(&same, own.replace("B1", &escaped("B1"))), Duplicate),
            ("another value", with_body(&same, own.replace("created", "registered")), Refused),
            ("a parameter more", with_body(&same, format!("{own}&reason=none")), Refused),
            ("a parameter less", with_body(&same, "brand_id=B1&status=created"), Refused),
            ("a query beside the body", with_target(&same, &format!("{path}?a=b")), Refused),
            ("the other method", with_method(&same, "GET"), Refused),
            (
                "in the query",
                with_method(&with_body(&with_target(&same, &format!("{path}?{own}")), ""), "GET"),
                Refused,
            ),
            ("another type", with_type(&same, "text/plain"), Refused),
            ("said to be compressed", same.clone().header("Content-Encoding", "br"), Refused),
            ("another path", with_target(&same, "/tendlc_status/campaign/"), Refused),
            // Plivo runs names and values together, and signs neither the boundary between them nor the type.
            (
                "another boundary between name and value",
                with_body(&same, own.replace("brand_id=B1", "brand_idB=1")),
                Quarantined,
            ),
            ("as JSON", with_type(&with_body(&same, json), JSON), Quarantined),
            (
                "in V2's header",
                same.clone()
                    .without_header(V3)
                    .without_header(V3_NONCE)
                    .header(V2, &moved)
                    .header(V2_NONCE, &genuine.nonce),
                Refused,
            ),
            ("the same again", same.clone(), Duplicate),
        ],
    );
}

#[test]
fn a_v3_signature_of_a_query_and_one_of_both_schemes() {
    let genuine =
        Callback::with_params("/tendlc_status/brand/", &[("brand_id", "B1"), ("status", "created")])
            .scheme(Scheme::V3)
            .shape(Shape::Query);
    let same = genuine.request();
    let at = |query: &str| with_target(&same, &format!("{}?{query}", genuine.path));
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            // V3 signs the sorted and decoded query; its content is the query as received.
            ("in another order", at("status=created&brand_id=B1"), Quarantined),
            ("spelled otherwise", at("brand_id=%42%31&status=created"), Quarantined),
            ("another value", at("brand_id=B2&status=created"), Refused),
            ("a parameter more", at("brand_id=B1&status=created&x=y"), Refused),
            ("a body beside it", with_type(&with_body(&same, "status=registered"), FORM), Quarantined),
            ("by POST", with_method(&same, "POST"), Duplicate),
        ],
    );

    let genuine = Callback::new("brand", "created").scheme(Scheme::V3);
    let v2 = sign::v2(&format!("{ORIGIN}{}", genuine.path), &genuine.nonce, TOKEN);
    let both = genuine.request().header(V2, &v2).header(V2_NONCE, &genuine.nonce);
    let v2_alone = both.clone().without_header(V3).without_header(V3_NONCE);
    let other =
        with_body(&both, String::from_utf8(both.body.clone()).unwrap().replace("created", "rejected"));
    assert_fates(
        &both,
        &[
            ("the same", both.clone(), Duplicate),
            ("without V3", v2_alone.clone(), Duplicate),
            ("without V2", genuine.request(), Duplicate),
            ("another value", other.clone(), Quarantined),
            (
                "another value without V3",
                other.clone().without_header(V3).without_header(V3_NONCE),
                Quarantined,
            ),
            ("another value without V2", other.without_header(V2).without_header(V2_NONCE), Refused),
        ],
    );
}
