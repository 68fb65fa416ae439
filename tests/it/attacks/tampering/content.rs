//! Under V2 the content decides: the same by its values is a duplicate, any other is quarantined.

use super::*;

#[test]
fn a_v2_signature_carries_its_own_content_and_no_other() {
    let genuine = Callback::with_params(
        "/tendlc_status/brand/",
        &[("brand_id", "B1"), ("note", "x"), ("note", "y"), ("status", "created")],
    );
    let same = genuine.request();
    let path = genuine.path.as_str();
    let own = form(&[("brand_id", "B1"), ("note", "x"), ("note", "y"), ("status", "created")]);
    assert_eq!(same.body, own.as_bytes());
    let body = |pairs: &[(&str, &str)]| with_body(&same, form(pairs));
    let other_body = body(&[("brand_id", "B1"), ("note", "x"), ("note", "y"), ("status", "registered")]);
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            (
                "parameters in another order",
                with_body(&same, "status=created&note=x&note=y&brand_id=B1"),
                Duplicate,
            ),
            (
                "values of one name in another order",
                with_body(&same, "brand_id=B1&note=y&note=x&status=created"),
                Quarantined,
            ),
            (
                "every character escaped",
                with_body(
                    &same,
                    format!("{}={}&note=x&note=y&status=created", escaped("brand_id"), escaped("B1")),
                ),
                Duplicate,
            ),
            (
                "marks between parameters doubled",
                with_body(&same, format!("&{}&&", own.replace('&', "&&&"))),
                Duplicate,
            ),
            ("another value", other_body.clone(), Quarantined),
            ("another entity", with_body(&same, own.replace("B1", "B2")), Quarantined),
            ("a parameter more", with_body(&same, format!("{own}&reason=none")), Quarantined),
            ("a parameter less", body(&[("brand_id", "B1"), ("status", "created")]), Quarantined),
            ("a parameter twice", with_body(&same, format!("{own}&status=registered")), Quarantined),
            ("a name in capitals", with_body(&same, own.replace("brand_id", "BRAND_ID")), Quarantined),
            ("a blank", with_body(&same, own.replace("B1", "B1+")), Quarantined),
            ("no body", with_body(&same, ""), Quarantined),
            (
                "bytes that are no text",
                with_body(&same, [own.as_bytes(), b"&x=\xff\xfe"].concat()),
                Quarantined,
            ),
            ("the type in other letters", with_type(&same, "Application/X-WWW-Form-Urlencoded"), Duplicate),
            ("the type with other parameters", with_type(&same, &format!("{FORM};x=y")), Duplicate),
            ("another type", with_type(&same, "text/plain"), Quarantined),
            (
                "two types",
                same.clone()
                    .without_header("Content-Type")
                    .header("Content-Type", &format!("{JSON}, {FORM}")),
                Quarantined,
            ),
            ("no type", same.clone().without_header("Content-Type"), Quarantined),
            ("said to be JSON", with_type(&same, JSON), Quarantined),
            (
                "as JSON",
                with_type(
                    &with_body(&same, r#"{"brand_id":"B1","note":["x","y"],"status":"created"}"#),
                    JSON,
                ),
                Quarantined,
            ),
            ("said to be compressed", same.clone().header("Content-Encoding", "gzip"), Quarantined),
            ("said not to be compressed", same.clone().header("Content-Encoding", "identity"), Duplicate),
            ("the other method", with_method(&same, "GET"), Duplicate),
            ("the other method and content", with_method(&other_body, "GET"), Quarantined),
            (
                "in the query",
                with_method(&with_body(&with_target(&same, &format!("{path}?{own}")), ""), "GET"),
                Quarantined,
            ),
            (
                "a query beside the body",
                with_target(&same, &format!("{path}?status=registered")),
                Quarantined,
            ),
            ("an empty query", with_target(&same, &format!("{path}?")), Quarantined),
            ("with the whole URL", with_target(&same, &format!("{ORIGIN}{path}")), Duplicate),
            ("with another host's URL", with_target(&same, &format!("http://evil.example{path}")), Duplicate),
            ("without the slash", with_target(&same, path.trim_end_matches('/')), Quarantined),
            ("on another endpoint's path", with_target(&same, "/tendlc_status/campaign/"), Refused),
            ("on the path of all endpoints", with_target(&same, "/tendlc_status/"), Refused),
            ("on a tenant's path", with_target(&same, "/tendlc_status/acme/brand/"), Refused),
            ("the path in capitals", with_target(&same, "/tendlc_status/BRAND/"), Unknown),
            ("the path escaped", with_target(&same, "/tendlc_status/%62rand/"), Unknown),
            (
                "from a proxy that says otherwise",
                same.clone().header("X-Forwarded-Host", "evil.example").header("X-Forwarded-Proto", "http"),
                Duplicate,
            ),
            (
                "with a V3 beside it that does not fit",
                same.clone().header(V3, &sign::hmac("stranger", "")).header(V3_NONCE, "1"),
                Duplicate,
            ),
            ("the same again", same.clone(), Duplicate),
        ],
    );
}

#[test]
fn a_json_document_is_the_same_by_its_values() {
    let genuine = Callback::new("brand", "created").shape(Shape::Json).request();
    let document = |text: &str| with_body(&genuine, text);
    let same = document(r#"{"brand_id":"B1","status":"created","n":1,"list":[1,2]}"#);
    assert_fates(
        &same,
        &[
            ("the same", same.clone(), Duplicate),
            (
                "in another order",
                document(r#"{"list":[1,2],"n":1,"status":"created","brand_id":"B1"}"#),
                Duplicate,
            ),
            (
                "with blanks",
                document("\n{ \"brand_id\" : \"B1\", \"status\":\"created\",\"n\":1,\"list\":[1 , 2]}\r\n"),
                Duplicate,
            ),
            (
                "with escapes",
                document(r#"{"brand_id":"\u00421","status":"created","n":1,"list":[1,2]}"#),
                Duplicate,
            ),
            (
                "a member twice, its own value last",
                document(r#"{"status":"registered","brand_id":"B1","status":"created","n":1,"list":[1,2]}"#),
                Duplicate,
            ),
            (
                "a member twice, its own value first",
                document(r#"{"brand_id":"B1","status":"created","n":1,"list":[1,2],"status":"registered"}"#),
                Quarantined,
            ),
            (
                "a list in another order",
                document(r#"{"brand_id":"B1","status":"created","n":1,"list":[2,1]}"#),
                Quarantined,
            ),
            (
                "a number as text",
                document(r#"{"brand_id":"B1","status":"created","n":"1","list":[1,2]}"#),
                Quarantined,
            ),
            (
                "a number with a fraction",
                document(r#"{"brand_id":"B1","status":"created","n":1.0,"list":[1,2]}"#),
                Quarantined,
            ),
            (
                "two documents",
                document(r#"{"brand_id":"B1","status":"created","n":1,"list":[1,2]}{}"#),
                Quarantined,
            ),
            (
                "behind a byte order mark",
                document("\u{feff}{\"brand_id\":\"B1\",\"status\":\"created\",\"n\":1,\"list\":[1,2]}"),
                Quarantined,
            ),
            ("as another JSON type", with_type(&same, "application/hal+json"), Duplicate),
            ("as a form", with_type(&same, FORM), Quarantined),
        ],
    );
}
