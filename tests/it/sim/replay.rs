//! Every exchange that was recorded with Plivo's SDKs, sent again: the same status, and a body of the same shape.
//!
//! Each has a simulator of its own, in which the entities of the recorded answers are there from the start. Values
//! are the same where the answer only repeats what is there: whole brands, the use cases, the length of a page, texts of
//! `message`, the canned answers.
//! Of the same form only are `api_id` (a UUID), ids of what is created, `next` (the path of the list with a limit
//! and an offset), statuses (words of the same vocabulary), and numbers: the recorded answers to lists pay no heed to
//! the query, and the throughput of a campaign goes by its brand here. Of a list, every entry has to have the shape
//! of some recorded entry, and neither list is empty.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::support::http::Request;
use crate::support::readers::manifest;
use crate::support::sim::Sim;

fn recorded() -> Vec<Value> {
    let text = std::fs::read_to_string(manifest("tests/vectors/rest_traffic.json")).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    whole["exchanges"].as_array().unwrap().clone()
}

#[test]
fn every_recorded_exchange_is_answered_in_the_same_way() {
    let exchanges = recorded();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("world.toml");
    std::fs::write(&path, world(&exchanges)).unwrap();
    let mut wrong = Vec::new();
    for exchange in &exchanges {
        let request = request(exchange);
        let sim = Sim::start(&["--account", &credentials(&request), "--world", path.to_str().unwrap()]);
        let response = sim.send(&request);
        let name = format!(
            "{} {}: {} {}",
            text(exchange, "sdk"),
            text(exchange, "op"),
            request.method,
            request.target
        );
        let (status, body) = (&exchange["response"]["status"], text(&exchange["response"], "body"));
        if *status != response.status {
            wrong.push(format!("{name}: {} instead of {status}: {}", response.status, response.body));
        } else if let Err(difference) = agree_as_texts(&response.body, body) {
            wrong.push(format!("{name}: {difference}\n  ours:   {}\n  theirs: {body}", response.body));
        }
    }
    assert_eq!(exchanges.len(), 55);
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), exchanges.len(), wrong.join("\n"));
}

#[test]
fn brands_are_shown_to_the_last_value_as_they_were_recorded() {
    let exchanges = recorded();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("world.toml");
    std::fs::write(&path, world(&exchanges)).unwrap();
    let list = find(&exchanges, "brand.list");
    let request = request(list);
    let sim = Sim::start(&["--account", &credentials(&request), "--world", path.to_str().unwrap()]);
    let theirs = body(list);
    let ours = sim.send(&request).json();
    assert_eq!(ours["brands"], theirs["brands"], "a page of ten");
    for field in ["limit", "offset"] {
        assert_eq!(ours["meta"][field], theirs["meta"][field]);
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn body(exchange: &Value) -> Value {
    serde_json::from_str(text(&exchange["response"], "body")).unwrap()
}

fn find<'a>(exchanges: &'a [Value], op: &str) -> &'a Value {
    exchanges.iter().find(|exchange| exchange["op"] == op).unwrap_or_else(|| panic!("no {op}"))
}

