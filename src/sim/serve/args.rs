//! The flags of `serve`.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::dispatch::{Dispatch, Post};
use super::screen::Screen;
use super::{ServeError, Settings};
use crate::sim::accounts::Accounts;
use crate::sim::courier::Origin;
use crate::sim::given::{GivenError, Seconds, Who, WorldFile, span};
use crate::sim::ledger::Clock;
use crate::sim::life::{Delays, Outcomes};
use crate::sim::plivo::Behaviour;
use crate::sim::send::{self, How};
use crate::sim::world::{Ids, Seed};

/// How a fake Plivo is to be.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where it listens. Port 0 is a free one: the base URL that is printed has it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8765")]
    pub listen: SocketAddr,
    /// Print JSON Lines: first the base URL and the accounts, then each callback as it comes to be owed, and how it
    /// ended.
    #[arg(long)]
    pub json: bool,
    /// Whose requests are taken. Without any account one is made, whose token is printed.
    #[command(flatten)]
    who: Who,
    /// At most so many brands, campaigns and links; then 429.
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "What is there")]
    max_entities: usize,
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
    /// Send callbacks, or only print that they are owed.
    #[arg(long, value_enum, value_name = "WHETHER", default_value = "on", help_heading = "Callbacks")]
    callbacks: Callbacks,
    /// Where every callback is written down with all of its attempts, a new file, for `verify-ledger`.
    #[arg(long, value_name = "FILE", help_heading = "Callbacks")]
    ledger: Option<PathBuf>,
    /// Connect there instead of to the host of each request's `url`, which is what is signed; such as
    /// http://127.0.0.1:8080 for a relay on this machine.
    #[arg(long, value_name = "ORIGIN", value_parser = Origin::of, help_heading = "Callbacks")]
    via: Option<Origin>,
    #[command(flatten, next_help_heading = "Callbacks")]
    how: How,
}

/// Whether callbacks are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Callbacks {
    /// Each to the `url` of its request.
    On,
    /// None; the simulator prints what it would send.
    Off,
}

impl ServeArgs {
    /// What the flags, the file and the environment come to, and whether the account was made for this run.
    pub(super) fn settings(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(Settings, bool), ServeError> {
        let file = self.who.file()?;
        let seed = self.how.seed.unwrap_or_else(any_seed);
        let (accounts, made) = self.all_accounts(&file, variable)?;
        let behaviour = Behaviour {
            seed,
            delays: self.delays(file.seconds),
            outcomes: self.outcomes(file.outcomes),
            max_entities: self.max_entities,
        };
        let WorldFile { profiles, brands, campaigns, answers, .. } = file;
        let seed = Seed { profiles, brands, campaigns };
        Ok((Settings { listen: self.listen, accounts, behaviour, seed, canned: answers }, made))
    }

    /// What sends callbacks, where they are on.
    pub(super) fn dispatch(&self, seed: u64, screen: Screen) -> anyhow::Result<Dispatch> {
        if self.callbacks == Callbacks::Off {
            return Ok(Dispatch::new(screen, None));
        }
        let clock = Clock::start();
        let ledger = send::ledger(self.ledger.as_deref(), &clock, seed)?;
        let sender = send::sender(&self.how, seed, self.via.clone(), clock, ledger.clone())?;
        Ok(Dispatch::new(screen, Some(Post { sender, ledger })))
    }

    fn all_accounts(
        &self,
        file: &WorldFile,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(Accounts, bool), ServeError> {
        let mut specs = self.who.specs(file, variable)?;
        let made = specs.is_empty();
        if made {
            // Not of the seed, which may be anybody's: a token is nobody's guess.
            specs.push(Accounts::made_up(&mut Ids::new(any_seed())));
        }
        Ok((Accounts::new(&specs).map_err(GivenError::from)?, made))
    }

    fn delays(&self, file: Seconds) -> Delays {
        let delays = Delays {
            created: self.created_after.unwrap_or(file.created),
            brand: self.brand_after.unwrap_or(file.brand),
            campaign: self.campaign_after.unwrap_or(file.campaign),
            number: self.number_after.unwrap_or(file.number),
        };
        delays.scaled(self.how.time_scale)
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

/// The system's own randomness, as the standard library has it.
fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn seconds(text: &str) -> Result<Duration, String> {
    span(text.parse().map_err(|_| format!("{text} is not a number of seconds"))?)
}
