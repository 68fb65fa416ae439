//! The command line: what can be asked for, and how a failure becomes an exit code.

mod agreement;
mod dead;
mod doctor;
mod events;
mod held;
mod moment;
mod quarantine;
mod signature;
mod sinks;
mod spool;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use agreement::{Agreement, Shown};
pub use doctor::DoctorArgs;
pub use events::{EventsArgs, RenormalizeArgs, ReplayArgs};
pub use signature::ExplainArgs;
pub use sinks::DrainArgs;

use crate::commands::{self, Failure};
use crate::config::{Config, Environment, Loaded, Sources};
use crate::normalize::schema::Kind;
use dead::DeadCommand;
use held::HeldCommand;
use quarantine::QuarantineCommand;
use signature::SignatureCommand;
use sinks::SinksCommand;
pub use spool::PurgeArgs;
use spool::SpoolCommand;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, or (signature verify, explain) a signature is not valid, or (doctor) something is wrong
  2  wrong usage or configuration
  3  the spool cannot be used";

/// A durable ingress for Plivo's 10DLC status callbacks.
///
/// Verifies each callback, makes it durable, answers 200, and publishes it to Kafka, NATS or files. Without a
/// configuration file it runs on built-in defaults that need no broker.
#[derive(Debug, Parser)]
#[command(name = "tendlc-relay", version, after_help = EXIT_CODES, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, propagate_version = true)]
pub struct Cli {
    /// The configuration file [default: config/relay.toml, then /etc/tendlc-relay/relay.toml, then built in].
    #[arg(long, short, global = true, value_name = "FILE", env = "TENDLC_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay until SIGTERM or SIGINT; SIGHUP reads the accounts again.
    Serve,
    /// Check the configuration and print what is in effect, secrets redacted.
    CheckConfig,
    /// Print the JSON Schema of the events of an endpoint, or of all.
    Schema {
        /// brand, campaign, number_linking, number_unlinking or unrecognized.
        endpoint: Option<Kind>,
    },
    /// Print the topics and events of the configured sinks as an AsyncAPI 3.0 document.
    ///
    /// Servers, a channel for each topic, what the relay sends there, keys, headers, the JSON Schemas that `schema` prints,
    /// and examples that went the relay's own road under this configuration. In JSON, which AsyncAPI takes as it takes
    /// YAML. It names hosts, topics, streams and directories; no secret, user, certificate or account. No broker is
    /// asked, and no account or token has to be there.
    Asyncapi,
    /// Check captured signatures.
    #[command(subcommand)]
    Signature(SignatureCommand),
    /// List the events that the spool holds, oldest first.
    Events(EventsArgs),
    /// Look at the spool.
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Look at events that a sink refused for good; send them again, or give them up.
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Look at duplicates that were held back, and make events of them.
    #[command(subcommand)]
    Held(HeldCommand),
    /// Look at callbacks whose signature had come with other content before; make events of them, or delete them.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Publish events again, to one sink and under the same ids.
    Replay(ReplayArgs),
    /// Read again what is unrecognized or of an unknown status, after an alias was added to the configuration.
    ///
    /// What is understood now is published once, as a revision that names the event it supersedes. The aliases are those
    /// of the configuration as this command reads it: a running relay has those of its last start, so restart it too.
    Renormalize(RenormalizeArgs),
    /// Look at the sinks' cursors, and forget those of removed sinks.
    #[command(subcommand)]
    Sinks(SinksCommand),
    /// Make the running relay not ready, before this replica is taken away; callbacks that come are still taken.
    Drain(DrainArgs),
    /// Ask the running relay whether it is ready: for containers.
    Healthcheck,
    /// Look whether everything around the relay is as it should be: configuration, brokers, disk, clock, limits.
    ///
    /// Changes nothing, with a running relay or without. Exit code 0 when nothing is worse than a note, 1 when something is,
    /// 2 when the configuration is wrong, 3 when the spool cannot be used.
    Doctor(DoctorArgs),
    /// See it at work: a relay in a temporary directory, a small 10DLC story, and what became of it.
    Demo,
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the program.
pub fn run() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::Said(_)) {
                // Standard error may be closed; there is nobody left to tell.
                let _ = writeln!(std::io::stderr(), "{failure}");
            }
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let sources = Sources::find(cli.config, Environment::of_process());
    match cli.command {
        Command::Serve => commands::serve::run(load(sources)?),
        Command::CheckConfig => commands::check_config::run(&load(sources)?),
        Command::Schema { endpoint } => {
            commands::schema::run(endpoint, std::io::stdout().lock()).map_err(Failure::from)
        }
        Command::Asyncapi => commands::asyncapi::run(&beside(&sources)?),
        Command::Signature(command) => command.run(sources),
        Command::Events(args) => commands::events::run(&beside(&sources)?, &args),
        Command::Spool(command) => command.run(&beside(&sources)?),
        Command::Dead(command) => command.run(&beside(&sources)?),
        Command::Held(command) => command.run(&beside(&sources)?),
        Command::Quarantine(command) => command.run(&beside(&sources)?),
        Command::Replay(args) => commands::replay::run(&beside(&sources)?, args),
        Command::Renormalize(args) => commands::renormalize::run(&beside(&sources)?, &args),
        Command::Sinks(command) => command.run(&beside(&sources)?),
        Command::Drain(args) => commands::drain::run(&beside(&sources)?, &args),
        Command::Healthcheck => commands::healthcheck::run(&beside(&sources)?),
        Command::Doctor(args) => commands::doctor::run(&sources, args),
        Command::Demo => commands::demo::run(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tendlc-relay", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// For what runs the relay.
fn load(sources: Sources) -> Result<Loaded, Failure> {
    Config::load(sources).map_err(Failure::Configuration)
}

/// For what runs beside it.
fn beside(sources: &Sources) -> Result<Config, Failure> {
    Config::load_beside(sources).map_err(Failure::Configuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("tendlc-relay").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_manual_parses() {
        for line in [
            "serve",
            "serve --config relay.toml",
            "--config relay.toml check-config",
            "schema",
            "schema number_linking",
            "schema unrecognized",
            "asyncapi --config relay.toml",
            "signature verify --scheme v3",
            "events --follow --json",
            "events --endpoint brand --entity B1 --status rejected --since 2h --until 2026-11-24T13:00:00Z --limit 5",
            "spool status --json",
            "spool audit --limit 5 --json",
            "spool verify",
            "spool backup /mnt/copy --json",
            "spool export lost.jsonl",
            "spool export -",
            "spool import lost.jsonl --dry-run",
            "spool purge --entity +15551234567 --dry-run",
            "spool purge --account acme --unpublished --yes",
            "spool purge --before 30d",
            "spool compact --dry-run",
            "dead list --sink kafka",
            "dead requeue --sink kafka 1 2 3",
            "dead requeue --sink kafka --all --yes",
            "replay --sink kafka --from-time 1d",
            "replay --sink kafka --from-sequence 1 --to 9",
            "replay --sink kafka --from-time 2h --to-time 1h --endpoint brand --entity B1 --yes",
            "held list",
            "held release 4 5 --dry-run",
            "quarantine list --json",
            "quarantine show 3 --json",
            "quarantine release 3 4 --yes",
            "quarantine discard 3",
            "quarantine discard --all --dry-run",
            "dead show --sink kafka 7",
            "dead discard --sink kafka --all",
            "renormalize --since 7d --until 1h --dry-run",
            "sinks list",
            "sinks forget kafka",
            "drain --until-published --timeout 10m --yes",
            "drain --dry-run",
            "healthcheck",
            "doctor",
            "doctor --json --nats-monitor http://n1:8222 --nats-monitor http://n2:8222",
            "completions bash",
        ] {
            assert!(
                parse(line).is_ok(),
                "{line}: {}",
                parse(line).err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
    }

    /// The commands in a text: lines of code blocks, and what stands between backticks.
    fn commands(text: &str) -> Vec<&str> {
        let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        text.lines()
            .chain(spans)
            .filter_map(|line| line.strip_prefix("tendlc-relay "))
            // What the shell takes for itself.
            .map(|line| line.split(['#', '|', '>', '&', '…']).next().unwrap_or_default())
            .collect()
    }

    #[test]
    fn every_command_that_the_documents_name_parses() {
        let documents = [include_str!("../docs/runbook.md"), include_str!("../README.md")];
        for (text, least) in documents.into_iter().zip([40, 4]) {
            let found = commands(text);
            assert!(found.len() >= least, "only {}: {found:?}", found.len());
            for line in found {
                assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
            }
        }
    }

    #[test]
    fn slips_are_refused_with_exit_code_2_and_say_what_is_accepted() {
        for (line, expected) in [
            ("events --endpoint brands", "number_unlinking, unrecognized"),
            ("events --status good", "created, rejected"),
            ("events --since yesterday", "how long ago"),
            ("events --since 5", "how long ago"),
            ("signature verify --scheme v1", "v2"),
            ("replay --sink kafka", "--from-time"),
            ("replay --sink kafka --from-sequence 1 --to 2 --to-time 1h", "cannot be used with"),
            ("replay --sink kafka --from-time 1d --from-sequence 1", "cannot be used with"),
            ("dead requeue --sink kafka", "SEQUENCES"),
            ("dead discard --sink kafka 1 --all", "cannot be used with"),
            ("quarantine discard", "NUMBERS"),
            ("spool purge", "--entity"),
            ("spool purge --account a --before 1d", "cannot be used with"),
            ("sinks forget", "NAME"),
            ("held release 4 --yes --dry-run", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }
}
