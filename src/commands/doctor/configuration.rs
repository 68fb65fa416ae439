//! The configuration: whether it can be run, and what of it works and is hardly meant.

use super::report::{CONFIGURATION, Row};
use super::{accounts, public_url};
use crate::config::{Config, Loaded, Problems, Sources};
use crate::finding::Finding;

/// What is wrong, and the configuration as far as it can be looked at any further.
pub(super) fn look(sources: &Sources) -> (Option<Config>, Vec<Row>) {
    match Config::load(sources.clone()) {
        Ok(loaded) => good(loaded, sources),
        Err(problems) => bad(&problems, sources),
    }
}

fn good(loaded: Loaded, sources: &Sources) -> (Option<Config>, Vec<Row>) {
    let from = sources.file().map_or_else(
        || "the built-in default and the environment".to_owned(),
        |file| format!("{} and the environment", file.display()),
    );
    let mut rows = vec![Row::new(CONFIGURATION, Finding::ok(format!("can be run: {from}")))];
    rows.extend(loaded.warnings.iter().map(|warning| {
        let next = "correct it, or leave it if it is meant";
        Row::new(CONFIGURATION, Finding::warning(warning.as_str(), next))
    }));
    let config = loaded.config;
    let told = [
        ("accounts", accounts::look(&config, &loaded.keyring, sources)),
        ("public URL", public_url::look(&config.ingress)),
    ];
    for (check, findings) in told {
        rows.extend(findings.into_iter().map(|finding| Row::new(check, finding)));
    }
    (Some(config), rows)
}

/// An operator's shell may lack the tokens that the relay has; the rest is looked at all the same.
fn bad(problems: &Problems, sources: &Sources) -> (Option<Config>, Vec<Row>) {
    let next = "correct it; run this as the relay's user and with the relay's environment";
    let row =
        |problem: &crate::config::Problem| Row::new(CONFIGURATION, Finding::error(problem.to_string(), next));
    (Config::load_beside(sources).ok(), problems.iter().map(row).collect())
}
