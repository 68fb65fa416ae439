//! `schema`: the JSON Schemas of the events.

use std::io::Write;

use anyhow::Context as _;
use serde_json::{Map, Value};

use crate::normalize::schema::{KINDS, Kind, schema};

/// Writes the schema of one kind of event, or of all: an object that holds each under its kind's name.
///
/// # Errors
/// When `output` cannot be written.
pub fn run(kind: Option<Kind>, mut output: impl Write) -> anyhow::Result<()> {
    let document = kind.map_or_else(all, |kind| schema(kind.0));
    serde_json::to_writer_pretty(&mut output, &document).context("cannot write the schema")?;
    output.write_all(b"\n").context("cannot write the schema")?;
    output.flush().context("cannot write the schema")
}

fn all() -> Value {
    Value::Object(
        KINDS.map(|kind| (kind.as_str().to_owned(), schema(kind.0))).into_iter().collect::<Map<_, _>>(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use super::*;

    fn printed(kind: Option<Kind>) -> String {
        let mut output = Vec::new();
        run(kind, &mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    /// Version 1 only grows. When this fails, events changed their shape: see that no field went and none
    /// became narrower, then run the test with `UPDATE_SCHEMAS=1`.
    #[test]
    fn the_kept_schemas_are_the_generated_ones() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/schemas");
        for kind in KINDS {
            let file = directory.join(format!("{kind}.v1.json"));
            if env::var_os("UPDATE_SCHEMAS").is_some() {
                fs::create_dir_all(&directory).unwrap();
                fs::write(&file, printed(Some(kind))).unwrap();
            }
            let kept = fs::read_to_string(&file).unwrap_or_default();
            assert!(
                kept == printed(Some(kind)),
                "{} differs from what `schema {kind}` prints",
                file.display()
            );
        }
    }

    #[test]
    fn all_schemas_stand_under_their_names() {
        let document: Value = serde_json::from_str(&printed(None)).unwrap();
        let names: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(names, ["brand", "campaign", "number_linking", "number_unlinking", "unrecognized"]);
        for kind in KINDS {
            let one: Value = serde_json::from_str(&printed(Some(kind))).unwrap();
            assert_eq!(one, document[kind.as_str()]);
        }
    }
}
