//! Loose names: `BrandID`, `brand_id`, `brand-id` and `brand.id` are one.

use std::collections::{HashMap, HashSet};

/// Lower case, letters and digits only.
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    fold_into(&mut folded, name);
    folded
}

fn fold_into(folded: &mut String, name: &str) {
    if name.is_ascii() {
        // As Plivo's names are; the same letters and digits, without a look into Unicode's tables for each.
        let start = folded.len();
        name.split(|c: char| !c.is_ascii_alphanumeric()).for_each(|kept| folded.push_str(kept));
        return folded[start..].make_ascii_lowercase();
    }
    folded.extend(name.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()));
}

/// What a parameter's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The brand's id.
    BrandId,
    /// The campaign's id.
    CampaignId,
    /// The phone number.
    Number,
    /// The status.
    Status,
    /// Rejection or failure text or code.
    Reason,
    /// A word that names the endpoint.
    Endpoint,
}

/// A parameter's name with its parents: the members of a JSON document on the way to a leaf, or the parts of
/// a flat name such as `brand.id` or `brand[id]`. Lists add nothing.
#[derive(Debug, Default)]
pub struct Path {
    folded: String,
    starts: Vec<usize>,
}

/// Where a path stood before [`Path::push`].
#[derive(Debug, Clone, Copy)]
pub struct Mark(usize, usize);

impl Path {
    /// The path of a flat name.
    pub fn of(name: &str) -> Self {
        let mut path = Path::default();
        path.push(name);
        path
    }

    /// Steps down to `name`. Give the mark back to [`Path::pop`].
    pub fn push(&mut self, name: &str) -> Mark {
        let mark = Mark(self.folded.len(), self.starts.len());
        for part in name.split(['.', '[', ']']) {
            let start = self.folded.len();
            fold_into(&mut self.folded, part);
            if self.folded.len() > start {
                self.starts.push(start);
            }
        }
        mark
    }

    /// Steps back up.
    pub fn pop(&mut self, mark: Mark) {
        self.folded.truncate(mark.0);
        self.starts.truncate(mark.1);
    }

    /// The whole path, folded.
    pub fn as_str(&self) -> &str {
        &self.folded
    }

    /// The path with all of its parents, then with ever fewer. What is longer than `longest` is left out.
    fn suffixes(&self, longest: usize) -> impl Iterator<Item = (usize, &str)> {
        let suffixes = self.starts.iter().map(|&start| &self.folded[start..]);
        suffixes.enumerate().filter(move |(_, suffix)| suffix.len() <= longest)
    }
}

/// How a path was recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The alias's place in its list.
    pub rank: usize,
    /// How many parents were left out.
    pub dropped: usize,
}

/// Every alias, by its folded form.
#[derive(Debug, Clone, Default)]
pub struct Names {
    aliases: HashMap<String, (Field, usize)>,
    longest: usize,
}

impl Names {
    /// Adds `alias`. An alias that is there already keeps its meaning, which is returned.
    pub fn insert(&mut self, alias: &str, field: Field, rank: usize) -> Field {
        let folded = fold(alias);
        self.longest = self.longest.max(folded.len());
        self.aliases.entry(folded).or_insert((field, rank)).0
    }

    /// The field that `path` names, with as many of its parents as possible.
    pub fn find(&self, path: &Path) -> Option<(Field, Match)> {
        path.suffixes(self.longest).find_map(|(dropped, suffix)| {
            let &(field, rank) = self.aliases.get(suffix)?;
            Some((field, Match { rank, dropped }))
        })
    }
}

/// Names of volatile parameters.
#[derive(Debug, Clone, Default)]
pub struct Ignored {
    names: HashSet<String>,
    longest: usize,
}

impl Ignored {
    /// From names in any spelling.
    pub fn new(names: &[String]) -> Self {
        let names: HashSet<String> = names.iter().map(|name| fold(name)).collect();
        Ignored { longest: names.iter().map(String::len).max().unwrap_or(0), names }
    }

    /// Whether nothing is ignored.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether `path` is ignored, with or without its parents.
    pub fn has(&self, path: &Path) -> bool {
        path.suffixes(self.longest).any(|(_, suffix)| self.names.contains(suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name() {
        for name in ["BrandID", "brand_id", "brand-id", "BRAND ID", "brand.id", "Brand[Id]"] {
            assert_eq!(fold(name), "brandid", "{name}");
        }
        assert_ne!(fold("tcr_brand_id"), "brandid");
    }

    #[test]
    fn a_name_matches_with_and_without_its_parents() {
        let mut names = Names::default();
        names.insert("brand_id", Field::BrandId, 0);
        names.insert("status", Field::Status, 3);
        let found = |path: &str| names.find(&Path::of(path));
        assert_eq!(found("brand.id"), Some((Field::BrandId, Match { rank: 0, dropped: 0 })));
        assert_eq!(found("data.brand.id"), Some((Field::BrandId, Match { rank: 0, dropped: 1 })));
        assert_eq!(found("data[brand][status]"), Some((Field::Status, Match { rank: 3, dropped: 2 })));
        assert_eq!(found("brand.id.status.x"), None);
        assert_eq!(found("tcr_brand_id"), None, "a part of a name is not its parent");
        assert_eq!(found("..[]"), None);
    }

    #[test]
    fn pushing_and_popping() {
        let mut path = Path::of("a");
        let mark = path.push("b.c");
        assert_eq!(path.as_str(), "abc");
        path.pop(mark);
        assert_eq!(path.as_str(), "a");
    }
}
