//! A Plivo that anybody can run: takes 10DLC requests as Plivo's API does, and sends the callbacks that they owe.
//!
//! It shares no code with the relay: what checks the relay must not be made of it.

pub mod chaos;
pub mod content;
pub mod courier;
pub mod dice;
pub mod failure;
pub mod ledger;
pub mod notice;
pub mod profile;
pub mod scenario;
pub mod send;
pub mod sender;
pub mod sign;
#[cfg(test)]
mod testing;
pub mod verify;
pub mod words;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every file of the simulator, with its path.
    fn files(dir: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }

    #[test]
    fn it_names_only_itself() {
        let mut found = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim"), &mut found);
        assert!(found.len() > 20, "{}", found.len());
        for (path, text) in found {
            // Also where it is not at a line's beginning, and by the library's own name.
            let named = text.match_indices("crate::").map(|(at, name)| &text[at + name.len()..]);
            for rest in named.filter(|rest| !rest.starts_with('"')) {
                assert!(
                    rest.starts_with("sim::"),
                    "{path}: crate::{}",
                    rest.lines().next().unwrap_or_default()
                );
            }
            assert!(!text.contains(concat!("tendlc_", "relay::")), "{path}");
        }
    }
}