fn request(exchange: &Value) -> Request {
    let recorded = &exchange["request"];
    let mut request =
        Request::new(text(recorded, "method"), text(recorded, "target")).body(text(recorded, "body"));
    for (name, value) in recorded["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request
}

/// `AUTH_ID:TOKEN` as the SDK sent it.
fn credentials(request: &Request) -> String {
    let header = request.headers.iter().find(|(name, _)| name == "Authorization").unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(header.1.strip_prefix("Basic ").unwrap());
    String::from_utf8(decoded.unwrap()).unwrap()
}

/// What has to be there for the recorded requests to make sense.
fn world(exchanges: &[Value]) -> String {
    let mut brands: Vec<Value> = Vec::new();
    let listed = body(find(exchanges, "brand.list"))["brands"].as_array().unwrap().clone();
    brands.extend(listed.iter().cloned());
    // More than a page of each list, or there is no next one.
    for index in 0..20 {
        brands.push(with_id(&listed[index % listed.len()], "brand_id", &format!("BMORE{index:02}")));
    }
    let shown = &body(find(exchanges, "brand.get"))["brand"];
    // Of the very same id one answer shows a starter brand, and another the use cases of a standard one.
    let mut shown = with_id(shown, "brand_id", "BRPXS6E");
    shown["brand_type"] = json!("STANDARD");
    brands.push(shown);
    brands.push(json!({ "brand_id": "B8OD95Z", "brand_type": "STANDARD" }));
    let brands = brands.into_iter().map(|brand| without(brand, &["vetting_status"]));

    let listed = body(find(exchanges, "campaign.list"))["campaigns"].as_array().unwrap().clone();
    let mut campaigns = listed.clone();
    for index in 0..20 {
        campaigns.push(with_id(&listed[index % listed.len()], "campaign_id", &format!("CMORE{index:02}")));
    }
    campaigns.push(body(find(exchanges, "campaign.get"))["campaign"].clone());
    campaigns.push(body(find(exchanges, "campaign.update"))["campaign"].clone());
    campaigns.push(json!({ "campaign_id": "CUU5RCB", "usecase": "MIXED" }));
    for index in 0..3 {
        campaigns.push(json!({
            "campaign_id": format!("CFILTER{index}"), "brand_id": "B1", "usecase": "MIXED",
            "sub_usecase": "2FA,MARKETING", "registration_status": "ACTIVE", "campaign_source": "plivo",
        }));
    }
    let mut numbers =
        body(find(exchanges, "campaign.get_numbers"))["phone_numbers"].as_array().unwrap().clone();
    // What is recorded as under way could be neither linked nor unlinked.
    numbers.iter_mut().for_each(|number| number["status"] = json!("COMPLETED"));
    numbers.extend((10..60).map(|index| json!({ "number": format!("141555501{index}") })));
    campaigns.push(json!({
        "campaign_id": "CRIGC80", "campaign_alias": "marketing messages", "usecase": "MIXED", "numbers": numbers,
    }));
    let campaigns = campaigns.into_iter().map(|mut campaign| {
        if let Some(sub) = campaign["sub_usecase"].as_str() {
            let codes: Vec<_> = sub.split(',').map(str::to_owned).collect();
            campaign["sub_usecases"] = json!(codes);
        }
        without(campaign, &["sub_usecase", "mno_metadata"])
    });
    let world = json!({
        "brand": brands.collect::<Vec<_>>(), "campaign": campaigns.collect::<Vec<_>>(), "answer": answers(exchanges),
    });
    toml::to_string(&world).unwrap()
}

/// Those that are no doing of Plivo's own: what a customer's code does on a 502 and the like.
fn answers(exchanges: &[Value]) -> Vec<Value> {
    let canned = ["error nested", "empty 204 delete", "html 502"];
    canned
        .iter()
        .map(|op| {
            let exchange = find(exchanges, op);
            let path = text(&exchange["request"], "target").split_once("/10dlc/").unwrap().1;
            json!({
                "method": exchange["request"]["method"], "path": path,
                "status": exchange["response"]["status"], "body": exchange["response"]["body"],
            })
        })
        .collect()
}

fn with_id(entity: &Value, field: &str, id: &str) -> Value {
    let mut entity = entity.clone();
    entity[field] = json!(id);
    entity
}

fn without(mut entity: Value, fields: &[&str]) -> Value {
    let object: &mut Map<String, Value> = entity.as_object_mut().unwrap();
    fields.iter().for_each(|field| drop(object.remove(*field)));
    entity
}

fn agree_as_texts(ours: &str, theirs: &str) -> Result<(), String> {
    match serde_json::from_str::<Value>(theirs) {
        Ok(theirs) => {
            let ours = serde_json::from_str(ours).map_err(|error| format!("not JSON: {error}"))?;
            agree("", &ours, &theirs)
        }
        Err(_) if ours == theirs => Ok(()),
        Err(_) => Err("not the same text".to_owned()),
    }
}

/// Whether ours has the shape of theirs; `at` is the name of the field.
fn agree(at: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let (mut mine, mut yours): (Vec<_>, Vec<_>) = (ours.keys().collect(), theirs.keys().collect());
            mine.sort();
            yours.sort();
            if mine != yours {
                return Err(format!("{at}: keys {mine:?} instead of {yours:?}"));
            }
            ours.iter().try_for_each(|(name, value)| agree(name, value, &theirs[name]))
        }
        (Value::Array(_), Value::Array(_)) if at == "use_cases" => match ours == theirs {
            true => Ok(()),
            false => Err(format!("{at}: {ours} instead of {theirs}")),
        },
        (Value::Array(ours), Value::Array(theirs)) => {
            if ours.is_empty() || theirs.is_empty() {
                return Err(format!("{at}: an empty list"));
            }
            let fits = |entry: &Value| theirs.iter().any(|other| agree(at, entry, other).is_ok());
            ours.iter()
                .find(|entry| !fits(entry))
                .map_or(Ok(()), |entry| Err(format!("{at}: {entry} is like none")))
        }
        (Value::String(ours), Value::String(theirs)) => agree_as_words(at, ours, theirs),
        (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_)) => Ok(()),
        (ours, theirs) => Err(format!("{at}: {ours} instead of {theirs}")),
    }
}

fn agree_as_words(at: &str, ours: &str, theirs: &str) -> Result<(), String> {
    let form = match at {
        "message" => return if ours == theirs { Ok(()) } else { Err(format!("{ours} instead of {theirs}")) },
        // A canned answer has no real one.
        "api_id" if theirs == "x" => "^(x|[0-9a-f-]{36})$",
        "api_id" => "^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "brand_id" => "^B[A-Z0-9]{1,7}$",
        "campaign_id" => "^C[A-Z0-9]{6,7}$",
        "next" => "^/v1/Account/MA[A-Z0-9]{18}/10dlc/(Brand|Campaign)/\\?limit=[0-9]+&offset=[0-9]+",
        "registration_status" | "status" => "^(COMPLETED|PROCESSING|FAILED|ACTIVE|EXPIRED)$",
        _ => return Ok(()),
    };
    let form = regex::Regex::new(form).unwrap();
    if form.is_match(ours) && form.is_match(theirs) {
        Ok(())
    } else {
        Err(format!("{at}: {ours} is not of the form of {theirs}"))
    }
}
