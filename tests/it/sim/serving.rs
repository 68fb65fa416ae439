//! How `plivo-sim serve` begins and ends.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use rustix::process::Signal;

use super::away::for_a_brand;
use crate::support::brokers::lasting_port;
use crate::support::callback;
use crate::support::cli;
use crate::support::http::{self, Request};
use crate::support::process::Process;
use crate::support::sim::{Sim, sim};
use crate::support::wait::{until, until_true};

const AUTH_ID: &str = "MAEXAMPLE00000000001";

fn basic(auth_id: &str, token: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{auth_id}:{token}"));
    format!("Basic {encoded}")
}

fn brands(auth_id: &str, token: &str) -> Request {
    Request::new("GET", &format!("/v1/Account/{auth_id}/10dlc/Brand/"))
        .header("Authorization", &basic(auth_id, token))
}

#[test]
fn without_any_account_one_is_made_and_its_token_works() {
    let sim = Sim::start(&[]);
    let account = &sim.opening["accounts"][0];
    let (auth_id, token) = (account["auth_id"].as_str().unwrap(), account["token"].as_str().unwrap());
    assert_eq!(sim.send(&brands(auth_id, token)).status, 200);
    assert_eq!(sim.send(&brands(auth_id, "guessed")).status, 401);
}

#[test]
fn accounts_come_from_flags_from_a_file_and_from_the_sdks_own_variables() {
    let dir = tempfile::tempdir().unwrap();
    let world = dir.path().join("world.toml");
    let text = format!(
        "[[account]]\nauth_id = \"SAEXAMPLE00000000001\"\ntoken = \"t0ken-sub\"\nmain = \"{AUTH_ID}\"\n"
    );
    std::fs::write(&world, text).unwrap();
    let mut command = sim(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    command.arg("--account").arg(format!("{AUTH_ID}:t0ken-main")).arg("--world").arg(&world);
    command.env("PLIVO_AUTH_ID", "MAVARIABLE0000000001").env("PLIVO_AUTH_TOKEN", "t0ken-variable");
    let process = Process::spawn_heard(&mut command);
    let opening = until("the base URL", || process.log.entries().into_iter().next());
    assert!(!opening.to_string().contains("t0ken"), "given tokens stay secret: {opening}");
    let sim = Sim { process, opening };
    for (auth_id, token) in [
        (AUTH_ID, "t0ken-main"),
        ("SAEXAMPLE00000000001", "t0ken-sub"),
        ("MAVARIABLE0000000001", "t0ken-variable"),
    ] {
        assert_eq!(sim.send(&brands(auth_id, token)).status, 200, "{auth_id}");
    }
}

#[test]
fn sigterm_ends_it_and_it_says_what_was_still_to_come() {
    let mut sim = Sim::start(&["--account", &format!("{AUTH_ID}:t"), "--created-after", "0"]);
    let body = r#"{"brand_alias":"acme","profile_uuid":"p","url":"https://x.example/"}"#;
    let mut request = brands(AUTH_ID, "t").body(body);
    request.method = "POST".to_owned();
    assert_eq!(sim.send(&request).status, 202);
    until_true("the first callback owed", || sim.owed().len() == 1);
    sim.process.signal(Signal::TERM);
    assert_eq!(sim.process.wait().code(), Some(0));
    let last = sim.process.log.entries().pop().unwrap();
    assert_eq!(last["ended"]["steps_not_taken"], 1, "its registration");
}

/// A disk that is full, played by a limit on the size of files.
#[test]
fn a_ledger_that_cannot_be_written_is_told_at_once_and_in_the_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lasting_port()));
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' XFSZ; ulimit -f 1; exec "$0" "$@""#, env!("CARGO_BIN_EXE_plivo-sim")]);
    command.args(["serve", "--listen", &address.to_string(), "--json", "--ledger"]).arg(&ledger);
    // Nobody is there: every callback is given up, and written down.
    command.args(["--via", "http://127.0.0.1:1", "--created-after", "0", "--time-scale", "0.0001"]);
    command.args(["--account", &format!("{}:{}", callback::AUTH_ID, callback::TOKEN)]);
    let mut process = Process::spawn(&mut command);
    until_true("a brand is taken", || http::send(address, &for_a_brand()).is_ok_and(|one| one.status == 202));
    for _ in 0..4 {
        assert_eq!(http::send(address, &for_a_brand()).unwrap().status, 202);
    }
    until_true("that it says so", || process.log.contains("writing the ledger"));
    assert_eq!(process.ended(), None, "the API goes on");
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(1), "{}", process.log.tail());
}

#[test]
fn a_person_is_told_how_to_point_the_sdks_at_it() {
    let mut process = Process::spawn_heard(&mut sim(&["serve", "--listen", "127.0.0.1:0"]));
    until_true("the last line", || process.log.contains("curl"));
    for line in [
        "PLIVO_API_BASE_URI = \"http://127.0.0.1:",
        "plivo.RestClient(",
        "new plivo.Client(",
        "/10dlc/Brand/",
    ] {
        assert!(process.log.contains(line), "no {line} in {}", process.log.tail());
    }
    process.signal(Signal::INT);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn what_it_cannot_run_with_it_says_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let world = dir.path().join("world.toml");
    std::fs::write(&world, "[[account]]\nauth_id = \"MA1\"\ntoken = \"t0ken-x\"\n").unwrap();
    let world = world.to_str().unwrap();
    let torn = dir.path().join("torn.toml");
    std::fs::write(&torn, "[[account]]\nauth_id = \"MA1\"\ntoken = t0ken-x\n").unwrap();
    let torn = torn.to_str().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, code, said) in [
        (vec!["serve", "--listen", taken.as_str()], 1, "--listen"),
        (vec!["serve", "--world", "/nowhere/world.toml"], 2, "cannot read"),
        (vec!["serve", "--world", world], 2, "no auth id"),
        (vec!["serve", "--world", torn], 2, "torn.toml"),
        (vec!["serve", "--brand-reject-rate", "2"], 2, "from 0 to 1"),
        (vec!["serve", "--time-scale", "nan"], 2, "--time-scale"),
        (vec!["serve", "--subaccount", "SAEXAMPLE00000000001:t@MAEXAMPLE00000000009"], 2, "main account"),
    ] {
        let finished = cli::run(&mut sim(&arguments));
        assert_eq!(finished.code, Some(code), "{arguments:?}: {finished:?}");
        assert!(finished.err.contains(said) && !finished.err.contains("t0ken"), "{finished:?}");
    }
}
