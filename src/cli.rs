//! The command line: what can be asked for, and how a failure becomes an exit code.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands::{self, Failure};
use crate::config::{Config, Environment, Loaded, Sources};
use crate::event::{Status, Timestamp};
use crate::normalize::schema::Kind;
use crate::signature::Scheme;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, or (signature verify, explain) a signature is not valid
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
    /// See it at work: a relay in a temporary directory, a small 10DLC story, and what became of it.
    Demo,
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum SignatureCommand {
    /// Read captures as JSON Lines from standard input and say of each whether its signature is valid.
    ///
    /// A line has `method`, `uri`, `params`, `auth_token`, `nonce` and `signature`. Exactly that URL is checked.
    Verify {
        /// v2 or v3.
        #[arg(long)]
        scheme: Scheme,
    },
    /// Say why a captured request is taken for Plivo's, or is not, and what to do about it.
    ///
    /// The request is a recorded HTTP/1.1 message (request line, headers, blank line, body), or is told by options
    /// named as curl's. It is checked as the relay would check it under the configuration: the answer says which
    /// route it comes to, which strings are tried, and which token and scheme match. When none does, other origins,
    /// paths, tokens and headers are tried, and what matches is named. Exit code 1 when the relay refuses it.
    Explain(ExplainArgs),
}

/// A captured request, and where else to look.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The recorded message; `-` is standard input.
    #[arg(required_unless_present = "url", conflicts_with_all = ["request", "header", "data"])]
    pub file: Option<PathBuf>,
    /// The method [default: POST with --data, else GET].
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub request: Option<String>,
    /// The URL, or path and query, that the request came for.
    #[arg(long, conflicts_with = "file")]
    pub url: Option<String>,
    /// A header, such as `X-Plivo-Signature-V2: …`; repeat it.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The body as it is, or the file it is in: @FILE.
    #[arg(short = 'd', long, value_name = "BODY")]
    pub data: Option<String>,
    /// A URL as it may have been given to Plivo; repeat it.
    #[arg(long, value_name = "URL")]
    pub registered_url: Vec<String>,
    /// A file of more auth tokens to try, one a line.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The address that the request came from: whether what a proxy says of the URL counts.
    #[arg(long, value_name = "ADDRESS")]
    pub peer: Option<IpAddr>,
    /// How the answer is shown.
    #[command(flatten)]
    pub shown: Shown,
}

/// Which events, and how they are shown.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only this endpoint: brand, campaign, number_linking, number_unlinking or unrecognized.
    #[arg(long)]
    pub endpoint: Option<Kind>,
    /// Only this entity: a brand id, a campaign id, or a number such as +15551234567.
    #[arg(long, value_name = "ID")]
    pub entity: Option<String>,
    /// Only this status.
    #[arg(long)]
    pub status: Option<Status>,
    /// Only this account, by name.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Received at this time or later: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Received before this time: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// At most so many, the latest of those that match [default: 50 in a table, all as JSON].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Go on with events as they are accepted, until interrupted.
    #[arg(long, short)]
    pub follow: bool,
    /// One event a line as JSON, also on a terminal.
    #[arg(long)]
    pub json: bool,
}

/// How an answer is shown.
#[derive(Debug, Clone, Copy, Args)]
pub struct Shown {
    /// JSON, also on a terminal.
    #[arg(long)]
    pub json: bool,
}

