//! The configuration: file, environment and token files, read here and nowhere else.
//!
//! Three layers, the later over the earlier: the built-in default or a TOML file, the account files of
//! `accounts_dir`, the environment. They are merged into one tree that still knows where every value comes from;
//! then each stage's part of it becomes that stage's own type. Every error names file or variable, key, and what is
//! accepted there, and all of them come at once.

mod accounts;
mod compose;
mod environment;
mod log;
mod problem;
mod read;
mod reload;
mod secret_files;
mod sinks;
mod sources;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

pub use accounts::{AccountConfig, Changes, LoadedAccounts, read_tokens};
pub use environment::Environment;
pub use log::{LogConfig, LogFormat};
pub use problem::{Origin, Problem, Problems};
pub use reload::{AccountsWatch, Reload, watch};
pub use sources::{BUILT_IN, Sources};

use crate::admin::AdminConfig;
use crate::callback::Keyring;
use crate::ingress::IngressConfig;
use crate::normalize::NormalizeConfig;
use crate::relay::RelayConfig;
use crate::sink::SinkConfig;
use crate::spool::SpoolConfig;
use crate::units::Span;

/// Everything that can be set.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// A directory with one account a file; the file's stem is the account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts_dir: Option<PathBuf>,
    /// How long a drain waits for requests in flight, and then for the lanes to publish what they hold.
    pub grace_period: Span,
    /// What is logged, and how.
    pub log: LogConfig,
    /// The callback listener.
    pub ingress: IngressConfig,
    /// The listener for metrics and health.
    pub admin: AdminConfig,
    /// How fields are found in a callback.
    pub normalize: NormalizeConfig,
    /// Where callbacks are made durable.
    pub spool: SpoolConfig,
    /// How the lanes go on after an error.
    pub relay: RelayConfig,
    /// Plivo accounts by name, those of `accounts_dir` included.
    pub accounts: BTreeMap<String, AccountConfig>,
    /// Where events are published, by name.
    pub sinks: BTreeMap<String, SinkConfig>,
}

/// A configuration that can be run.
#[derive(Debug)]
pub struct Loaded {
    /// Everything that can be set.
    pub config: Config,
    /// The accounts' keys.
    pub keyring: Keyring,
    /// For reading the accounts again.
    pub accounts: AccountsWatch,
    /// What works, and is hardly meant.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads and checks everything, token files included.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(sources: Sources) -> Result<Loaded, Problems> {
        let mut problems = Problems::default();
        let layers = sources.read(&mut problems)?;
        let origins = layers.tree.clone();
        let mut in_accounts = layers.in_dir;
        let config = compose::compose(layers.tree, &mut problems, &mut in_accounts);
        compose::validate(&config, &origins, &mut problems);
        compose::validate_ingress(&config, &origins, &mut problems);
        problems.extend(in_accounts);
        let loaded = LoadedAccounts::resolve(config.accounts.clone(), layers.from_dir, &mut problems);
        let keyring = loaded.keyring(|name| compose::origin(&origins, &["accounts", name]));
        let keyring = keyring.unwrap_or_else(|found| {
            problems.extend(found);
            Keyring::default()
        });
        // A problem before this may be why there is no account, or why a route costs little.
        if problems.is_empty() {
            problems.extend(compose::check_accounts(&config.ingress, &keyring, &origins).err());
        }
        let accounts = AccountsWatch::new(sources, loaded, config.ingress.clone());
        let warnings = compose::warnings(&config.ingress, &keyring);
        problems.or(Loaded { config, keyring, accounts, warnings })
    }

    /// Reads what a command beside the relay needs. An operator's shell need not have the tokens, nor the right to
    /// read them.
    ///
    /// # Errors
    /// Everything that is wrong, accounts and what a listener would need aside.
    pub fn load_beside(sources: &Sources) -> Result<Config, Problems> {
        let mut problems = Problems::default();
        let layers = sources.read(&mut problems)?;
        let origins = layers.tree.clone();
        let config = compose::compose(layers.tree, &mut problems, &mut Problems::default());
        compose::validate(&config, &origins, &mut problems);
        problems.or(config)
    }

    /// As TOML, secrets redacted.
    ///
    /// # Errors
    /// When a value has no form in TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}
