//! `signature explain`: a captured request under the configuration, and what is wrong with either.

mod capture;

use serde::Serialize;

use super::Failure;
use super::output::{self, Format, line_out, printable, table};
use crate::callback::explain::{Elsewhere, Explanation, GIVEN, Near, Tried, explain};
use crate::callback::{Account, RawCallback, Verdict};
use crate::cli::ExplainArgs;
use crate::config::{Config, Loaded, read_tokens};
use crate::ingress::captured::{captured, origins_spoken_of};

/// How many strings a table shows of those that were tried.
const SHOWN: usize = 8;

/// Explains the request that `args` name.
///
/// # Errors
/// [`Failure::Said`] with 1 when the relay refuses it; usage when it cannot be read, or would not get as far as the
/// check.
pub fn run(loaded: &Loaded, args: &ExplainArgs) -> Result<(), Failure> {
    let http = capture::read(args).map_err(Failure::Usage)?;
    let elsewhere = elsewhere(&loaded.config, args, &http)?;
    let captured = captured(&loaded.config.ingress, http, args.peer).map_err(Failure::Usage)?;
    let explanation = explain(&captured.raw, &captured.policy, &loaded.keyring, &elsewhere);
    let answer = Answer::new(&captured.route, &captured.raw, &explanation);
    match Format::choose(args.shown.json) {
        Format::Json => output::json_line(&answer)?,
        Format::Table => answer.show()?,
    }
    if answer.accepted { Ok(()) } else { Err(Failure::Said(1)) }
}

fn elsewhere(
    config: &Config,
    args: &ExplainArgs,
    http: &axum::http::Request<bytes::Bytes>,
) -> Result<Elsewhere, Failure> {
    let mut origins = origins_spoken_of(http.headers());
    let of_routes = config.ingress.routes.values().filter_map(|route| route.public_urls.as_ref());
    origins.extend(
        of_routes
            .flatten()
            .chain(&config.ingress.public_urls)
            .map(|url| url.trim_end_matches('/').to_owned()),
    );
    let mut accounts = Vec::new();
    if let Some(path) = &args.token_file {
        let tokens = read_tokens(path).map_err(|problem| Failure::Usage(problem.to_string()))?;
        for token in &tokens {
            let account = Account::new(GIVEN, "GIVEN", [token.expose()], []);
            accounts.push(account.map_err(|error| Failure::Usage(format!("--token-file: {error}")))?);
        }
    }
    Ok(Elsewhere { origins, urls: args.registered_url.clone(), accounts })
}

/// All that is said.
#[derive(Serialize)]
struct Answer<'a> {
    route: &'a str,
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    tried: &'a [Tried],
    near: &'a [Near],
    advice: Vec<String>,
}

impl<'a> Answer<'a> {
    fn new(route: &'a str, raw: &RawCallback, explanation: &'a Explanation) -> Self {
        let refusal = explanation.verdict.as_ref().err();
        Answer {
            route,
            accepted: refusal.is_none(),
            verdict: explanation.verdict.as_ref().ok(),
            reason: refusal.map(|refusal| refusal.code()),
            detail: refusal.map(ToString::to_string),
            tried: &explanation.tried,
            near: &explanation.near,
            advice: explanation.advice(raw),
        }
    }

    fn show(&self) -> Result<(), Failure> {
        let mut rows = table([]);
        rows.add_row(["route", self.route]);
        rows.add_row(["verdict", &printable(&self.verdict_text())]);
        for tried in self.tried.iter().take(SHOWN) {
            rows.add_row(["tried", &shown(tried)]);
        }
        if self.tried.len() > SHOWN {
            rows.add_row(["", &format!("and {} more: --json shows them", self.tried.len() - SHOWN)]);
        }
        for near in self.near.iter().take(SHOWN) {
            let list = match near.key {
                crate::callback::KeyOwner::Account => "tokens",
                crate::callback::KeyOwner::Main => "main_tokens",
            };
            let token = format!("token {} in {list} of account {}", near.token, near.account);
            rows.add_row(["matches", &format!("{}  ({token})", shown(&near.tried))]);
        }
        for step in &self.advice {
            rows.add_row(["next", &printable(step)]);
        }
        line_out(&rows.to_string())
    }

    fn verdict_text(&self) -> String {
        match (self.verdict, self.reason, &self.detail) {
            (Some(verdict), ..) => {
                let Verdict { scheme, account, covers, .. } = verdict;
                format!("accepted: signature {} of account {account}, covers {}", word(scheme), word(covers))
            }
            (None, reason, detail) => {
                format!("refused ({}): {}", reason.unwrap_or_default(), detail.as_deref().unwrap_or_default())
            }
        }
    }
}

fn shown(tried: &Tried) -> String {
    printable(&format!("{} of {:?}", tried.scheme, tried.signed))
}

/// A value as its JSON has it.
fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}
