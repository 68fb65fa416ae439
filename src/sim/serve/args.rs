//! The flags of `serve`.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::file::{Seconds, WorldFile, span};
use super::{ServeError, Settings};
use crate::sim::accounts::{AccountSpec, Accounts};
use crate::sim::life::{Delays, Outcomes};
use crate::sim::plivo::Behaviour;
use crate::sim::world::{Ids, Seed};

/// How a fake Plivo is to be.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where it listens. Port 0 is a free one: the base URL that is printed has it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8765")]
    pub listen: SocketAddr,
    /// Print JSON Lines: first the base URL and the accounts, then each callback as it comes to be owed.
    #[arg(long)]
    pub json: bool,
    /// An account; may be repeated. Without any, PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN are used, and without these an
    /// account is made whose token is printed.
    #[arg(long = "account", value_name = "AUTH_ID:TOKEN", help_heading = "Accounts", value_parser = main_account)]
    accounts: Vec<AccountSpec>,
    /// A sub-account of one of the accounts; may be repeated.
    #[arg(
        long = "subaccount",
        value_name = "SUB_ID:TOKEN@MAIN_ID",
        help_heading = "Accounts",
        value_parser = sub_account
    )]
    subaccounts: Vec<AccountSpec>,
    /// A TOML file with any of: [[account]] (auth_id, token, main), [outcomes], [seconds], [[profile]], [[brand]] and
    /// [[campaign]] that are there from the start, and [[answer]] (method, path, status, body) for requests that are to
    /// be answered so whatever is there. Flags go over it.
    #[arg(long, value_name = "FILE", help_heading = "What is there")]
    world: Option<PathBuf>,
    /// At most so many brands, campaigns and links; then 429.
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "What is there")]
    max_entities: usize,
    /// For ids, and for which requests end badly; the same seed and the same requests give the same [default: any].
    #[arg(long, value_name = "N", help_heading = "What is there")]
    seed: Option<u64>,
    /// Times every delay below: 0.01 makes a second of 100.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, help_heading = "When things happen")]
    time_scale: f64,
    /// From a request to its `created` [default: 1].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "When things happen")]
    created_after: Option<Duration>,
    /// From `created` to a brand's `registered` or `rejected` [default: 10].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "When things happen")]
    brand_after: Option<Duration>,
    /// From `created` to a campaign's `registered` or `rejected` [default: 20].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "When things happen")]
    campaign_after: Option<Duration>,
    /// From `created` to the `success` or `failed` of a number's link or unlink [default: 5].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "When things happen")]
    number_after: Option<Duration>,
    /// A brand with this word in its alias or company name is rejected, and a campaign with it in its alias or
    /// description; empty for none [default: reject].
    #[arg(long, value_name = "WORD", help_heading = "How things end")]
    reject_word: Option<String>,
    /// A link or unlink of a number that ends so fails; may be repeated.
    #[arg(long = "fail-number", value_name = "DIGITS", help_heading = "How things end")]
    fail_numbers: Vec<String>,
    /// The share of brands that are rejected, from 0 to 1 [default: 0].
    #[arg(long, value_name = "RATE", help_heading = "How things end")]
    brand_reject_rate: Option<f64>,
    /// The share of campaigns that are rejected [default: 0].
    #[arg(long, value_name = "RATE", help_heading = "How things end")]
    campaign_reject_rate: Option<f64>,
    /// The share of links that fail [default: 0].
    #[arg(long, value_name = "RATE", help_heading = "How things end")]
    link_fail_rate: Option<f64>,
    /// The share of unlinks that fail [default: 0].
    #[arg(long, value_name = "RATE", help_heading = "How things end")]
    unlink_fail_rate: Option<f64>,
}

impl ServeArgs {
    /// What the flags, the file and the environment come to, and whether the account was made for this run.
    pub(super) fn settings(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(Settings, bool), ServeError> {
        let file = self.world.as_deref().map(WorldFile::read).transpose()?.unwrap_or_default();
        let seed = self.seed.unwrap_or_else(any_seed);
        let (accounts, made) = self.all_accounts(&file, variable)?;
        let behaviour = Behaviour {
            seed,
            delays: self.delays(file.seconds)?,
            outcomes: self.outcomes(file.outcomes),
            max_entities: self.max_entities,
        };
        let WorldFile { profiles, brands, campaigns, answers, .. } = file;
        let seed = Seed { profiles, brands, campaigns };
        Ok((Settings { listen: self.listen, accounts, behaviour, seed, canned: answers }, made))
    }

    fn all_accounts(
        &self,
        file: &WorldFile,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(Accounts, bool), ServeError> {
        let given = self.accounts.iter().chain(&self.subaccounts).chain(&file.accounts);
        let mut specs: Vec<AccountSpec> = given.cloned().collect();
        specs.extend(
            of_environment(variable)?.filter(|spec| !specs.iter().any(|other| other.auth_id == spec.auth_id)),
        );
        let made = specs.is_empty();
        if made {
            // Not of the seed, which may be anybody's: a token is nobody's guess.
            specs.push(Accounts::made_up(&mut Ids::new(any_seed())));
        }
        Ok((Accounts::new(&specs)?, made))
    }

    fn delays(&self, file: Seconds) -> Result<Delays, ServeError> {
        let delays = Delays {
            created: self.created_after.unwrap_or(file.created),
            brand: self.brand_after.unwrap_or(file.brand),
            campaign: self.campaign_after.unwrap_or(file.campaign),
            number: self.number_after.unwrap_or(file.number),
        };
        if !(0.0..=1000.0).contains(&self.time_scale) {
            return Err(ServeError::Usage("--time-scale is a factor from 0 to 1000".to_owned()));
        }
        Ok(delays.scaled(self.time_scale))
    }

    fn outcomes(&self, file: Outcomes) -> Outcomes {
        Outcomes {
            reject_word: self.reject_word.clone().unwrap_or(file.reject_word),
            fail_numbers: [self.fail_numbers.as_slice(), file.fail_numbers.as_slice()].concat(),
            brand_rate: self.brand_reject_rate.unwrap_or(file.brand_rate),
            campaign_rate: self.campaign_reject_rate.unwrap_or(file.campaign_rate),
            link_rate: self.link_fail_rate.unwrap_or(file.link_rate),
            unlink_rate: self.unlink_fail_rate.unwrap_or(file.unlink_rate),
        }
    }
}

/// The account that the SDKs' own variables name.
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<AccountSpec>, ServeError> {
    let read = |name| variable(name).filter(|value| !value.is_empty());
    match (read("PLIVO_AUTH_ID"), read("PLIVO_AUTH_TOKEN")) {
        (Some(auth_id), Some(token)) => Ok(Some(AccountSpec { auth_id, token, main: None })),
        (None, None) => Ok(None),
        _ => Err(ServeError::Usage(
            "PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN are set together or not at all".to_owned(),
        )),
    }
}

/// The system's own randomness, as the standard library has it.
fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn seconds(text: &str) -> Result<Duration, String> {
    span(text.parse().map_err(|_| format!("{text} is not a number of seconds"))?)
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
    let spec: AccountSpec =
        text.parse().map_err(|error: crate::sim::accounts::AccountError| error.to_string())?;
    let sub = spec.main.is_some();
    sub.then_some(spec).ok_or_else(|| "a sub-account is SUB_ID:TOKEN@MAIN_ID".to_owned())
}
