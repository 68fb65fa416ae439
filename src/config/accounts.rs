//! Accounts and their tokens: from the main file, one a file in `accounts_dir`, from token files and the
//! environment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::problem::{Origin, Problem, Problems};
use super::tree::{Node, read_file, read_text};
use crate::callback::{Account, Keyring};
use crate::units::Secret;

/// One Plivo account or sub-account. While a token is being rotated, list the old and the new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// The auth id, from the Plivo console.
    pub auth_id: String,
    /// Every live auth token.
    pub tokens: Vec<Secret>,
    /// A file with more tokens, one a line; read again when its content changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_file: Option<PathBuf>,
    /// The main account's live auth tokens, where this is a sub-account: they sign the `-Ma-` headers.
    pub main_tokens: Vec<Secret>,
    /// A file with more of the main account's tokens, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_tokens_file: Option<PathBuf>,
}

/// The accounts as they are now, with the tokens out of their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadedAccounts {
    accounts: BTreeMap<String, AccountConfig>,
    /// How many came out of `accounts_dir`.
    from_dir: usize,
}

impl LoadedAccounts {
    /// Reads the token files of `accounts`. `tree` knows where each account stands.
    pub(super) fn resolve(
        mut accounts: BTreeMap<String, AccountConfig>,
        from_dir: usize,
        problems: &mut Problems,
    ) -> Self {
        for account in accounts.values_mut() {
            for (file, tokens) in [
                (&account.tokens_file, &mut account.tokens),
                (&account.main_tokens_file, &mut account.main_tokens),
            ] {
                match file.as_deref().map(read_tokens) {
                    None => {}
                    Some(Ok(more)) => tokens.extend(more),
                    Some(Err(problem)) => problems.push(problem),
                }
                // A token that stands in both places during a rotation costs one HMAC, not two.
                let mut seen = Vec::new();
                tokens.retain(|token| {
                    !seen.contains(token) && {
                        seen.push(token.clone());
                        true
                    }
                });
            }
        }
        LoadedAccounts { accounts, from_dir }
    }

    /// Prepares the keys.
    ///
    /// # Errors
    /// Every account that cannot work, by its origin.
    pub(super) fn keyring(&self, origin: impl Fn(&str) -> Origin) -> Result<Keyring, Problems> {
        let mut problems = Problems::default();
        let mut ready = Vec::new();
        for (name, account) in &self.accounts {
            let tokens = account.tokens.iter().map(Secret::expose);
            let main_tokens = account.main_tokens.iter().map(Secret::expose);
            match Account::new(name, &account.auth_id, tokens, main_tokens) {
                Ok(account) => ready.push(account),
                Err(error) => {
                    problems.push(Problem::new(origin(name), format!("accounts.{name}"), error.to_string()));
                }
            }
        }
        let keyring = Keyring::new(ready).unwrap_or_else(|error| {
            problems.push(Problem::new(origin(""), "accounts", error.to_string()));
            Keyring::default()
        });
        problems.or(keyring)
    }

    /// Whether there is no account.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Whether a directory that held accounts before holds none now: rather a missing mount than a decision.
    pub(super) fn lost_its_dir(&self, before: &LoadedAccounts) -> bool {
        before.from_dir > 0 && self.from_dir == 0
    }

    /// The names that `before` did not have, those that are gone, and those whose tokens or ids differ.
    pub(super) fn changes(&self, before: &LoadedAccounts) -> Changes {
        let names = |of: &LoadedAccounts, keep: &dyn Fn(&str, &AccountConfig) -> bool| {
            of.accounts
                .iter()
                .filter(|(name, account)| keep(name, account))
                .map(|(name, _)| name.clone())
                .collect()
        };
        Changes {
            added: names(self, &|name, _| !before.accounts.contains_key(name)),
            removed: names(before, &|name, _| !self.accounts.contains_key(name)),
            changed: names(self, &|name, account| {
                before.accounts.get(name).is_some_and(|old| old != account)
            }),
        }
    }
}

/// What a reload brought, by the names of accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New ones.
    pub added: Vec<String>,
    /// Ones that are no longer configured.
    pub removed: Vec<String>,
    /// Ones with other tokens or another auth id.
    pub changed: Vec<String>,
}

/// Puts the accounts of `dir`, one a file, into the table `accounts`. Returns how many.
pub(super) fn merge_dir(tree: &mut Node, dir: &Path, problems: &mut Problems) -> usize {
    let origin = Origin::File(dir.to_owned());
    let files = match account_files(dir) {
        Ok(files) => files,
        Err(error) => {
            let what = format!("accounts_dir cannot be read: {error}");
            problems.push(Problem::new(origin, "", what));
            return 0;
        }
    };
    let Some(root) = tree.entries_mut() else { return 0 };
    let table = root.entry("accounts".to_owned()).or_insert_with(|| Node::table(origin));
    let mut merged = 0;
    for (name, path) in files {
        match read_file(&path) {
            Err(problem) => problems.push(problem),
            Ok(account) => {
                let Some(accounts) = table.entries_mut() else { return merged };
                match accounts.entry(name) {
                    Entry::Vacant(place) => {
                        place.insert(account);
                        merged += 1;
                    }
                    Entry::Occupied(place) => {
                        let what = "stands in the main configuration as well: keep one of the two";
                        let key = format!("accounts.{}", place.key());
                        problems.push(Problem::new(Origin::File(path), key, what));
                    }
                }
            }
        }
    }
    merged
}

/// The account files of a directory by the account's name, which is the file's stem. Names that begin with a dot
/// are Kubernetes' own (`..data`) or an editor's.
pub(super) fn account_files(dir: &Path) -> std::io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "toml") && !stem.starts_with('.') {
            files.insert(stem.to_owned(), path);
        }
    }
    Ok(files)
}

/// Reads a file of auth tokens, one a line; blank lines do not count.
///
/// # Errors
/// When it cannot be read, or holds none.
pub fn read_tokens(path: &Path) -> Result<Vec<Secret>, Problem> {
    let text = zeroize::Zeroizing::new(read_text(path)?);
    let tokens: Vec<Secret> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Secret::from).collect();
    if tokens.is_empty() {
        return Err(Problem::new(
            Origin::File(path.to_owned()),
            "",
            "holds no token: one a line is expected",
        ));
    }
    Ok(tokens)
}
