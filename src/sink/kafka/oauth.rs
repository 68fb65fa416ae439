//! The OAUTHBEARER token, from a file or a command.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;
use serde::Deserialize;

use super::config::Sasl;
use crate::event::Timestamp;
use crate::sink::secret;
use crate::units::Secret;

/// How long a token command may take. It holds up the reports of deliveries.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a token counts that does not say when it expires.
const LIFETIME_MILLIS: i64 = 300_000;

/// No token is longer.
const LONGEST: u64 = 64 * 1024;

/// A fresh token.
pub(super) fn token(sasl: &Sasl) -> Result<OAuthToken, String> {
    let text = match (&sasl.token_file, &sasl.token_command) {
        (Some(path), _) => secret::read(path, "sasl.token_file").map_err(|error| error.to_string())?,
        (None, Some(command)) => run(command)?,
        (None, None) => return Err("sasl: neither token_file nor token_command is set".to_owned()),
    };
    let token = text.expose().trim();
    if token.is_empty() {
        return Err("sasl: the token is empty: see what token_file or token_command gives".to_owned());
    }
    let claims = claims(token);
    Ok(OAuthToken {
        token: token.to_owned(),
        principal_name: claims.sub.or_else(|| sasl.username.clone()).unwrap_or_default(),
        lifetime_ms: claims.exp.map_or_else(
            || Timestamp::now().as_millis() + LIFETIME_MILLIS,
            |seconds| (seconds * 1_000.0) as i64,
        ),
    })
}

/// What a JWT says about itself. Not verified here: the broker does that.
#[derive(Default, Deserialize)]
struct Claims {
    exp: Option<f64>,
    sub: Option<String>,
}

fn claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// Runs a command and takes what it prints.
fn run(command: &[String]) -> Result<Secret, String> {
    let [program, arguments @ ..] = command else {
        return Err("sasl.token_command: the program's name is missing".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("sasl.token_command: {program:?} cannot be started: {error}"))?;
    // Read beside the wait, since a full pipe would keep the command from ending.
    let reader = child.stdout.take().map(|pipe| std::thread::spawn(move || text_of(pipe)));
    let success =
        ended(&mut child).map_err(|problem| format!("sasl.token_command: {program:?} {problem}"))?;
    if !success {
        return Err(format!("sasl.token_command: {program:?} failed: run it by hand to see why"));
    }
    let text = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Ok(Secret::new(text))
}

fn text_of(pipe: impl Read) -> String {
    let mut text = String::new();
    // What is not UTF-8 or cannot be read is no token: it counts as empty.
    if pipe.take(LONGEST).read_to_string(&mut text).is_err() {
        text.clear();
    }
    text
}

fn ended(child: &mut Child) -> Result<bool, String> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => break,
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("took longer than {} s", PATIENCE.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sasl(text: &str) -> Sasl {
        toml::from_str(&format!("mechanism = \"OAUTHBEARER\"\n{text}")).unwrap()
    }

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_jwt_says_who_and_until_when() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, format!("{}\n", jwt(r#"{"sub":"relay","exp":1900000000}"#))).unwrap();
        let token = token(&sasl(&format!("token_file = {path:?}"))).unwrap();
        assert_eq!((token.principal_name.as_str(), token.lifetime_ms), ("relay", 1_900_000_000_000));
        assert!(!token.token.ends_with('\n'));
    }

    #[test]
    fn a_command_prints_an_opaque_token() {
        let token = token(&sasl("username = \"u\"\ntoken_command = [\"echo\", \"opaque\"]")).unwrap();
        assert_eq!((token.token.as_str(), token.principal_name.as_str()), ("opaque", "u"));
        assert!(token.lifetime_ms > Timestamp::now().as_millis());
    }

    #[test]
    fn what_gives_no_token_says_so() {
        for (source, part) in [
            ("token_file = \"/nowhere\"", "sasl.token_file"),
            ("token_command = [\"false\"]", "failed"),
            ("token_command = [\"/nowhere\"]", "cannot be started"),
            ("token_command = [\"true\"]", "empty"),
        ] {
            let problem = token(&sasl(source)).err().unwrap();
            assert!(problem.contains(part), "{problem}");
        }
    }
}
