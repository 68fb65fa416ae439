//! What a consumer read.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::event::Event;

/// What a consumer read, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The consumer.
    pub name: String,
    /// Its events.
    pub events: Vec<Event>,
}

impl Reading {
    /// Reads all files, those of one name together.
    pub fn read_all(files: &[(String, PathBuf)]) -> Result<Vec<Self>, String> {
        let mut readings: Vec<Reading> = Vec::new();
        for (name, path) in files {
            let mut events = events(path)?;
            match readings.iter_mut().find(|reading| reading.name == *name) {
                Some(reading) => reading.events.append(&mut events),
                None => readings.push(Reading { name: name.clone(), events }),
            }
        }
        Ok(readings)
    }
}

fn events(path: &Path) -> Result<Vec<Event>, String> {
    let told = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| told(path, &error))?;
        return parse(&text, "-").map_err(|error| told(path, &error));
    }
    let files = if path.is_dir() {
        of_directory(path).map_err(|error| told(path, &error))?
    } else {
        vec![path.to_owned()]
    };
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| told(&file, &error))?;
        all.extend(parse(&text, &topic(&file).0).map_err(|error| told(&file, &error))?);
    }
    Ok(all)
}

/// The files of a directory, each topic's in the order in which they were written.
fn of_directory(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(file);
        }
    }
    files.sort_by_key(|file| topic(file));
    Ok(files)
}

/// The topic of a file, and when it was put aside, `topic.MILLISECONDS.jsonl`; the one still written comes last.
fn topic(file: &Path) -> (String, u64) {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let aside =
        stem.rsplit_once('.').and_then(|(topic, millis)| Some((topic.to_owned(), millis.parse().ok()?)));
    aside.unwrap_or_else(|| (stem.into_owned(), u64::MAX))
}

/// A last line without its end is one that a kill cut off, unless it is whole.
fn parse(text: &str, topic: &str) -> Result<Vec<Event>, String> {
    let ended = text.is_empty() || text.ends_with('\n');
    let mut events = Vec::new();
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    while let Some((number, line)) = lines.next() {
        match Event::read(line, topic) {
            Ok(event) => events.push(event),
            Err(_) if !ended && lines.peek().is_none() => {}
            Err(error) => return Err(format!("line {}: {error}", number + 1)),
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str) -> String {
        format!(r#"{{"specversion":"1.0","id":"{id}","source":"/plivo/MA1/10dlc","data":{{}}}}"#)
    }

    fn ids(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.id.as_str()).collect()
    }

    #[test]
    fn a_directory_is_read_topic_by_topic_and_what_was_put_aside_first() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
        write("p.b.jsonl", line("4") + "\n");
        write("p.a.jsonl", line("3") + "\n" + r#"{"specversion":"1.0","i"#);
        write("p.a.1700000000900.jsonl", line("2") + "\n");
        write("p.a.1700000000100.jsonl", line("1") + "\n");
        write("notes.txt", "no event".to_owned());
        let again = dir.path().join("p.b.jsonl");
        let files = [
            ("x".to_owned(), dir.path().to_owned()),
            ("y".to_owned(), again.clone()),
            ("x".to_owned(), again),
        ];
        let readings = Reading::read_all(&files).unwrap();
        assert_eq!(readings.iter().map(|reading| reading.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(ids(&readings[0].events), ["1", "2", "3", "4", "4"]);
        let places: Vec<&str> = readings[0].events.iter().map(|event| event.place.as_str()).collect();
        assert_eq!(places, ["p.a", "p.a", "p.a", "p.b", "p.b"]);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_told() {
        let error = parse(&format!("{}\nbroken\n{}\n", line("1"), line("2")), "t").unwrap_err();
        assert!(error.starts_with("line 2"), "{error}");
    }
}
