//! What `plivo-sim load` can be told.

use std::time::Duration;

use clap::Args;

use super::client::{Pace, Plan};
use crate::sim::courier::Origin;
use crate::sim::given::Who;
use crate::sim::profile::{Format, Profile};
use crate::sim::send::Verb;

/// How many callbacks go where, and for how long.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// The URL as the customer gave it to Plivo; `{endpoint}` stands for brand, campaign, number_linking or
    /// number_unlinking. It is what is signed.
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// Connect there instead of to the URL's own host, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "ORIGIN", value_parser = Origin::of)]
    pub via: Option<Origin>,
    /// So many callbacks a second, at fixed times, whether or not there was an answer; latency counts from the time
    /// that was meant. Without it each connection sends as soon as it has its answer.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub rate: Option<f64>,
    /// Kept-alive connections, each with one callback at a time.
    #[arg(long, value_name = "C", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// For how long: 10s, 500ms, 5m, 1h.
    #[arg(long, value_name = "D", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// How long an answer may take, or a connection to open.
    #[arg(long, value_name = "D", default_value = "8s", value_parser = duration)]
    pub timeout: Duration,
    /// So many callbacks may be left without a 200 before the exit code is 1.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_failures: u64,
    /// How callbacks are sent.
    #[arg(long, value_enum, default_value = "post", ignore_case = true)]
    pub method: Verb,
    /// Whose they are: of the first sub-account, and where there is none of the first account.
    #[command(flatten)]
    pub who: Who,
    /// The names of parameters: snake, pascal, nested, or a TOML file; `send --help` shows one.
    #[arg(long, value_name = "PROFILE", default_value = "snake", value_parser = Profile::named)]
    pub profile: Profile,
    /// How a POST carries its parameters, whatever the profile says.
    #[arg(long, value_enum)]
    pub body: Option<Format>,
    /// Add V3 signatures.
    #[arg(long)]
    pub v3: bool,
    /// What decides ids and nonces. A new one for each run, unless said: what a customer has seen is a duplicate.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The result as JSON.
    #[arg(long)]
    pub json: bool,
}

impl LoadArgs {
    /// When what is sent.
    pub fn plan(&self) -> Plan {
        let pace = self.rate.map_or(Pace::Closed, Pace::Open);
        Plan { pace, duration: self.duration, timeout: self.timeout }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "a number from 0.001 to 1000000".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => Some(0.001),
        "" | "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let seconds = digits.parse::<f64>().ok().zip(factor).map(|(number, factor)| number * factor);
    let seconds = seconds.filter(|seconds| (0.001..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "from 1ms to 24h, such as 500ms, 10s, 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: LoadArgs,
    }

    fn parse(more: &str) -> Result<LoadArgs, clap::Error> {
        let fixed = "load --account MA1:t --to http://h/";
        Line::try_parse_from(fixed.split(' ').chain(more.split_whitespace())).map(|line| line.args)
    }

    #[test]
    fn the_command_line() {
        let closed = parse("").unwrap().plan();
        assert_eq!((closed.pace, closed.duration.as_secs(), closed.timeout.as_secs()), (Pace::Closed, 10, 8));
        let open = parse("--rate 2000 --duration 1.5m --timeout 250ms").unwrap().plan();
        assert_eq!(open.pace, Pace::Open(2000.0));
        assert_eq!((open.duration.as_secs(), open.timeout.as_millis()), (90, 250));
        for slip in
            ["--rate 0", "--rate nan", "--duration 0", "--duration 3d", "--connections 0", "--profile no"]
        {
            assert!(parse(slip).is_err(), "{slip}");
        }
    }
}
