//! Why a value cannot be read, in words for operators, and without the value where it may be a secret.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::super::problem::accepted;

/// Why a value cannot be read.
#[derive(Debug)]
pub(in crate::config) struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ReadError(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        ReadError(format!("{} is not accepted: expected {}", kind(&found), words(expected)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let shown = match found {
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Unsigned(number) => number.to_string(),
            other => format!("this {}", bare_kind(&other)),
        };
        ReadError(format!("{shown} is not accepted: expected {}", words(expected)))
    }

    fn unknown_variant(got: &str, expected: &'static [&'static str]) -> Self {
        ReadError(format!("{got:?} is not accepted: {}", accepted(got, expected)))
    }

    fn unknown_field(got: &str, expected: &'static [&'static str]) -> Self {
        ReadError(format!("unknown key: {}", accepted(got, expected)))
    }

    fn missing_field(key: &'static str) -> Self {
        ReadError(format!("the key `{key}` is missing"))
    }
}

/// What is expected, in words for operators instead of Rust's.
fn words(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "usize" => "an integer from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a table",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
    .to_owned()
}

/// The type of a value, without the value: it may be a token.
fn kind(found: &Unexpected<'_>) -> String {
    let bare = bare_kind(found);
    let article = if bare.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {bare}")
}

fn bare_kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer",
        Unexpected::Float(_) => "floating point number",
        Unexpected::Char(_) | Unexpected::Str(_) => "string",
        Unexpected::Seq => "list",
        Unexpected::Map => "table",
        _ => "value",
    }
}

/// A text that was to be a number.
pub(super) fn not_a_number(text: &str, expected: &dyn Expected) -> ReadError {
    let text: String = text.chars().take(40).collect();
    ReadError(format!("{text:?} is not accepted: expected {}", words(expected)))
}
