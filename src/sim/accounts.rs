//! Who may call, and by which token.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de};

use super::notice::Account;
use super::world::Ids;

/// The auth id of the account that is made where none is given.
const TEST_AUTH_ID: &str = "MASIMULATOR000000000";

/// An account as a flag or a file says it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    /// `MA…`, or `SA…` for a sub-account.
    pub auth_id: String,
    /// Its token.
    #[serde(deserialize_with = "token")]
    pub token: String,
    /// The main account of a sub-account.
    pub main: Option<String>,
}

impl fmt::Debug for AccountSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSpec").field("auth_id", &self.auth_id).finish_non_exhaustive()
    }
}

/// Why an account cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Not in the flag's form. The text is not repeated: a token may stand in it.
    #[error("an account is AUTH_ID:TOKEN, a sub-account SUB_ID:TOKEN@MAIN_ID")]
    Form,
    /// Not an id of Plivo's form, which the SDKs check too. It is not repeated: a token may stand in its place.
    #[error(
        "what was given is no auth id (nor repeated here): one begins with MA, or SA for a sub-account, and has 20 letters and digits"
    )]
    AuthId,
    /// A token of nothing, or one that an Authorization header cannot carry.
    #[error("the token of {0} is empty or has characters that are not printable ASCII")]
    Token(String),
    /// A sub-account without a main account, or the reverse.
    #[error("{0}: a sub-account (SA…) has a main account, and only a sub-account has")]
    Main(String),
    /// The main account is not there.
    #[error("{0}: its main account {1} is not one of the accounts")]
    NoMain(String, String),
    /// Twice, with different tokens.
    #[error("account {0} is given twice")]
    Twice(String),
}

impl FromStr for AccountSpec {
    type Err = AccountError;

    /// `AUTH_ID:TOKEN` or `SUB_ID:TOKEN@MAIN_ID`.
    fn from_str(text: &str) -> Result<Self, AccountError> {
        let (auth_id, rest) = text.split_once(':').ok_or(AccountError::Form)?;
        let (token, main) = match rest.rsplit_once('@') {
            Some((token, main)) => (token, Some(main.to_owned())),
            None => (rest, None),
        };
        let spec = AccountSpec { auth_id: auth_id.to_owned(), token: token.to_owned(), main };
        spec.check()?;
        Ok(spec)
    }
}

impl AccountSpec {
    fn check(&self) -> Result<(), AccountError> {
        let id = &self.auth_id;
        // A token with an @ has its end there where the main account should be.
        if !is_auth_id(id) || self.main.as_ref().is_some_and(|main| !is_auth_id(main)) {
            return Err(AccountError::AuthId);
        }
        if self.token.is_empty() || !self.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AccountError::Token(id.clone()));
        }
        if id.starts_with("SA") != self.main.is_some() {
            return Err(AccountError::Main(id.clone()));
        }
        Ok(())
    }
}

/// serde would repeat what is no text.
fn token<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    match toml::Value::deserialize(value)? {
        toml::Value::String(token) => Ok(token),
        _ => Err(de::Error::custom("a token is text in quotes")),
    }
}

fn is_auth_id(text: &str) -> bool {
    let formed = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    formed && (text.starts_with("MA") || text.starts_with("SA"))
}

/// Every account, by its auth id.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    by_id: BTreeMap<String, Arc<Account>>,
    first: String,
}

