//! The command line of `plivo-sim`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::failure::{Failure, Verdict};
use super::given::stray_account;
use super::load::{self, LoadArgs};
use super::send::{self, SendArgs};
use super::serve::{self, ServeArgs, ServeError};
use super::verify::{self, VerifyArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong usage
  130  load was interrupted, and its result is of a part";

const FILES: &str = concat!(
    "A scenario, as in config/plivo-sim/scenario.toml:\n\n",
    include_str!("../../config/plivo-sim/scenario.toml"),
    "\nA profile, as in config/plivo-sim/profile.toml:\n\n",
    include_str!("../../config/plivo-sim/profile.toml"),
);

const POINTING: &str = r#"Plivo's SDKs work against it unchanged but for their base URL, here of the default address:
  Python  plivo.rest.client.PLIVO_API_BASE_URI = "http://127.0.0.1:8765/v1/Account"
  Node    new plivo.Client(AUTH_ID, TOKEN, { url: "http://127.0.0.1:8765/v1/Account/" + AUTH_ID })
  curl    curl -u AUTH_ID:TOKEN http://127.0.0.1:8765/v1/Account/AUTH_ID/10dlc/Brand/

A brand must be COMPLETED before it has campaigns, and a campaign ACTIVE before it has numbers, as with Plivo: wait
for the callback, or hurry with --time-scale. All ends well unless asked otherwise: a brand or campaign with "reject"
in its name is rejected, and the options under "How things end" make more of it. A rejected campaign that is updated is
submitted again, and who was told of the first decision is told of the second.

Examples:
  plivo-sim serve
  PLIVO_AUTH_ID=MAXXXXXXXXXXXXXXXXXX PLIVO_AUTH_TOKEN=secret plivo-sim serve --time-scale 0.05
  plivo-sim serve --world accounts.toml --via http://127.0.0.1:8080 --ledger ledger.jsonl
  plivo-sim serve --listen 127.0.0.1:0 --json --campaign-reject-rate 0.2 --fail-number 0000"#;

/// A Plivo that anybody can run: its 10DLC API and the callbacks that requests to it owe.
#[derive(Debug, Parser)]
#[command(name = "plivo-sim", version, after_help = EXIT_CODES, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer Plivo's 10DLC API until SIGTERM or SIGINT.
    ///
    /// Brands, campaigns and numbers are kept in memory. A request whose `url` says where gets a callback for each of
    /// its steps: `created`, and later how it ended. It is tried four times as Plivo does it; what is under way at the
    /// end is finished, or written to the ledger as unfinished.
    #[command(after_long_help = POINTING)]
    Serve(Box<ServeArgs>),
    /// Send callbacks for entities that go through their lives, without any request to the API.
    ///
    /// Entities go on independently of each other, 20000 of them at a time; each step waits until the one before was
    /// answered with 200 or given up.
    #[command(after_long_help = FILES)]
    Send(Box<SendArgs>),
    /// Compare a ledger with what consumers read; exit code 1 when a promise is broken, 2 when there is nothing to compare.
    VerifyLedger(VerifyArgs),
    /// Send as many callbacks as a server takes, or so many a second, and say how fast it answers.
    ///
    /// Each is signed and the only one of its kind. Exit code 1 when one was not answered with 200. Ctrl-C ends it with
    /// the result so far, marked as partial, and exit code 130; a second one at once.
    ///
    /// For Linux alone: it waits for answers by epoll.
    Load(Box<LoadArgs>),
}

/// Runs the program.
pub fn run() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return slip(&error),
    };
    let ended = match command {
        Command::Serve(args) => serving(&args).map(|()| Verdict::Good),
        Command::Send(args) => send::run(*args).map(|()| Verdict::Good),
        Command::VerifyLedger(args) => verify::run(&args).map(Verdict::from),
        Command::Load(args) => load::run(&args),
    };
    match ended {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(failure) => {
            // Standard error may be closed; there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "plivo-sim: {:#}", failure.error());
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Says what is wrong with the command line, or what was asked to be said of it.
fn slip(error: &clap::Error) -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    // Nobody may be left to tell.
    let _ = match without_tokens(error, &arguments) {
        Some(text) => write!(std::io::stderr(), "{text}"),
        None => error.print(),
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The error without the tokens that it would repeat; `None` where it repeats none.
fn without_tokens(error: &clap::Error, arguments: &[String]) -> Option<String> {
    let said = error.render().to_string();
    let strays = arguments.iter().filter_map(|argument| stray_account(argument));
    let safe = strays.fold(said.clone(), |text, (id, account)| text.replace(account, &format!("{id}:…")));
    (safe != said).then_some(safe)
}

fn serving(args: &ServeArgs) -> Result<(), Failure> {
    let started = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = started.map_err(|error| Failure::Other(error.into()))?;
    let ended = runtime.block_on(serve::run(args));
    runtime.shutdown_background();
    ended.map_err(failure)
}

fn failure(error: ServeError) -> Failure {
    match error.exit_code() {
        2 => Failure::Usage(error.into()),
        _ => Failure::Other(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("plivo-sim").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn slips_are_refused_with_exit_code_2_and_say_what_is_accepted() {
        for (line, expected) in [
            ("serve --account SAEXAMPLE00000000001:x", "--subaccount"),
            ("serve --subaccount SAEXAMPLE00000000001:x", "main account"),
            ("serve --created-after 1e99", "from 0 to a year"),
            ("serve --brand-after soon", "number of seconds"),
            ("serve --listen here", "--listen"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn the_help_of_send_shows_both_files() {
        let help = parse("send --help").unwrap_err().to_string();
        for words in ["[[entities]]", "repeat_after = 600", "[fields]", "[statuses]"] {
            assert!(help.contains(words), "no {words} in {help}");
        }
        assert!(!parse("send -h").unwrap_err().to_string().contains("[[entities]]"));
    }

    #[test]
    fn no_token_of_the_command_line_comes_back() {
        for line in [
            "serve --account SAEXAMPLE00000000001:s3cret",
            "serve --account s3cret",
            "serve --account s3cret:MAEXAMPLE00000000001",
            "serve --subaccount SAEXAMPLE00000000001:s3cret",
            "serve --subaccount SAEXAMPLE00000000001:x@s3cret",
            "send --to http://h/ --subaccount=MA1:s3cret",
            "serve MAEXAMPLE00000000001:s3cret",
            "serve --acount MAEXAMPLE00000000001:s3cret",
            "serve --acount=MAEXAMPLE00000000001:s3cret",
            "serve --json=MAEXAMPLE00000000001:s3cret",
            "MAEXAMPLE00000000001:s3cret",
        ] {
            let error = parse(line).unwrap_err();
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let said = without_tokens(&error, &arguments).unwrap_or_else(|| error.to_string());
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(said.contains("error: ") && !said.contains("s3cret"), "{line}: {said}");
        }
    }
}
