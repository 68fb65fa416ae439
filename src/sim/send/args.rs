//! What `plivo-sim send` can be told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::sim::chaos::Rates;
use crate::sim::courier::{Origin, RetryNonce};
use crate::sim::given::Who;
use crate::sim::notice::Method;
use crate::sim::profile::{Format, Profile};

/// Which callbacks are sent, where to, and what goes wrong.
#[derive(Debug, Clone, Args)]
pub struct SendArgs {
    /// The lives of brands, campaigns and numbers, as a TOML file; `send --help` shows one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["entities", "callbacks"])]
    pub scenario: Option<PathBuf>,
    /// So many entities: brands, campaigns and numbers in turn.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub entities: u32,
    /// So many callbacks in all, spread over the entities.
    #[arg(long, value_name = "M", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub callbacks: u64,
    /// The URL as the customer gave it to Plivo; `{endpoint}` stands for brand, campaign, number_linking or
    /// number_unlinking. It is what is signed.
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Connect there instead of to the URL's own host, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "ORIGIN", value_parser = Origin::of)]
    pub via: Option<Origin>,
    /// How callbacks are sent.
    #[arg(long, value_enum, default_value = "post", ignore_case = true)]
    pub method: Verb,
    /// Whose they are: of the first sub-account, and where there is none of the first account.
    #[command(flatten)]
    pub who: Who,
    /// How they look, travel and go wrong.
    #[command(flatten)]
    pub how: How,
    /// Where every delivery is written down, a new file.
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// The summary as JSON, also on a terminal.
    #[arg(long)]
    pub json: bool,
}

/// How callbacks look, travel and go wrong: the same for every command that sends them.
#[derive(Debug, Clone, Args)]
pub struct How {
    /// The names of parameters: snake, pascal, nested, or a TOML file; `send --help` shows one.
    #[arg(long, value_name = "PROFILE", default_value = "snake", value_parser = Profile::named)]
    pub profile: Profile,
    /// How a POST carries its parameters, whatever the profile says.
    #[arg(long, value_enum)]
    pub body: Option<Format>,
    /// Add V3 signatures.
    #[arg(long)]
    pub v3: bool,
    /// Whether a retry keeps its nonce.
    #[arg(long, value_enum, default_value = "keep")]
    pub retry_nonce: RetryNonce,
    /// The factor of every pause and delay; 0.001 makes 60 ms of the minute before the first retry.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub time_scale: f64,
    /// How long an answer may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 8.0, value_parser = factor)]
    pub timeout: f64,
    /// How many attempts may be under way at a time.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub concurrency: u32,
    /// Certificates to trust beside the machine's own, PEM.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// What decides ids, nonces and chaos: the same seed sends the same. Any one unless said, and printed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What goes wrong, how often: a rate from 0 to 1 for everything, or NAME=RATE,… of duplicated, reordered, delayed,
    /// forged (forged_token, forged_nonce), tampered, truncated, oversized, slow, cut, all.
    ///
    /// `early` is the share of the tampered and truncated ones that come before the genuine callback.
    #[arg(long, value_name = "RATES", default_value = "")]
    pub chaos: Rates,
    /// The longest delay of a callback that is delayed, in seconds, times the time scale.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = factor)]
    pub delay: f64,
    /// How long a slowly sent callback takes, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = factor)]
    pub slow: f64,
    /// How many bytes too many an oversized callback has.
    #[arg(long, value_name = "BYTES", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub oversize: u32,
}

/// The methods that an API request can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verb {
    /// Parameters in the body.
    Post,
    /// Parameters in the query.
    Get,
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Post => Method::Post,
            Verb::Get => Method::Get,
        }
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.0..=1e6).contains(factor));
    factor.ok_or_else(|| "a number from 0 to 1000000".to_owned())
}
