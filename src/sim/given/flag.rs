//! `--account` and `--subaccount`, whose values never come back in a message: a token stands in them.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::sim::accounts::{AccountError, AccountSpec};

/// Which of the two flags.
#[derive(Debug, Clone, Copy)]
pub(super) enum AccountFlag {
    Account,
    SubAccount,
}

impl AccountFlag {
    const fn name(self) -> &'static str {
        match self {
            AccountFlag::Account => "--account",
            AccountFlag::SubAccount => "--subaccount",
        }
    }

    fn read(self, text: &str) -> Result<AccountSpec, String> {
        match self {
            AccountFlag::Account => main_account(text),
            AccountFlag::SubAccount => sub_account(text),
        }
    }
}

impl TypedValueParser for AccountFlag {
    type Value = AccountSpec;

    /// clap's own errors repeat the value.
    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<AccountSpec, Error> {
        let read = value.to_str().ok_or_else(|| "no UTF-8".to_owned()).and_then(|text| self.read(text));
        read.map_err(|error| {
            let said = format!("{}: {error}", self.name());
            command.clone().error(ErrorKind::ValueValidation, said)
        })
    }
}

fn main_account(text: &str) -> Result<AccountSpec, String> {
    // An account's token may have an @, which only a sub-account's form gives a meaning.
    let (auth_id, token) = text.split_once(':').ok_or("an account is AUTH_ID:TOKEN")?;
    if !auth_id.starts_with("MA") {
        return Err(
            "an account's auth id begins with MA; a sub-account is given with --subaccount".to_owned()
        );
    }
    Ok(AccountSpec { auth_id: auth_id.to_owned(), token: token.to_owned(), main: None })
}

fn sub_account(text: &str) -> Result<AccountSpec, String> {
    let spec: AccountSpec = text.parse().map_err(|error: AccountError| error.to_string())?;
    let sub = spec.main.is_some();
    sub.then_some(spec).ok_or_else(|| "a sub-account is SUB_ID:TOKEN@MAIN_ID".to_owned())
}

/// Where a command line has an account in a place that nobody asked for one, the account with its token: clap repeats
/// what it cannot place.
pub fn stray_account(argument: &str) -> Option<(&str, &str)> {
    let (before, _) = argument.split_once(':')?;
    let id = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let account = argument.get(before.len() - id.len()..)?;
    (id.starts_with("MA") || id.starts_with("SA")).then_some((id, account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_wherever_it_stands() {
        for (argument, found) in [
            ("MA1:s3cret", Some(("MA1", "MA1:s3cret"))),
            ("--acount=SA1:s3@cret:x", Some(("SA1", "SA1:s3@cret:x"))),
            ("http://h:80/", None),
            ("éMA1:s3cret", Some(("MA1", "MA1:s3cret"))),
            ("é:MA", None),
            ("MA1", None),
        ] {
            assert_eq!(stray_account(argument), found, "{argument}");
        }
    }
}
