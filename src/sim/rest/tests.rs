//! The API without a socket: whatever comes in, an answer in Plivo's form goes out.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::sim::accounts::Accounts;
use crate::sim::life::{Delays, Outcomes};
use crate::sim::plivo::{Behaviour, Plivo};

const MAIN: &str = "MAEXAMPLE00000000001";
const SUB: &str = "SAEXAMPLE00000000001";

/// An API whose steps are all due at once.
fn api() -> (Router, Arc<State>) {
    let specs = [format!("{MAIN}:main"), format!("{SUB}:sub@{MAIN}")].map(|spec| spec.parse().unwrap());
    let behaviour = Behaviour {
        seed: 1,
        delays: Delays::DEFAULT.scaled(0.0),
        outcomes: Outcomes::default(),
        max_entities: 50,
    };
    let state = Arc::new(State::new(Accounts::new(&specs).unwrap(), Plivo::new(behaviour)));
    let canned = vec![Canned {
        method: Some("GET".to_owned()),
        path: "Brand/BROKEN/".to_owned(),
        status: 502,
        content_type: "text/html".to_owned(),
        body: "<html>bad gateway</html>".to_owned(),
    }];
    (router(Arc::clone(&state), canned), state)
}

fn request(method: &str, path: &str, credentials: &str, body: &Value) -> Request<Body> {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let basic = format!("Basic {}", STANDARD.encode(credentials));
    Request::builder().method(method).uri(path).header("authorization", basic).body(body).unwrap()
}

async fn answered(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (
        status,
        serde_json::from_slice(&body).unwrap_or(Value::String(String::from_utf8(body.to_vec()).unwrap())),
    )
}

async fn call(router: &Router, method: &str, path: &str, body: Value) -> (u16, Value) {
    let path = format!("/v1/Account/{MAIN}/10dlc/{path}");
    let (status, body) = answered(router, request(method, &path, &format!("{MAIN}:main"), &body)).await;
    (status.as_u16(), body)
}

/// Takes every step that is due.
fn settle(state: &State) -> usize {
    std::iter::from_fn(|| state.step()).filter_map(|due| due.notice).count()
}

fn brand(alias: &str) -> Value {
    json!({ "brand_alias": alias, "brand_type": "STANDARD", "profile_uuid": "p-1", "url": "https://x.example/" })
}

#[tokio::test]
async fn credentials_are_asked_for_and_a_main_account_acts_for_its_sub_accounts() {
    let (router, _) = api();
    let path = |owner: &str| format!("/v1/Account/{owner}/10dlc/Brand/");
    for (owner, credentials, expected) in [
        (MAIN, format!("{MAIN}:main"), 200),
        (SUB, format!("{SUB}:sub"), 200),
        (SUB, format!("{MAIN}:main"), 200),
        (MAIN, format!("{SUB}:sub"), 401),
        (MAIN, format!("{MAIN}:sub"), 401),
        (MAIN, "nonsense".to_owned(), 401),
        ("MANOBODY000000000000", format!("{MAIN}:main"), 401),
    ] {
        let request = request("GET", &path(owner), &credentials, &Value::Null);
        let (status, body) = answered(&router, request).await;
        assert_eq!(status, expected, "{owner} by {credentials}: {body}");
        assert!(status == 200 || body["error"].is_string(), "{body}");
    }
    let bare = Request::builder().uri(path(MAIN)).body(Body::empty()).unwrap();
    let response = router.oneshot(bare).await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic"));
}

