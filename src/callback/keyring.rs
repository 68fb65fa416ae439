//! The accounts and their keys, prepared once and swapped whole when a token file changes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::metrics::KEY_SLOTS;
use crate::signature::Key;

/// Why an account cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No auth id, or one that could not stand in a path or a log line.
    #[error("auth_id: a Plivo auth id is letters and digits, such as MAXXXXXXXXXXXXXXXXXX")]
    AuthId,
    /// A name that could not stand in a path.
    #[error("an account's name is 1 to 64 letters, digits, dashes and underscores")]
    Name,
    /// No token at all.
    #[error("tokens: at least one auth token is needed; copy it from the Plivo console")]
    NoToken,
    /// A token that is empty.
    #[error("{list}: a token is empty; anybody could sign with it")]
    EmptyToken {
        /// The key of the list in the configuration.
        list: &'static str,
    },
    /// More live tokens than a rotation needs.
    #[error("{list}: more than {KEY_SLOTS} tokens; remove those that Plivo no longer signs with")]
    TooManyTokens {
        /// The key of the list in the configuration.
        list: &'static str,
    },
    /// Two accounts with one auth id.
    #[error("auth_id: {0} stands in two accounts")]
    RepeatedAuthId(String),
}

/// One Plivo account or sub-account with its live auth tokens.
#[derive(Debug, Clone)]
pub struct Account {
    name: String,
    auth_id: String,
    /// The account's own tokens: what signs `X-Plivo-Signature-V2` and `-V3`.
    tokens: Vec<Key>,
    /// The main account's tokens: what signs the `-Ma-` headers. Empty where the account is a main account itself,
    /// whose own tokens then sign both.
    main_tokens: Vec<Key>,
}

impl Account {
    /// Prepares the keys of an account.
    ///
    /// # Errors
    /// When a name, auth id or token could not work; the text names the key of the configuration.
    pub fn new<'a>(
        name: &str,
        auth_id: &str,
        tokens: impl IntoIterator<Item = &'a str>,
        main_tokens: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, AccountError> {
        if !is_name(name) {
            return Err(AccountError::Name);
        }
        if auth_id.is_empty()
            || auth_id.len() > 64
            || !auth_id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(AccountError::AuthId);
        }
        let tokens = keys("tokens", tokens)?;
        let main_tokens = keys("main_tokens", main_tokens)?;
        if tokens.is_empty() && main_tokens.is_empty() {
            return Err(AccountError::NoToken);
        }
        Ok(Account { name: name.to_owned(), auth_id: auth_id.to_owned(), tokens, main_tokens })
    }

    /// The name in the configuration, in paths and in events.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Plivo auth id.
    pub fn auth_id(&self) -> &str {
        &self.auth_id
    }

    /// How many keys one signed string can be checked against.
    pub fn key_count(&self) -> usize {
        self.tokens.len() + self.main_tokens.len()
    }

    pub(super) fn tokens(&self) -> &[Key] {
        &self.tokens
    }

    pub(super) fn main_tokens(&self) -> &[Key] {
        &self.main_tokens
    }
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(known)
}

fn keys<'a>(list: &'static str, tokens: impl IntoIterator<Item = &'a str>) -> Result<Vec<Key>, AccountError> {
    let keys: Vec<Key> = tokens
        .into_iter()
        .map(Key::new)
        .collect::<Result<_, _>>()
        .map_err(|_| AccountError::EmptyToken { list })?;
    if keys.len() > KEY_SLOTS {
        return Err(AccountError::TooManyTokens { list });
    }
    Ok(keys)
}

/// Every account, by name. Immutable; a changed token makes a new keyring.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    accounts: BTreeMap<String, Account>,
}

impl Keyring {
    /// A keyring of these accounts; a later one replaces an earlier one of the same name.
    ///
    /// # Errors
    /// When two accounts have one auth id: their events could not be told apart.
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Result<Self, AccountError> {
        let accounts: BTreeMap<String, Account> =
            accounts.into_iter().map(|account| (account.name.clone(), account)).collect();
        let mut seen = HashSet::new();
        for account in accounts.values() {
            if !seen.insert(account.auth_id.as_str()) {
                return Err(AccountError::RepeatedAuthId(account.auth_id.clone()));
            }
        }
        Ok(Keyring { accounts })
    }

    /// The account of this name.
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// Every account, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Account> + Clone {
        self.accounts.values()
    }

    /// How many accounts.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there is no account: nothing can be verified.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}

/// The keyring in force. Clones share it; a reload swaps it whole, and a callback sees one or the other.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    current: Arc<ArcSwap<Keyring>>,
}

impl Accounts {
    /// Starts with this keyring.
    pub fn new(keyring: Keyring) -> Self {
        Accounts { current: Arc::new(ArcSwap::from_pointee(keyring)) }
    }

    /// The keyring in force.
    pub fn load(&self) -> Arc<Keyring> {
        self.current.load_full()
    }

    /// Puts another keyring in force.
    pub fn replace(&self, keyring: Keyring) {
        self.current.store(Arc::new(keyring));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_could_not_work_is_refused_by_the_key_that_is_wrong() {
        let account = |name, id, tokens: &[&'static str]| Account::new(name, id, tokens.iter().copied(), []);
        assert!(account("acme", "MA1", &["t"]).is_ok());
        assert_eq!(account("ac/me", "MA1", &["t"]).unwrap_err(), AccountError::Name);
        assert_eq!(account("", "MA1", &["t"]).unwrap_err(), AccountError::Name);
        assert_eq!(account("acme", "", &["t"]).unwrap_err(), AccountError::AuthId);
        assert_eq!(account("acme", "MA/1", &["t"]).unwrap_err(), AccountError::AuthId);
        assert_eq!(account("acme", "MA1", &[]).unwrap_err(), AccountError::NoToken);
        assert_eq!(
            account("acme", "MA1", &["t", ""]).unwrap_err(),
            AccountError::EmptyToken { list: "tokens" }
        );
        assert_eq!(
            account("acme", "MA1", &["t"; KEY_SLOTS + 1]).unwrap_err(),
            AccountError::TooManyTokens { list: "tokens" }
        );
    }

    #[test]
    fn two_accounts_never_share_an_auth_id() {
        let account = |name| Account::new(name, "MA1", ["t"], []).unwrap();
        assert!(Keyring::new([account("a")]).is_ok());
        assert!(Keyring::new([account("a"), account("b")]).is_err());
    }
}