/// What every command that changes something asks first.
#[derive(Debug, Clone, Copy, Args)]
pub struct Agreement {
    /// Do it without asking; needed where there is no terminal to ask on.
    #[arg(long, short)]
    pub yes: bool,
    /// Only say what it would do.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum SpoolCommand {
    /// Sizes, counts and cursors.
    Status(Shown),
    /// Check the file's pages, every record's checksum, that none is missing, and the mark of what was acknowledged.
    ///
    /// Names the damaged ranges, and ends with exit code 3 when there are any. Also while the relay runs.
    Verify(Shown),
    /// Copy the spool as it stands now to another directory, which can be used as spool.path.
    ///
    /// Also while the relay runs. The copy is whole, without the room of what was deleted, and is checked. What was
    /// published since is published again by a relay that starts from it, under the same ids.
    Backup {
        /// A directory that is not there or empty, best on another disk.
        to: PathBuf,
        #[command(flatten)]
        shown: Shown,
    },
    /// Who changed what by command, the latest first.
    Audit {
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
        #[command(flatten)]
        shown: Shown,
    },
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// List dead letters with their reasons.
    List {
        /// Only of this sink.
        #[arg(long, value_name = "NAME")]
        sink: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// Show one with its whole event.
    Show {
        /// The sink.
        #[arg(long, value_name = "NAME")]
        sink: String,
        /// The record's sequence number, as listed.
        sequence: u64,
        #[command(flatten)]
        shown: Shown,
    },
    /// Give up dead letters of a sink: it never gets them. The records stay, and can be replayed.
    Discard {
        /// The sink.
        #[arg(long, value_name = "NAME")]
        sink: String,
        /// The records' sequence numbers, as listed.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        sequences: Vec<u64>,
        /// All dead letters of the sink.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// Send dead letters of a sink to it again, once their cause is mended.
    Requeue {
        /// The sink.
        #[arg(long, value_name = "NAME")]
        sink: String,
        /// The records' sequence numbers, as listed.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        sequences: Vec<u64>,
        /// All dead letters of the sink.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        agreement: Agreement,
    },
}

#[derive(Debug, Subcommand)]
enum HeldCommand {
    /// List them, the latest first.
    List(Shown),
    /// Make events of their own of them, each with the next occurrence.
    Release {
        /// Their numbers, as listed.
        #[arg(required = true)]
        numbers: Vec<u64>,
        #[command(flatten)]
        agreement: Agreement,
    },
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// List them, the latest first.
    List(Shown),
    /// Show one as it was received, beside the event that its signature came with first.
    Show {
        /// Its number, as listed.
        number: u64,
        #[command(flatten)]
        shown: Shown,
    },
    /// Make events of their own of them: your word stands for what the signature does not prove.
    ///
    /// The signature goes on to stand for what it came with first, so that nothing else is let in by it.
    Release {
        /// Their numbers, as listed.
        #[arg(required = true)]
        numbers: Vec<u64>,
        #[command(flatten)]
        agreement: Agreement,
    },
    /// Delete them for good.
    Discard {
        /// Their numbers, as listed.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        numbers: Vec<u64>,
        /// All that are in quarantine.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        agreement: Agreement,
    },
}

/// What is published again.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The sink.
    #[arg(long, value_name = "NAME")]
    pub sink: String,
    /// From the first event received at this time or later: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment, required_unless_present = "from_sequence")]
    pub from_time: Option<Timestamp>,
    /// From this sequence number.
    #[arg(long, value_name = "N", conflicts_with = "from_time")]
    pub from_sequence: Option<u64>,
    /// To this sequence number [default: the latest now].
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Up to the last event received before this time: RFC 3339, or how long ago, such as 1h.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "to")]
    pub to_time: Option<Timestamp>,
    /// Only this endpoint: brand, campaign, number_linking, number_unlinking or unrecognized.
    #[arg(long)]
    pub endpoint: Option<Kind>,
    /// Only this entity: a brand id, a campaign id, or a number such as +15551234567.
    #[arg(long, value_name = "ID")]
    pub entity: Option<String>,
    /// Whether it is asked first.
    #[command(flatten)]
    pub agreement: Agreement,
}

/// What is normalized again.
#[derive(Debug, Args)]
pub struct RenormalizeArgs {
    /// Received at this time or later: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Received before this time: RFC 3339, or how long ago, such as 2h.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Whether it is asked first.
    #[command(flatten)]
    pub agreement: Agreement,
}

/// How a replica takes leave.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Wait until every sink has everything and nothing has come for ingress.drain_delay.
    #[arg(long)]
    pub until_published: bool,
    /// Give up waiting after so long, such as 10m [default: never].
    #[arg(long, value_name = "DURATION", requires = "until_published")]
    pub timeout: Option<crate::units::Span>,
    /// Whether it is asked first.
    #[command(flatten)]
    pub agreement: Agreement,
}

#[derive(Debug, Subcommand)]
enum SinksCommand {
    /// List the sinks with their cursors, also those no longer configured.
    List(Shown),
    /// Forget the cursor of a sink that is no longer configured, with its dead letters.
    Forget {
        /// The sink.
        name: String,
        #[command(flatten)]
        agreement: Agreement,
    },
}