#[tokio::test]
async fn arguments_are_checked_and_the_error_names_them() {
    let (router, state) = api();
    let good = json!({ "brand_id": "B1", "vertical": "RETAIL", "usecase": "MIXED" });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (path, body, named) in [
        ("Brand/", json!({}), "brand_alias"),
        ("Brand/", json!([]), "JSON object"),
        ("Brand/", json!({ "brand_alias": "a" }), "profile_uuid"),
        ("Brand/", json!({ "brand_alias": 1, "profile_uuid": "p" }), "brand_alias"),
        (
            "Brand/",
            json!({ "brand_alias": "a", "profile_uuid": "p", "brand_type": "HUGE" }),
            "STANDARD, STARTER",
        ),
        ("Brand/", json!({ "brand_alias": "a", "profile_uuid": "p", "secondary_vetting": "no" }), "vetting"),
        ("Brand/", json!({ "brand_alias": "a", "profile_uuid": "p", "url": "ftp://x/" }), "url"),
        ("Brand/", json!({ "brand_alias": "a", "profile_uuid": "p", "url": "/callbacks" }), "url"),
        ("Brand/", json!({ "brand_alias": "a", "profile_uuid": "p", "method": "PUT" }), "method"),
        ("Campaign/", with("vertical", json!("FUN")), "vertical"),
        ("Campaign/", with("usecase", json!("SPAM")), "usecase"),
        ("Campaign/", with("usecase", json!("CHARITY")), "usecase"),
        ("Campaign/", with("sub_usecases", json!(["SPAM"])), "sub_usecases"),
        ("Campaign/", with("sub_usecases", json!(["2FA", "MIXED"])), "sub_usecases"),
        ("Campaign/", with("sub_usecases", json!("2FA")), "sub_usecases"),
        ("Campaign/", with("sample1", json!({})), "sample1"),
        ("Campaign/", with("age_gated", json!("false")), "age_gated"),
        ("Campaign/Import/", json!({ "campaign_alias": "a" }), "campaign_id"),
        ("Campaign/Import/", json!({ "campaign_alias": "a", "campaign_id": "C/1" }), "campaign_id"),
        ("Campaign/C1/Number/", json!({}), "numbers"),
        ("Campaign/C1/Number/", json!({ "numbers": [] }), "numbers"),
        ("Campaign/C1/Number/", json!({ "numbers": ["1"] }), "numbers"),
        ("Campaign/C1/Number/", json!({ "numbers": [14155550100_u64] }), "numbers"),
    ] {
        let (status, answer) = call(&router, "POST", path, body.clone()).await;
        assert_eq!(status, 400, "{path} {body}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(named), "{path} {body}: {answer}");
        assert!(answer["api_id"].is_string());
    }
    assert_eq!(state.with(|plivo, _| (plivo.world().entities(), plivo.waiting())), (0, 0));
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_taken() {
    let (router, _) = api();
    for (method, path, expected) in [
        ("GET", "Brand/B1/", 404),
        ("GET", "Brand/B1/usecases/", 404),
        ("DELETE", "Brand/B1/", 404),
        ("GET", "Campaign/C1/", 404),
        ("POST", "Campaign/C1/", 404),
        ("DELETE", "Campaign/C1/", 404),
        ("GET", "Campaign/C1/Number/", 404),
        ("GET", "Campaign/C1/Number/14155550100/", 404),
        ("DELETE", "Campaign/C1/Number/14155550100/", 404),
        ("GET", "Brand", 404),
        ("GET", "Brand/B1", 404),
        ("GET", "Brand/%ff/", 404),
        ("PUT", "Brand/", 405),
        ("POST", "Brand/B1/", 405),
        ("GET", "Campaign/Import/", 405),
        ("PATCH", "Campaign/C1/Number/1/", 405),
        ("GET", "Brand/BROKEN/", 502),
        ("DELETE", "Brand/BROKEN/", 404),
        ("GET", "Brand/?limit=0", 400),
        ("GET", "Brand/?status=GONE", 400),
        ("GET", "Campaign/?registration_status=GONE", 400),
    ] {
        let (status, answer) = call(&router, method, path, Value::Null).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert!(status == 502 || answer["error"].is_string(), "{method} {path}: {answer}");
    }
    let (status, answer) =
        call(&router, "POST", "Brand/", json!({ "brand_alias": "x".repeat(70_000) })).await;
    assert_eq!((status, answer["error"].is_string()), (413, true));
}

#[tokio::test]
async fn a_life_shows_in_get_and_list() {
    let (router, state) = api();
    let (status, created) = call(&router, "POST", "Brand/", brand("acme")).await;
    assert_eq!(status, 202, "{created}");
    let id = created["brand_id"].as_str().unwrap();
    let path = format!("Brand/{id}/");
    assert_eq!(
        call(&router, "GET", &path, Value::Null).await.1["brand"]["registration_status"],
        "PROCESSING"
    );
    assert_eq!(settle(&state), 2, "created and registered");
    assert_eq!(call(&router, "GET", &path, Value::Null).await.1["brand"]["registration_status"], "COMPLETED");

    call(&router, "POST", "Brand/", brand("To be REJECTED")).await;
    settle(&state);
    let failed = call(&router, "GET", "Brand/?status=failed&type=STANDARD&limit=1", Value::Null).await.1;
    assert_eq!(failed["brands"][0]["brand_alias"], "To be REJECTED");
    assert_eq!(failed["meta"], json!({ "limit": 1, "next": null, "offset": 0 }));
    let first = call(&router, "GET", "Brand/?limit=1", Value::Null).await.1;
    assert_eq!(first["brands"][0]["brand_id"], *id);
    let next = first["meta"]["next"].as_str().unwrap();
    let request = request("GET", next, &format!("{MAIN}:main"), &Value::Null);
    assert_eq!(answered(&router, request).await.1["brands"][0]["registration_status"], "FAILED");
}

#[tokio::test]
async fn a_rejected_campaign_is_updated_and_is_told_of_where_it_was_created() {
    let (router, state) = api();
    let id = call(&router, "POST", "Brand/", brand("acme")).await.1["brand_id"].clone();
    settle(&state);
    let new = json!({
        "brand_id": id, "vertical": "RETAIL", "usecase": "MIXED", "campaign_alias": "reject me",
        "url": "https://x.example/", "method": "GET",
    });
    let id = call(&router, "POST", "Campaign/", new).await.1["campaign_id"].as_str().unwrap().to_owned();
    settle(&state);
    let path = format!("Campaign/{id}/");
    let update = json!({ "campaign_alias": "take me", "sample1": "" });
    let (status, shown) = call(&router, "POST", &path, update).await;
    assert_eq!((status, &shown["campaign"]["registration_status"]), (200, &json!("FAILED")), "{shown}");
    assert_eq!(
        call(&router, "GET", &path, Value::Null).await.1["campaign"]["registration_status"],
        "PROCESSING"
    );
    let notices: Vec<_> = std::iter::from_fn(|| state.step()).filter_map(|due| due.notice).collect();
    assert_eq!(notices.len(), 1, "a campaign is created once");
    assert_eq!(notices[0].status, crate::sim::notice::Status::Registered);
    assert_eq!(notices[0].method, crate::sim::notice::Method::Get);
    assert_eq!(call(&router, "GET", &path, Value::Null).await.1["campaign"]["registration_status"], "ACTIVE");
    assert_eq!(call(&router, "DELETE", &path, Value::Null).await.1["message"], "Campaign Deactivated");
    assert_eq!(
        call(&router, "GET", &path, Value::Null).await.1["campaign"]["registration_status"],
        "EXPIRED"
    );
}

#[tokio::test]
async fn a_campaign_is_for_what_its_brand_may_do() {
    let (router, state) = api();
    for (brand_type, taken, refused) in [("STANDARD", "2FA", "STARTER"), ("STARTER", "STARTER", "2FA")] {
        let mut new = brand("acme");
        new["brand_type"] = json!(brand_type);
        let id = call(&router, "POST", "Brand/", new).await.1["brand_id"].clone();
        settle(&state);
        let campaign = |usecase: &str| json!({ "brand_id": id, "vertical": "RETAIL", "usecase": usecase });
        let (status, answer) = call(&router, "POST", "Campaign/", campaign(refused)).await;
        assert_eq!(status, 400, "{brand_type}: {answer}");
        let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(names, ["api_id", "error"], "as the recorded one");
        assert!(answer["error"].as_str().unwrap().contains("STARTER"), "{answer}");
        assert_eq!(call(&router, "POST", "Campaign/", campaign(taken)).await.0, 202, "{brand_type}");
    }
}

const SEGMENTS: [&str; 10] =
    ["Brand", "Campaign", "Import", "Number", "usecases", "10dlc", "B1", "14155550100", "%ff", ""];
const NAMES: [&str; 8] =
    ["brand_alias", "profile_uuid", "brand_type", "url", "method", "numbers", "campaign_id", "usecase"];

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(&SEGMENTS[..]).prop_map(str::to_owned), "[!-~&&[^ ?#]]{0,12}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("GET")),
        Just(json!("https://x.example/")),
    ];
    leaf.prop_recursive(2, 16, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(proptest::sample::select(&NAMES[..]), inner, 0..6).prop_map(
                |fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            ),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_in_an_answer_in_plivos_form_goes_out(
        method in proptest::sample::select(&["GET", "POST", "DELETE", "PUT", "HEAD"][..]),
        segments in prop::collection::vec(segment(), 0..5),
        query in "[!-~&&[^#]]{0,30}",
        body in prop_oneof![any_json().prop_map(|json| json.to_string().into_bytes()), any::<Vec<u8>>()],
    ) {
        let (router, state) = api();
        let path = format!("/v1/Account/{MAIN}/10dlc/{}/?{query}", segments.join("/"));
        let mut request = request(method, "/", &format!("{MAIN}:main"), &Value::Null);
        let Ok(uri) = path.parse() else { return Ok(()) };
        *request.uri_mut() = uri;
        *request.body_mut() = Body::from(body);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (status, answer) = runtime.block_on(answered(&router, request));
        prop_assert!([200, 202, 400, 404, 405].contains(&status.as_u16()), "{status} {answer}");
        prop_assert!(method == "HEAD" || answer.is_object(), "{answer}");
        prop_assert!(status.is_success() || method == "HEAD" || answer["error"].is_string());
        settle(&state);
    }
}
