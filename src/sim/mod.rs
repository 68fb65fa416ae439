//! A Plivo that anybody can run: takes 10DLC requests as Plivo's API does, and sends the callbacks that they owe.
//!
//! It shares no code with the relay: what checks the relay must not be made of it.
//!
//! ```text
//! rest:  HTTP request → account → arguments → world (taken or refused) → answer, and steps on the schedule
//! life:  a step falls due → verdict → world → Notice → whoever sends callbacks
//! ```

pub mod accounts;
pub mod chaos;
pub mod cli;
pub mod clock;
pub mod content;
pub mod courier;
pub mod dice;
pub mod failure;
pub mod given;
pub mod ledger;
pub mod life;
pub mod load;
pub mod meaning;
pub mod notice;
pub mod plivo;
pub mod profile;
pub mod rest;
pub mod scenario;
pub mod send;
pub mod sender;
pub mod serve;
pub mod sign;
pub mod state;
#[cfg(test)]
mod testing;
pub mod verify;
pub mod words;
pub mod world;

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Every file of the simulator, with its path.
    fn files(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }

    /// How many modules of the simulator a file is in.
    fn depth(file: &Path) -> usize {
        file.components().count() - usize::from(file.ends_with("mod.rs"))
    }

    #[test]
    fn it_names_only_itself() {
        const ROOT: &str = concat!("crate", "::");
        const UP: &str = concat!("super", "::");
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim");
        let mut found = Vec::new();
        files(&top, &mut found);
        assert!(found.len() > 20, "{}", found.len());
        for (path, text) in found {
            let shown = path.display();
            let mut named = text.match_indices(ROOT).map(|(at, name)| &text[at + name.len()..]);
            assert!(named.all(|rest| rest.starts_with("sim::")), "{shown} names another module by {ROOT}");
            let out = UP.repeat(depth(path.strip_prefix(&top).unwrap()) + 1);
            assert!(!text.contains(&out), "{shown} names another module by {out}");
            assert!(!text.contains(concat!("tendlc_", "relay::")), "{shown} names the library");
        }
    }
}
