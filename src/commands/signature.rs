//! `signature verify`: captured requests against their signatures, one JSON object a line.
//!
//! A line has the fields of the vector files: `name`, `method`, `uri`, `params`, `auth_token`, `nonce` and
//! `signature`; others are passed over. Exactly that URL is checked, and no other.

use std::io::{self, BufRead, Write};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use crate::signature::{Capture, Scheme, Verdict, verify_exact};

/// The longest line that is read. A callback's body is at most some tens of kilobytes.
const MAX_LINE: usize = 1024 * 1024;

/// Reads captures as JSON Lines and writes one line of JSON for each: `name`, `valid`, `signed`, `reason`, and
/// `error` where the line was no capture. Returns whether all were valid. Blank lines are passed over.
///
/// No token is ever written, not even for a line that cannot be read.
///
/// # Errors
/// When `input` cannot be read or `output` not written; a line that makes no sense is an answer, not an error.
pub fn verify(scheme: Scheme, mut input: impl BufRead, mut output: impl Write) -> anyhow::Result<bool> {
    let mut line = Vec::new();
    let mut all_valid = true;
    for number in 1_u64.. {
        let read = read_line(&mut input, &mut line).with_context(|| format!("cannot read line {number}"))?;
        let parsed = match read {
            Line::End => break,
            Line::TooLong => Err(format!("longer than {MAX_LINE} bytes")),
            Line::Whole if line.trim_ascii().is_empty() => continue,
            Line::Whole => parse(&line),
        };
        let answer = Answer::new(scheme, number, &parsed);
        all_valid &= answer.verdict.valid;
        serde_json::to_writer(&mut output, &answer).context("cannot write an answer")?;
        output.write_all(b"\n").context("cannot write an answer")?;
    }
    output.flush().context("cannot write the answers")?;
    Ok(all_valid)
}

/// One line of the output.
#[derive(Serialize)]
struct Answer<'a> {
    name: Option<&'a str>,
    #[serde(flatten)]
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl<'a> Answer<'a> {
    fn new(scheme: Scheme, number: u64, parsed: &'a Result<Value, String>) -> Self {
        let name = parsed.as_ref().ok().and_then(|fields| fields["name"].as_str());
        let capture = parsed.as_ref().map_err(String::clone).and_then(|fields| capture(scheme, fields));
        match capture {
            Ok(capture) => Self { name, verdict: verify_exact(scheme, &capture), error: None },
            Err(error) => Self {
                name,
                verdict: Verdict { valid: false, signed: None, reason: Some("malformed_line") },
                error: Some(format!("line {number}: {error}")),
            },
        }
    }
}

fn parse(line: &[u8]) -> Result<Value, String> {
    let value: Value =
        serde_json::from_slice(line).map_err(|error| format!("not json at column {}", error.column()))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("not a json object; give one capture a line, as `jq -c '.[]'` prints an array".to_owned())
    }
}

/// The fields that the scheme looks at: V2 signs neither method nor parameters, so it needs none.
fn capture(scheme: Scheme, fields: &Value) -> Result<Capture<'_>, String> {
    let text = |name: &str| match &fields[name] {
        Value::String(text) => Ok(text.as_str()),
        Value::Null => Err(format!("the field `{name}` is missing")),
        _ => Err(format!("the field `{name}` is not a string")),
    };
    Ok(Capture {
        method: match scheme {
            Scheme::V2 => "",
            Scheme::V3 => text("method")?,
        },
        uri: text("uri")?,
        params: &fields["params"],
        auth_token: text("auth_token")?,
        nonce: text("nonce")?,
        signature: text("signature")?,
    })
}

enum Line {
    Whole,
    TooLong,
    End,
}