impl Accounts {
    /// Of these, the first of which owns what names no owner.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn new(specs: &[AccountSpec]) -> Result<Self, AccountError> {
        let mut accounts = Accounts::default();
        let (mains, subs): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| spec.main.is_none());
        for spec in mains.into_iter().chain(subs) {
            spec.check()?;
            let main = spec.main.as_ref().map(|main| accounts.main_of(spec, main)).transpose()?;
            let account =
                Arc::new(Account { auth_id: spec.auth_id.clone(), token: spec.token.clone(), main });
            match accounts.by_id.insert(spec.auth_id.clone(), Arc::clone(&account)) {
                Some(other) if other != account => return Err(AccountError::Twice(spec.auth_id.clone())),
                _ => {}
            }
        }
        accounts.first = specs.first().map(|spec| spec.auth_id.clone()).unwrap_or_default();
        Ok(accounts)
    }

    /// One account for tests, with a token that nobody had before.
    pub fn made_up(ids: &mut Ids) -> AccountSpec {
        AccountSpec { auth_id: TEST_AUTH_ID.to_owned(), token: ids.letters(40), main: None }
    }

    /// The account of this auth id.
    pub fn get(&self, auth_id: &str) -> Option<&Arc<Account>> {
        self.by_id.get(auth_id)
    }

    /// The account that owns what names no owner.
    pub fn first(&self) -> Option<&Arc<Account>> {
        self.by_id.get(&self.first)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_id.values()
    }

    /// The account that `owner` names, if who has these credentials may act for it: itself, or its main account.
    pub fn authorize(&self, auth_id: &str, token: &str, owner: &str) -> Option<&Arc<Account>> {
        self.by_id.get(auth_id).filter(|account| account.token == token)?;
        let owner = self.by_id.get(owner)?;
        let acts =
            owner.auth_id == auth_id || owner.main.as_ref().is_some_and(|main| main.auth_id == auth_id);
        acts.then_some(owner)
    }

    fn main_of(&self, spec: &AccountSpec, main: &str) -> Result<Arc<Account>, AccountError> {
        let found = self.by_id.get(main).filter(|main| main.main.is_none());
        found.cloned().ok_or_else(|| AccountError::NoMain(spec.auth_id.clone(), main.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "MAEXAMPLE00000000001:main-token";
    const SUB: &str = "SAEXAMPLE00000000001:sub@token@MAEXAMPLE00000000001";

    fn accounts(specs: &[&str]) -> Result<Accounts, AccountError> {
        let specs: Result<Vec<AccountSpec>, _> = specs.iter().map(|spec| spec.parse()).collect();
        Accounts::new(&specs?)
    }

    #[test]
    fn a_sub_account_may_stand_before_its_main_account() {
        let accounts = accounts(&[SUB, MAIN]).unwrap();
        let sub = accounts.get("SAEXAMPLE00000000001").unwrap();
        assert_eq!(sub.token, "sub@token");
        assert_eq!(sub.main.as_ref().unwrap().token, "main-token");
        assert_eq!(accounts.first().unwrap().auth_id, "SAEXAMPLE00000000001");
    }

    #[test]
    fn who_may_act_for_whom() {
        let accounts = accounts(&[MAIN, SUB]).unwrap();
        let (main, sub) = ("MAEXAMPLE00000000001", "SAEXAMPLE00000000001");
        let may = |id, token, owner| accounts.authorize(id, token, owner).is_some();
        assert!(may(main, "main-token", main) && may(main, "main-token", sub) && may(sub, "sub@token", sub));
        assert!(!may(sub, "sub@token", main) && !may(main, "sub@token", main) && !may("MA", "", main));
    }

    #[test]
    fn slips_are_refused_and_never_repeat_a_token() {
        for slip in [
            "s3cret",
            "MAEXAMPLE00000000001:",
            "MA1:s3cret",
            "XAEXAMPLE00000000001:s3cret",
            "MAEXAMPLE00000000001:s3 cret",
            "SAEXAMPLE00000000001:s3cret",
            "MAEXAMPLE00000000001:s3cret@MAEXAMPLE00000000002",
            "SAEXAMPLE00000000001:s3@cret",
            "s3cret:MAEXAMPLE00000000001",
        ] {
            let error = slip.parse::<AccountSpec>().unwrap_err().to_string();
            assert!(!error.contains("cret") && !error.contains("s3"), "{error}");
        }
        assert!(matches!(accounts(&[SUB]), Err(AccountError::NoMain(..))));
        let other = "MAEXAMPLE00000000001:other";
        assert!(matches!(accounts(&[MAIN, other]), Err(AccountError::Twice(_))));
        assert!(accounts(&[MAIN, MAIN]).is_ok());
    }
}
