//! What is wrong with a configuration: where it stands, under which key, and what is accepted there.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The commented default that is built into the program.
    BuiltIn,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("built-in default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// One thing that is wrong. Never holds the value of a key that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    origin: Origin,
    key: String,
    what: String,
}

impl Problem {
    /// `key` is the path with dots, empty for a whole file.
    pub fn new(origin: Origin, key: impl Into<String>, what: impl Into<String>) -> Self {
        Problem { origin, key: key.into(), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// Everything that was found wrong, so that it can be mended in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one more.
    pub fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// `value` when nothing is wrong.
    ///
    /// # Errors
    /// These problems, when there are any.
    pub fn or<T>(self, value: T) -> Result<T, Problems> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Problems(vec![problem])
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// "accepted are …", with the likely one first when `got` is close to one of `accepted`.
pub(super) fn accepted(got: &str, accepted: &[&str]) -> String {
    let list = accepted.join(", ");
    match closest(got, accepted) {
        Some(near) => format!("did you mean `{near}`? accepted are {list}"),
        None if accepted.is_empty() => "nothing is accepted here".to_owned(),
        None => format!("accepted are {list}"),
    }
}

/// The word that a slip or two, or one letter in three, can have come from.
fn closest<'a>(got: &str, words: &[&'a str]) -> Option<&'a str> {
    let got = got.to_lowercase();
    let near = words.iter().map(|word| (distance(&got, word), *word)).min()?;
    let slips = if got.len() < 4 { 1 } else { (got.chars().count() / 3).max(2) };
    (near.0 <= slips).then_some(near.1)
}

/// Levenshtein's distance, row by row.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_suggested_and_far_ones_are_not() {
        assert_eq!(closest("lisen", &["listen", "routes"]), Some("listen"));
        assert_eq!(closest("cuont", &["count", "flag"]), Some("count"));
        assert_eq!(closest("LISTEN", &["listen", "routes"]), Some("listen"));
        assert_eq!(closest("colour", &["listen", "routes"]), None);
        assert_eq!(closest("x", &[]), None);
    }

    #[test]
    fn distances() {
        for (left, right, expected) in
            [("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "a", 0)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }
}
