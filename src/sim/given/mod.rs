//! Accounts as every command is given them: by flags, by a file, or by the environment.

mod file;
mod flag;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

pub use file::{LONGEST, Seconds, WorldFile, span};
pub use flag::stray_account;

use self::flag::AccountFlag;
use super::accounts::{AccountError, AccountSpec, Accounts};
use super::notice::Account;

/// Whose callbacks they are.
#[derive(Debug, Clone, Args)]
pub struct Who {
    /// An account; may be repeated. PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN name one too. Whoever may list processes sees
    /// the tokens of a command line: secrets belong into these variables, or into a --world file.
    #[arg(long = "account", value_name = "AUTH_ID:TOKEN", help_heading = "Accounts", value_parser = AccountFlag::Account)]
    pub accounts: Vec<AccountSpec>,
    /// A sub-account of one of the accounts; may be repeated.
    #[arg(
        long = "subaccount",
        value_name = "SUB_ID:TOKEN@MAIN_ID",
        help_heading = "Accounts",
        value_parser = AccountFlag::SubAccount
    )]
    pub subaccounts: Vec<AccountSpec>,
    /// A TOML file with accounts: any number of `[[account]]` with auth_id, token, and main for a sub-account.
    ///
    /// `serve` takes more from it: `[outcomes]`, `[seconds]`, `[[profile]]`, `[[brand]]` and `[[campaign]]` that are there
    /// from the start, and `[[answer]]` (method, path, status, body) for requests that are to be answered so whatever is
    /// there. Flags go over it.
    #[arg(long, value_name = "FILE", help_heading = "Accounts")]
    pub world: Option<PathBuf>,
}

/// Why what was given cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// A file cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(String, io::Error),
    /// A file is not what it should be, in this line. The line itself is not repeated: a token may stand in it.
    #[error("{0}, line {1}: {2}")]
    File(String, usize, String),
    /// An account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Half an account.
    #[error("PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN are set together or not at all")]
    Half,
    /// No account at all.
    #[error(
        "whose callbacks? Set PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN, or give --world FILE or --account AUTH_ID:TOKEN"
    )]
    Nobody,
}

impl Who {
    /// What the file says.
    ///
    /// # Errors
    /// When it cannot be read, or says what means nothing.
    pub fn file(&self) -> Result<WorldFile, GivenError> {
        Ok(self.world.as_deref().map(WorldFile::read).transpose()?.unwrap_or_default())
    }

    /// Everybody that flags, file and environment name.
    ///
    /// # Errors
    /// When the environment names half an account.
    pub fn specs(
        &self,
        file: &WorldFile,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<AccountSpec>, GivenError> {
        let given = self.accounts.iter().chain(&self.subaccounts).chain(&file.accounts);
        let mut specs: Vec<AccountSpec> = given.cloned().collect();
        let own = of_environment(variable)?;
        specs.extend(own.filter(|spec| !specs.iter().any(|other| other.auth_id == spec.auth_id)));
        Ok(specs)
    }

    /// Whose callbacks a command sends that has no requests to go by: those of the first sub-account, and where there
    /// is none those of the first account.
    ///
    /// # Errors
    /// When there is nobody, or somebody who cannot be.
    pub fn account(&self) -> Result<Account, GivenError> {
        let specs = self.specs(&self.file()?, |name| std::env::var(name).ok())?;
        of_whom(&specs).map(Arc::unwrap_or_clone)
    }
}

fn of_whom(specs: &[AccountSpec]) -> Result<Arc<Account>, GivenError> {
    let accounts = Accounts::new(specs)?;
    let whose = specs.iter().find(|spec| spec.main.is_some()).or_else(|| specs.first());
    whose.and_then(|spec| accounts.get(&spec.auth_id)).cloned().ok_or(GivenError::Nobody)
}

/// The account that the SDKs' own variables name.
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<AccountSpec>, GivenError> {
    let read = |name| variable(name).filter(|value| !value.is_empty());
    match (read("PLIVO_AUTH_ID"), read("PLIVO_AUTH_TOKEN")) {
        (Some(auth_id), Some(token)) => Ok(Some(AccountSpec { auth_id, token, main: None })),
        (None, None) => Ok(None),
        _ => Err(GivenError::Half),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "MAEXAMPLE00000000001:m";
    const SUB: &str = "SAEXAMPLE00000000001:s@MAEXAMPLE00000000001";

    fn specs(texts: &[&str]) -> Vec<AccountSpec> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_sub_account_sends_where_there_is_one() {
        let whose = |texts: &[&str]| of_whom(&specs(texts)).map(|account| account.auth_id.clone());
        assert_eq!(whose(&[MAIN, SUB]).unwrap(), "SAEXAMPLE00000000001");
        assert_eq!(whose(&["MAEXAMPLE00000000002:n", MAIN]).unwrap(), "MAEXAMPLE00000000002");
        assert!(matches!(whose(&[]), Err(GivenError::Nobody)));
        assert!(matches!(whose(&[SUB]), Err(GivenError::Account(_))));
    }

    #[test]
    fn flags_come_before_the_file_and_the_environment_adds_who_is_not_there() {
        let who = Who { accounts: specs(&[MAIN]), subaccounts: specs(&[SUB]), world: None };
        let file = WorldFile { accounts: specs(&["MAEXAMPLE00000000003:f"]), ..WorldFile::default() };
        let ids = |id: &'static str| {
            let variable = move |name: &str| Some(if name == "PLIVO_AUTH_ID" { id } else { "e" }.to_owned());
            let specs = who.specs(&file, variable).unwrap();
            specs.iter().map(|spec| format!("{}:{}", &spec.auth_id[19..], spec.token)).collect::<Vec<_>>()
        };
        assert_eq!(ids("MAEXAMPLE00000000004"), ["1:m", "1:s", "3:f", "4:e"]);
        assert_eq!(ids("MAEXAMPLE00000000001"), ["1:m", "1:s", "3:f"]);
        let half = who.specs(&file, |name| (name == "PLIVO_AUTH_ID").then(|| "MA".to_owned()));
        assert!(matches!(half, Err(GivenError::Half)));
    }
}
