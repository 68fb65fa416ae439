//! A Plivo that anybody can run: takes 10DLC requests as Plivo's API does, and sends the callbacks that they owe.
//!
//! It shares no code with the relay: what checks the relay must not be made of it.
//!
//! ```text
//! rest:  HTTP request → account → arguments → world (taken or refused) → answer, and steps on the schedule
//! life:  a step falls due → verdict → world → Notice → whoever sends callbacks
//! ```

pub mod accounts;
pub mod cli;
pub mod clock;
pub mod life;
pub mod notice;
pub mod plivo;
pub mod rest;
pub mod serve;
pub mod state;
pub mod world;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Every Rust file below a directory.
    fn sources(dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .collect()
    }

    #[test]
    fn nothing_of_the_relay_is_used() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim");
        let files = sources(&root);
        assert!(files.len() > 10, "{files:?}");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            // Not written out, or this file would find itself.
            for start in [concat!("cra", "te::"), concat!("tendlc", "_relay::")] {
                for (at, _) in text.match_indices(start) {
                    let named = &text[at + start.len()..];
                    assert!(named.starts_with("sim::"), "{}: {start}{:.40}", file.display(), named);
                }
            }
        }
    }
}