/// Reads up to the next newline into `line`, without it. Of a line that is too long nothing is kept, and the
/// next call starts behind it.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut too_long = false;
    let mut started = false;
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let newline = chunk.iter().position(|&byte| byte == b'\n');
        let text = chunk.get(..newline.unwrap_or(chunk.len())).unwrap_or_default();
        started |= !chunk.is_empty();
        too_long |= line.len() + text.len() > MAX_LINE;
        if too_long {
            line.clear();
        } else {
            line.extend_from_slice(text);
        }
        let at_end = newline.is_some() || chunk.is_empty();
        let used = newline.map_or(chunk.len(), |at| at + 1);
        input.consume(used);
        match (at_end, started, too_long) {
            (false, ..) => {}
            (true, false, _) => return Ok(Line::End),
            (true, true, true) => return Ok(Line::TooLong),
            (true, true, false) => return Ok(Line::Whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use serde_json::json;

    use super::*;

    /// Runs the command with a small buffer, so that lines span several reads.
    fn run(scheme: Scheme, input: &str) -> (bool, Vec<Value>) {
        let mut output = Vec::new();
        let reader = BufReader::with_capacity(7, input.as_bytes());
        let valid = verify(scheme, reader, &mut output).unwrap();
        let lines = std::str::from_utf8(&output).unwrap().lines();
        (valid, lines.map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    fn official() -> Value {
        json!({
            "name": "doc", "uri": "https://answer.url", "auth_token": "my_auth_token", "nonce": "12345",
            "signature": "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=",
        })
    }

    #[test]
    fn a_capture_is_answered_with_what_was_signed() {
        let (valid, lines) = run(Scheme::V2, &official().to_string());
        assert!(valid);
        assert_eq!(
            lines,
            [json!({"name": "doc", "valid": true, "signed": "https://answer.url12345", "reason": null})]
        );
    }

    #[test]
    fn a_vector_file_line_by_line() {
        let vectors: Vec<Value> =
            serde_json::from_str(include_str!("../../tests/vectors/signature_v3.json")).unwrap();
        let input: String = vectors.iter().map(|vector| format!("{vector}\r\n")).collect();
        let (valid, lines) = run(Scheme::V3, &input);
        assert!(!valid);
        assert_eq!(lines.len(), vectors.len());
        for (vector, line) in vectors.iter().zip(&lines) {
            assert_eq!((&line["name"], &line["valid"]), (&vector["name"], &vector["expected"]));
        }
    }

    #[test]
    fn a_line_that_is_no_capture_is_named_and_the_rest_goes_on() {
        let mut no_nonce = official();
        no_nonce["nonce"] = Value::Null;
        let mut number = official();
        number["nonce"] = json!(12345);
        let long = "x".repeat(MAX_LINE + 1);
        let good = official();
        let input = format!("{no_nonce}\n{number}\n\n{{\"a\n[{good}]\n\u{0}\n{long}\n{good}");
        let (valid, lines) = run(Scheme::V2, &input);
        assert!(!valid);
        let errors: Vec<_> = lines.iter().map(|line| line["error"].as_str().unwrap_or("none")).collect();
        assert_eq!(
            errors,
            [
                "line 1: the field `nonce` is missing",
                "line 2: the field `nonce` is not a string",
                "line 4: not json at column 3",
                "line 5: not a json object; give one capture a line, as `jq -c '.[]'` prints an array",
                "line 6: not json at column 1",
                "line 7: longer than 1048576 bytes",
                "none",
            ]
        );
        assert_eq!(lines[0]["name"], "doc");
        assert_eq!(lines[0]["reason"], "malformed_line");
        assert_eq!(lines[6]["valid"], true);
        assert!(lines.iter().all(|line| !line.to_string().contains("my_auth_token")));
    }

    #[test]
    fn the_method_is_needed_where_it_is_signed() {
        let (_, lines) = run(Scheme::V3, &official().to_string());
        assert_eq!(lines[0]["error"], "line 1: the field `method` is missing");
    }

    #[test]
    fn no_input_is_no_invalid_capture() {
        assert_eq!(run(Scheme::V2, ""), (true, vec![]));
        assert_eq!(run(Scheme::V2, "\n \n"), (true, vec![]));
    }
}