/// A moment, absolute or so long ago.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Some(moment) = Timestamp::parse_rfc3339(text) {
        return Ok(moment);
    }
    let ago = text.parse::<crate::units::Span>().ok().filter(|_| text.ends_with(char::is_alphabetic));
    let ago = ago.and_then(|ago| i64::try_from(ago.as_millis()).ok());
    ago.map(|ago| Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(ago))).ok_or_else(|| {
        "accepted are RFC 3339, such as 2026-11-24T13:00:00Z, and how long ago, such as 90s, 2h or 7d"
            .to_owned()
    })
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
        Command::Signature(SignatureCommand::Verify { scheme }) => {
            let output = std::io::BufWriter::new(std::io::stdout().lock());
            let all_valid = commands::signature::verify(scheme, std::io::stdin().lock(), output)?;
            if all_valid { Ok(()) } else { Err(Failure::Said(1)) }
        }
        Command::Signature(SignatureCommand::Explain(args)) => commands::explain::run(&load(sources)?, &args),
        Command::Events(args) => commands::events::run(&beside(&sources)?, &args),
        Command::Spool(SpoolCommand::Status(shown)) => commands::spool::status(&beside(&sources)?, shown),
        Command::Spool(SpoolCommand::Verify(shown)) => commands::spool::verify(&beside(&sources)?, shown),
        Command::Spool(SpoolCommand::Backup { to, shown }) => {
            commands::spool::backup(&beside(&sources)?, &to, shown)
        }
        Command::Spool(SpoolCommand::Audit { limit, shown }) => {
            commands::spool::audit(&beside(&sources)?, limit, shown)
        }
        Command::Dead(DeadCommand::List { sink, shown }) => {
            commands::dead::list(&beside(&sources)?, sink, shown)
        }
        Command::Dead(DeadCommand::Requeue { sink, sequences, all, agreement }) => {
            commands::dead::requeue(&beside(&sources)?, sink, (!all).then_some(sequences), agreement)
        }
        Command::Dead(DeadCommand::Show { sink, sequence, shown }) => {
            commands::dead::show_one(&beside(&sources)?, &sink, sequence, shown)
        }
        Command::Dead(DeadCommand::Discard { sink, sequences, all, agreement }) => {
            commands::dead::discard(&beside(&sources)?, sink, (!all).then_some(sequences), agreement)
        }
        Command::Held(HeldCommand::List(shown)) => commands::held::list(&beside(&sources)?, shown),
        Command::Held(HeldCommand::Release { numbers, agreement }) => {
            commands::held::release(&beside(&sources)?, numbers, agreement)
        }
        Command::Quarantine(QuarantineCommand::List(shown)) => {
            commands::quarantine::list(&beside(&sources)?, shown)
        }
        Command::Quarantine(QuarantineCommand::Show { number, shown }) => {
            commands::quarantine::show(&beside(&sources)?, number, shown)
        }
        Command::Quarantine(QuarantineCommand::Release { numbers, agreement }) => {
            commands::quarantine::release(&beside(&sources)?, numbers, agreement)
        }
        Command::Quarantine(QuarantineCommand::Discard { numbers, all, agreement }) => {
            commands::quarantine::discard(&beside(&sources)?, (!all).then_some(numbers), agreement)
        }
        Command::Replay(args) => commands::replay::run(&beside(&sources)?, args),
        Command::Renormalize(args) => commands::renormalize::run(&beside(&sources)?, &args),
        Command::Sinks(SinksCommand::List(shown)) => commands::sinks::list(&beside(&sources)?, shown),
        Command::Sinks(SinksCommand::Forget { name, agreement }) => {
            commands::sinks::forget(&beside(&sources)?, name, agreement)
        }
        Command::Drain(args) => commands::drain::run(&beside(&sources)?, &args),
        Command::Healthcheck => commands::healthcheck::run(&beside(&sources)?),
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
            "signature verify --scheme v3",
            "events --follow --json",
            "events --endpoint brand --entity B1 --status rejected --since 2h --until 2026-11-24T13:00:00Z --limit 5",
            "spool status --json",
            "spool audit --limit 5 --json",
            "spool verify",
            "spool backup /mnt/copy --json",
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
            "completions bash",
        ] {
            assert!(
                parse(line).is_ok(),
                "{line}: {}",
                parse(line).err().map(|e| e.to_string()).unwrap_or_default()
            );
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
            ("sinks forget", "NAME"),
            ("held release 4 --yes --dry-run", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn how_long_ago_is_taken_from_now() {
        let ago = moment("1h").unwrap();
        let passed = Timestamp::now().millis_since(ago);
        assert!((3_600_000..3_660_000).contains(&passed), "{passed}");
    }
}
