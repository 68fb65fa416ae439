//! A validator for the part of JSON Schema that our schemas use. It knows no other: a keyword outside that part is a
//! failure, so that nothing goes unchecked. (The integration tests validate with a full one.)

use regex::Regex;
use serde_json::{Map, Value};

/// What is wrong with `instance`, empty when it is valid.
pub fn problems(schema: &Value, instance: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check(schema, instance, "", &mut problems);
    problems
}

fn check(schema: &Value, instance: &Value, at: &str, problems: &mut Vec<String>) {
    for (keyword, value) in schema.as_object().expect("a schema is an object") {
        if !holds(keyword, value, instance, at, problems, schema) {
            problems.push(format!("{at}: {keyword} {value} does not hold for {instance}"));
        }
    }
}

fn holds(
    keyword: &str,
    value: &Value,
    instance: &Value,
    at: &str,
    problems: &mut Vec<String>,
    schema: &Value,
) -> bool {
    let text = instance.as_str();
    match keyword {
        "$schema" | "$id" | "title" | "description" | "format" | "contentEncoding" => true,
        "type" => is_of(value.as_str().unwrap(), instance),
        "const" => value == instance,
        "enum" => value.as_array().unwrap().contains(instance),
        "pattern" => text.is_none_or(|text| Regex::new(value.as_str().unwrap()).unwrap().is_match(text)),
        "minLength" => text.is_none_or(|text| text.chars().count() as u64 >= value.as_u64().unwrap()),
        "minimum" => instance.as_u64().is_none_or(|number| number >= value.as_u64().unwrap()),
        "minItems" => instance.as_array().is_none_or(|items| items.len() as u64 >= value.as_u64().unwrap()),
        "required" => {
            let has = |name: &Value| instance.get(name.as_str().unwrap()).is_some();
            !instance.is_object() || value.as_array().unwrap().iter().all(has)
        }
        "oneOf" => {
            let options = value.as_array().unwrap();
            options.iter().filter(|option| self::problems(option, instance).is_empty()).count() == 1
        }
        "items" => {
            let items = instance.as_array().into_iter().flatten();
            items.for_each(|item| check(value, item, &format!("{at}/*"), problems));
            true
        }
        "properties" => {
            for (name, property) in value.as_object().unwrap() {
                if let Some(found) = instance.get(name) {
                    check(property, found, &format!("{at}/{name}"), problems);
                }
            }
            true
        }
        "additionalProperties" => {
            let known = schema.get("properties").and_then(Value::as_object);
            let known = |name: &str| known.is_some_and(|known: &Map<String, Value>| known.contains_key(name));
            let others = instance.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
            others.for_each(|(name, found)| check(value, found, &format!("{at}/{name}"), problems));
            true
        }
        other => panic!("the validator does not know {other}: teach it"),
    }
}

fn is_of(name: &str, instance: &Value) -> bool {
    match name {
        "object" => instance.is_object(),
        "array" => instance.is_array(),
        "string" => instance.is_string(),
        "integer" => instance.is_u64() || instance.is_i64(),
        other => panic!("the validator does not know the type {other}: teach it"),
    }
}
